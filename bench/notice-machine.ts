/**
 * The notice machine alone, in one thread without a kernel: workstations learned from packets, all of them told, and what
 * a packet of a known one costs. Beside the notices stands what nobody can do without: as many octets copied and summed.
 */
import type { Instant } from '../packages/icmpkit/src/clock.ts'
import type { Arrival, Slot } from '../packages/icmpkit/src/door.ts'
import { Notifier } from '../packages/icmpkit/src/notice/index.ts'
import { checksum, type Ip4, type Ip6, ip4, ip6, udp } from '../packages/icmpkit/src/wire/index.ts'
import { median, printTable } from './figures.ts'

export const question: string =
  'How much CPU does the notice machine take to tell 100,000 workstations and to look at a packet, and how much memory does a workstation take?'

const ROUNDS = 5

export async function run(): Promise<void> {
  const rows: (string | number)[][] = []
  for (const family of [4, 6] as const) for (const count of [1000, 10_000, 100_000]) rows.push(measure(family, count))
  printTable(
    [
      'IPv',
      'workstations',
      'told, ms',
      'ns each',
      'copy and sum, ns',
      'octets a notice',
      'learned, ns a packet',
      'known, ns a packet',
      'octets a workstation',
    ],
    rows,
  )
}

function measure(family: 4 | 6, count: number): (string | number)[] {
  const packets = Array.from(
    { length: count },
    (_, i) => [datagram(family, i, true), datagram(family, i, false)] as const,
  )
  const told: number[] = []
  const learned: number[] = []
  const known: number[] = []
  const least: number[] = []
  let memory = 0
  let octets = 0
  for (let round = 0; round < ROUNDS; round++) {
    const n = new Notifier({
      programs: [{ name: 'bench', protocol: 'udp', port: 5000 }],
      wall: () => 1_800_000_000,
      random: Math.random,
      rate: 1e9,
      burst: 1e9,
    })
    learned.push(timed(() => feed(n, packets, 0)) / (3 * count))
    known.push(timed(() => feed(n, packets, 10)) / (3 * count))
    const learnt = n.status(20 as Instant)[0]?.workstations
    if (learnt !== count) throw new Error(`${learnt} of ${count} learned`)
    // With the places of those that are not confirmed yet, as many as they have been at once.
    memory = n.memory
    const slot: Slot = { bytes: new Uint8Array(2048), at: 0, limit: 2048, end: 0, family: undefined, port: 0, tag: 0 }
    n.offline(30 as Instant, 'bench', { reason: 'maintenance of the database', backAt: 1_800_003_600 })
    let sent = 0
    told.push(
      timed(() => {
        while (n.pollTransmit(31 as Instant, slot)) sent++
      }),
    )
    if (sent !== count) throw new Error(`${sent} of ${count} told`)
    octets = slot.end
    const from = slot.bytes.slice()
    let sums = 0
    least.push(
      timed(() => {
        for (let i = 0; i < count; i++) {
          slot.bytes.set(from.subarray(0, octets))
          sums += checksum.sum(slot.bytes, 0, octets)
        }
      }) / count,
    )
    if (sums === 0) throw new Error('nothing was summed')
  }
  const ms = median(told) / 1e6
  return [
    family,
    count,
    ms.toFixed(2),
    Math.round((ms * 1e6) / count),
    Math.round(median(least)),
    octets,
    Math.round(median(learned)),
    Math.round(median(known)),
    (memory / count).toFixed(1),
  ]
}

function feed(n: Notifier, packets: readonly (readonly [Uint8Array, Uint8Array])[], now: number): void {
  const a: Arrival = { ...ARRIVAL, bytes: packets[0]![0], end: 0, length: 0 }
  const give = (bytes: Uint8Array) => {
    a.bytes = bytes
    a.end = bytes.length
    a.length = bytes.length
    n.handlePacket(now as Instant, a)
  }
  for (const [into] of packets) give(into)
  for (const [, out] of packets) give(out)
  for (const [into] of packets) give(into)
}

/** CPU nanoseconds of the process. */
function timed(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) * 1000
}

/** Octets of UDP, enough to be told in words: nobody is told more than he has said. */
const UPPER = 308

/** Of workstation `i` to the server, or back. */
function datagram(family: 4 | 6, i: number, into: boolean): Uint8Array {
  const length = (family === 4 ? 20 : 40) + UPPER
  const bytes = new Uint8Array(length)
  const ports = into
    ? { srcPort: 20_000 + (i % 40_000), dstPort: 5000 }
    : { srcPort: 5000, dstPort: 20_000 + (i % 40_000) }
  if (family === 4) {
    const [workstation, server] = [(0x0a00_0000 + 2 + i) as Ip4, (0x0aff_0001 | 0) as Ip4]
    const ends = into ? { src: workstation, dst: server } : { src: server, dst: workstation }
    const at = ip4.write({ ...ends, protocol: 17 }, bytes, 0, UPPER)
    udp.write(ports, bytes, at, length, checksum.pseudo4(bytes, 0, 17, UPPER))
  } else {
    const [workstation, server] = [
      ((0x2001_0db8n << 96n) + BigInt(i + 2)) as Ip6,
      ((0x2001_0db8_0001n << 80n) + 1n) as Ip6,
    ]
    const ends = into ? { src: workstation, dst: server } : { src: server, dst: workstation }
    const at = ip6.write({ ...ends, protocol: 17 }, bytes, 0, UPPER)
    udp.write(ports, bytes, at, length, checksum.pseudo6(bytes, 0, 17, UPPER))
  }
  return bytes
}

const ARRIVAL = {
  at: 0,
  origin: 'wire',
  link: 'host',
  checksum: 'ok',
  stamp: 0 as Instant,
  clock: 'virtual',
  port: 1,
} as const
