/**
 * The stack alone, in one thread without a kernel: an echo answered in place, a datagram forwarded from one Ethernet port
 * to another. Beside each stands what nobody can do without: the octets copied once, and their checksum made.
 */
import type { Instant } from '../packages/icmpkit/src/clock.ts'
import type { Arrival, Slot } from '../packages/icmpkit/src/door.ts'
import { checksum, unhex } from '../packages/icmpkit/src/wire/index.ts'
import { octetsOf } from '../test/scenario/packet.ts'
import { ip4, ip6, OneNode, port } from '../test/stack/one-node.ts'
import { median, printTable } from './figures.ts'

export const question: string =
  'How many ns does the stack take for an echo answered and a datagram forwarded, and how does that compare with copying and summing the octets?'

const BATCH = 64
const COUNT = BATCH * 2000
const ROUNDS = 9

type Family = 4 | 6

export async function run(): Promise<void> {
  const rows: (string | number)[][] = []
  for (const flows of [1, 1000]) {
    for (const family of [4, 6] as const)
      rows.push(measure(`IPv${family} echo answered`, host(family), echoes(family, flows)))
    for (const family of [4, 6] as const)
      rows.push(measure(`IPv${family} forwarded`, gateway(family), datagrams(family, flows)))
  }
  printTable(['what', 'askers, flows', 'octets', 'ns', 'packets/s', 'copy and sum, ns', 'ratio'], rows)
}

function measure(what: string, n: OneNode, frames: readonly Uint8Array[]): (string | number)[] {
  const { node } = n
  const now = n.now as Instant
  // The first of each takes the long way. What does not come out again is no measurement.
  for (const frame of [...frames, ...frames]) {
    if (n.give(frame).length !== 1) throw new Error(`${what}: a frame goes in, and not one comes out`)
  }
  const octets = frames[0]!.length
  const a: Arrival = { ...ARRIVAL, bytes: new Uint8Array(2048), end: octets, length: octets, stamp: now }
  const slot: Slot = { bytes: new Uint8Array(2048), at: 0, limit: 2048, end: 0, family: undefined, port: 2, tag: 0 }
  const { counters } = node
  const before = counters.answered + counters.forwarded
  let given = 0
  let sums = 0
  const through = () => {
    for (let i = 0; i < COUNT; ) {
      for (const stop = i + BATCH; i < stop; i++) {
        a.bytes.set(frames[i % frames.length]!)
        node.handlePacket(now, a)
        given++
      }
      while (node.pollTransmit(now, slot));
    }
  }
  const atLeast = () => {
    for (let i = 0; i < COUNT; i++) {
      a.bytes.set(frames[i % frames.length]!)
      sums += checksum.fold(checksum.sum(a.bytes, ETHERNET, octets))
    }
  }
  const [whole, floor] = [[] as number[], [] as number[]]
  for (let round = 0; round <= ROUNDS; round++) {
    const [w, f] = [cpu(through), cpu(atLeast)]
    // The first one warms up.
    if (round === 0) continue
    whole.push(w / COUNT)
    floor.push(f / COUNT)
  }
  const done = counters.answered + counters.forwarded - before
  if (done !== given) throw new Error(`${what}: ${given} went in, ${done} were dealt with`)
  if (sums === 0) throw new Error('nothing was summed')
  const ns = median(whole)
  const ratio = (ns / median(floor)).toFixed(1)
  return [what, frames.length, octets, Math.round(ns), Math.round(1e9 / ns), Math.round(median(floor)), ratio]
}

/** Nanoseconds of this thread's processor time: another program on it does not count. */
function cpu(body: () => void): number {
  const start = process.threadCpuUsage()
  body()
  const { user, system } = process.threadCpuUsage(start)
  return (user + system) * 1000
}

/** All its askers are behind one router. */
function host(family: Family): OneNode {
  const config =
    family === 4
      ? { ports: [port(1, { addresses: ['192.0.2.1/24'] })], ip4: { routes: [ROUTE4(1, '192.0.2.9')] } }
      : { ports: [port(1, { addresses: ['2001:db8::1/64'] })], ip6: { routes: [ROUTE6(1, '2001:db8::9')] } }
  const n = new OneNode(config)
  meet(n, family, 1)
  return n
}

/** Everything goes to the router at its second port. */
function gateway(family: Family): OneNode {
  const config =
    family === 4
      ? {
          ports: [port(1, { addresses: ['192.0.2.1/24'] }), port(2, { addresses: ['198.51.100.1/24'] })],
          ip4: { routes: [ROUTE4(2, '198.51.100.9')] },
        }
      : {
          ports: [port(1, { addresses: ['2001:db8::1/64'] }), port(2, { addresses: ['2001:db8:1::1/64'] })],
          ip6: { routes: [ROUTE6(2, '2001:db8:1::9')] },
        }
  const n = new OneNode({ role: 'gateway', ...config })
  meet(n, family, 2)
  return n
}

const ROUTE4 = (by: number, via: string) =>
  ({ prefix: ip4('0.0.0.0'), prefixLength: 0, kind: 'unicast', nextHop: ip4(via), port: by }) as const
const ROUTE6 = (by: number, via: string) =>
  ({ prefix: ip6('::'), prefixLength: 0, kind: 'unicast', nextHop: ip6(via), port: by }) as const

/** Its addresses are probed for, then the router at that port asks who it is, and is known thereby. */
function meet(n: OneNode, family: Family, index: number): void {
  n.run(20_000)
  const net = index === 1 ? ['c00002', '20010db80000'] : ['c63364', '20010db80001']
  const to = `02000000000${index}`
  const frame =
    family === 4
      ? unhex(`${to} ${ROUTER} 0806 0001 0800 0604 0001 ${ROUTER} ${net[0]}09 000000000000 ${net[0]}01`)
      : frameOf(
          index,
          octetsOf(
            {
              to: index === 1 ? '2001:db8::1' : '2001:db8:1::1',
              ttl: 255,
              carries: { kind: 'icmp', octets: `8700 0000 00000000 ${net[1]}00000000000000000001 0101 ${ROUTER}` },
            },
            index === 1 ? '2001:db8::9' : '2001:db8:1::9',
          ),
        )
  if (n.give(frame, { port: index }).length === 0) throw new Error('the router is not answered')
  n.taken()
}

function echoes(family: Family, askers: number): Uint8Array[] {
  return Array.from({ length: askers }, (_, i) =>
    frameOf(
      1,
      octetsOf({ to: family === 4 ? '192.0.2.1' : '2001:db8::1', carries: { kind: 'echo', size: 56 } }, far(family, i)),
    ),
  )
}

function datagrams(family: Family, flows: number): Uint8Array[] {
  const from = family === 4 ? '192.0.2.7' : '2001:db8::7'
  return Array.from({ length: flows }, (_, i) =>
    frameOf(1, octetsOf({ to: far(family, i), carries: { kind: 'udp', port: 9, size: 64 } }, from)),
  )
}

function far(family: Family, i: number): string {
  return family === 4 ? `10.1.${i >> 8}.${i & 255 || 1}` : `2001:db8:a::${(i + 1).toString(16)}`
}

function frameOf(index: number, packet: Uint8Array): Uint8Array {
  const type = packet[0]! >> 4 === 4 ? '0800' : '86dd'
  return Uint8Array.from([...unhex(`02000000000${index} ${ROUTER} ${type}`), ...packet])
}

const ROUTER = '020000000009'
const ETHERNET = 14
const ARRIVAL = { at: 0, origin: 'wire', link: 'host', checksum: 'unknown', clock: 'virtual', port: 1 } as const
