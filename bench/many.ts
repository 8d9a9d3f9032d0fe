/**
 * Show 6: a thousand targets a second in one process. What a capture beside it shows as answered must be reported as
 * answered, by the target that was asked; also while half of the targets draw an error from a router for each probe.
 */
import { execFileSync } from 'node:child_process'
import { ping } from '../packages/icmpkit/src/index.ts'
import { type Ip, readIp4, readIp6, showIp } from '../packages/icmpkit/src/wire/addr.ts'
import { ip as parse } from '../test/kernel/testnet.ts'
import { threeHosts } from '../test/kernel/three-hosts.ts'
import { printTable } from './figures.ts'
import { sniff } from './sniffer.ts'

export const question: string =
  'Do 1,000 targets a second lose no reply that a capture shows, half of them unreachable or not? (SECONDS=60 sets how long)'

/** RT_TABLE_LOCAL */
const LOCAL = 255
const TARGETS = 1000
const SECONDS = Number(process.env.SECONDS ?? 60)

export async function run(): Promise<void> {
  using net = threeHosts()
  // Every address of these networks is the server's own.
  for (const [dst, prefixLength] of [
    ['10.60.0.0', 16],
    ['fd60::', 64],
  ] as const) {
    const lo = net.server.netlink.index('lo')
    net.server.netlink.addRoute({ dst: parse(dst), prefixLength, type: 'local', scope: 'host', table: LOCAL, oif: lo })
    const gateway = parse(typeof parse(dst) === 'bigint' ? 'fd66:2::1' : '10.66.2.1')
    net.router.netlink.addRoute({ dst: parse(dst), prefixLength, gateway, oif: net.router.netlink.index('far') })
  }
  // A route that says unreachable has a limit of its own for each asker; a rule that rejects has none.
  for (const [name, set] of [
    ['ip', 'ip daddr 10.61.0.0/16 reject with icmp type host-unreachable'],
    ['ip6', 'ip6 daddr fd61::/64 reject with icmpv6 type addr-unreachable'],
  ] as const) {
    nft(net.router.name, `add table ${name} lab`)
    nft(net.router.name, `add chain ${name} lab forward { type filter hook forward priority 0; }`)
    nft(net.router.name, `add rule ${name} lab forward ${set}`)
  }
  const via = net.router.netlink.index('far')
  net.router.netlink.addRoute({ dst: parse('10.61.0.0'), prefixLength: 16, gateway: parse('10.66.2.1'), oif: via })
  net.router.netlink.addRoute({ dst: parse('fd61::'), prefixLength: 64, gateway: parse('fd66:2::1'), oif: via })
  const rows: (string | number)[][] = []
  for (const family of [4, 6] as const) {
    for (const unreachable of [false, true]) rows.push(await one(net.client.name, family, unreachable))
  }
  printTable(
    [
      'targets',
      'sent',
      'replies in capture',
      'replies told',
      'lost by us',
      'wrong target',
      'errors in capture',
      'errors told',
      'local drops',
      'cpu %',
    ],
    rows,
  )
}

function nft(netns: string, rule: string): void {
  execFileSync('ip', ['netns', 'exec', netns, 'nft', rule])
}

async function one(netns: string, family: 4 | 6, half: boolean): Promise<(string | number)[]> {
  const targets = Array.from({ length: TARGETS }, (_, i) => {
    // The router says of every odd one that it cannot be reached.
    const odd = half && i % 2 === 1 ? 1 : 0
    return family === 4 ? `10.6${odd}.${1 + (i >> 8)}.${i & 255}` : `fd6${odd}::${(i + 1).toString(16)}`
  })
  const shownReplies = new Map<string, number>()
  const told = new Map<string, number>()
  let wrong = 0
  let errorsTold = 0
  let errorsShown = 0
  const cpu = process.cpuUsage()
  const start = process.hrtime.bigint()
  let used = { user: 0, system: 0 }
  let wall = 1
  const result = await sniff(
    netns,
    'near',
    async () => {
      const session = ping(targets, {
        count: SECONDS,
        interval: 1000,
        timeout: 2000,
        netns,
        door: 'ping-socket',
      })
      for await (const e of session) {
        if (e.kind === 'reply' || e.kind === 'late') {
          told.set(e.from, (told.get(e.from) ?? 0) + 1)
          if (e.from !== e.target) wrong++
        }
        if (e.kind === 'error') errorsTold++
      }
      used = process.cpuUsage(cpu)
      wall = Number(process.hrtime.bigint() - start) / 1000
      return session.done
    },
    ({ bytes, ip }) => {
      // Neighbours solicit each other meanwhile.
      if (bytes[ip]! >> 4 !== family) return
      const icmp = family === 4 ? ip + 20 : ip + 40
      const type = bytes[icmp]!
      const from = (): Ip => (family === 4 ? readIp4(bytes, ip + 12) : readIp6(bytes, ip + 8))
      if (type === (family === 4 ? 0 : 129)) {
        const text = showIp(from())
        shownReplies.set(text, (shownReplies.get(text) ?? 0) + 1)
      } else if (type === (family === 4 ? 3 : 1)) errorsShown++
    },
  )
  let lostByUs = 0
  for (const [from, n] of shownReplies) lostByUs += Math.max(0, n - (told.get(from) ?? 0))
  const sum = (m: Map<string, number>) => [...m.values()].reduce((a, b) => a + b, 0)
  return [
    `IPv${family}${half ? ', half unreachable' : ''}`,
    result.sent,
    sum(shownReplies),
    sum(told),
    lostByUs,
    wrong,
    errorsShown,
    errorsTold,
    result.localDrops,
    ((100 * (used.user + used.system)) / wall).toFixed(0),
  ]
}
