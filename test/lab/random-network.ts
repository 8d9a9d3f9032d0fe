/**
 * Networks out of a number, with traffic in them, and the digest of every packet on every link: when it went, what became
 * of it, its octets. Whole numbers, `+ - * /` and `Math.imul` only, so that any machine and any Node makes the same.
 */
import { createHash } from 'node:crypto'
import { type LabConfig, type LinkData, lab } from '../../packages/icmpkit/src/lab/index.ts'
import { Random } from '../../packages/icmpkit/src/lab/random.ts'
import type { Ip } from '../../packages/icmpkit/src/wire/addr.ts'
import { icmp4 } from '../../packages/icmpkit/src/wire/index.ts'

/** A tree of gateways, a host at each, some links more; links that delay, lose, double, turn bits, go down and up. */
export function randomNetwork(n: number): LabConfig {
  const r = new Random(n, 1)
  const size = 1 + r.below(3)
  const nodes: Record<string, 'host' | 'gateway'> = {}
  const links: (string | LinkData)[][] = []
  for (let i = 0; i < size; i++) {
    nodes[`r${i}`] = 'gateway'
    nodes[`h${i}`] = 'host'
    links.push([`h${i}`, `r${i}`, randomLink(r)])
    if (i > 0) links.push([`r${i}`, `r${r.below(i)}`, randomLink(r)])
  }
  if (size > 2) links.push(['r0', `r${size - 1}`, { ...randomLink(r), name: 'more' }])
  const name = (l: (string | LinkData)[]) => (typeof l[2] === 'object' && l[2].name) || `${l[0]}-${l[1]}`
  const shaken = name(links[r.below(links.length)]!)
  const down = 300 + r.below(300)
  return {
    seed: r.next() >>> 0,
    nodes,
    links,
    at: [
      { time: down, down: shaken },
      { time: down + 400, up: shaken },
    ],
  }
}

/** Each host asks the next one for echoes, large and small, far and too far, over both families. */
export function traceOf(config: LabConfig): { digest: string; packets: number } {
  const net = lab(config)
  const hash = createHash('sha256')
  let packets = 0
  for (const l of net.links) {
    net.tap(l.name, (p) => {
      packets++
      hash.update(`${p.time} ${p.link} ${p.from} ${p.to} ${p.fate} ${p.arrives}\n`)
      hash.update(p.bytes.subarray(p.at, p.end))
    })
  }
  const hosts = net.nodes.filter((n) => n.kind === 'host')
  const addresses = hosts.map((h) => [...h.node.ports.values()][0]!.addresses.map((a) => a.address))
  for (let turn = 0; turn < 3; turn++) {
    for (const [i, { node }] of hosts.entries()) {
      for (const dst of addresses[(i + 1) % hosts.length]!) ask(node, net.now, dst, turn)
    }
    net.run((turn + 1) * 250)
  }
  return { digest: hash.digest('hex'), packets }
}

function ask(
  node: import('../../packages/icmpkit/src/lab/index.ts').LabNode['node'],
  now: number,
  dst: Ip,
  turn: number,
) {
  const ttl = turn === 2 ? 2 : 64
  const message = {
    kind: 'echoRequest',
    code: 0,
    id: 7,
    seq: turn,
    data: new Uint8Array(turn === 1 ? 1400 : 32),
  } as const
  const at = now as Parameters<typeof node.handleTimeout>[0]
  if (typeof dst === 'bigint') {
    node.ip6.sendMessage(at, { dst, hopLimit: ttl }, message)
    return
  }
  const payload = new Uint8Array(icmp4.size(message))
  icmp4.write(message, payload, 0)
  node.ip4.send(at, { dst, ttl, protocol: icmp4.PROTOCOL, payload })
}

function randomLink(r: Random): LinkData {
  const one = <T>(...of: T[]): T => of[r.below(of.length)]!
  return {
    delay: one(0.1, 1, 5, 33.3),
    jitter: one(0, 0.1, 7),
    loss: one(0, 0, 0.05, 0.3),
    duplicate: one(0, 0, 0.1),
    reorder: one(0, 0, 0.2),
    corrupt: one(0, 0, 0.02),
    mtu: one(1280, 1500),
    rate: one(1e6, 1e9),
    ...(r.chance(0.2) ? { burstLoss: { enter: 0.1, leave: 0.5 } } : {}),
  }
}
