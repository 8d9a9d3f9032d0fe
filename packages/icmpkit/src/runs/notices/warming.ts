/**
 * An outage rehearsed before the first real one: a notifier of its own learns some thousands of workstations and tells them
 * all, into memory that nobody reads. An outage is rare, so its code would be compiled while workstations wait: that was a
 * fifth of the 150 ms that 10,000 of them took (docs/decisions/notices.md).
 */
import type { Instant } from '../../clock.ts'
import type { Arrival, Slot } from '../../door.ts'
import { Notifier, type NotifierOptions } from '../../notice/index.ts'
import type { Ip4, Ip6 } from '../../wire/addr.ts'
import * as checksum from '../../wire/checksum.ts'
import * as ip4 from '../../wire/ip4.ts'
import * as ip6 from '../../wire/ip6.ts'
import * as udp from '../../wire/udp.ts'

/** Takes some 0.2 s of CPU, before anything is watched; `manners` as the real one has them, so that a key signs here as well. */
export function rehearseNotices(manners: Omit<NotifierOptions, 'programs' | 'wall'>): void {
  const n = new Notifier({
    ...manners,
    programs: [{ name: 'rehearsal', protocol: 'udp', port: SERVER }],
    wall: () => 0,
    limit: WORKSTATIONS,
    rate: Number.MAX_SAFE_INTEGER,
    burst: Number.MAX_SAFE_INTEGER,
  })
  const bytes = new Uint8Array(2048)
  const a: Arrival = { ...ARRIVAL, bytes, end: 0, length: 0 }
  for (const family of [4, 6] as const) {
    // In, out and in again.
    for (const into of [true, false, true]) {
      for (let i = 0; i < WORKSTATIONS; i++) {
        a.end = datagram(bytes, family, i, into)
        a.length = a.end
        n.handlePacket(NOW, a)
      }
    }
  }
  n.offline(NOW, 'rehearsal', {})
  const slot: Slot = { bytes, at: 0, limit: bytes.length, end: 0, family: undefined, port: 0, tag: 0 }
  for (const family of [4, 6] as const) {
    slot.family = family
    while (n.pollTransmit(NOW, slot)) slot.port = 0
  }
}

/** Of workstation `i` to the server, or back; returns its end. */
function datagram(bytes: Uint8Array, family: 4 | 6, i: number, into: boolean): number {
  const ports = into ? { srcPort: FIRST + i, dstPort: SERVER } : { srcPort: SERVER, dstPort: FIRST + i }
  const [a, b] = into ? [1, 2] : [2, 1]
  if (family === 4) {
    const at = ip4.write({ src: (TEST4 + a) as Ip4, dst: (TEST4 + b) as Ip4, protocol: 17 }, bytes, 0, OCTETS)
    udp.write(ports, bytes, at, at + OCTETS, checksum.pseudo4(bytes, 0, 17, OCTETS))
    return at + OCTETS
  }
  const ends = { src: (TEST6 + BigInt(a)) as Ip6, dst: (TEST6 + BigInt(b)) as Ip6 }
  const at = ip6.write({ ...ends, protocol: 17 }, bytes, 0, OCTETS)
  udp.write(ports, bytes, at, at + OCTETS, checksum.pseudo6(bytes, 0, 17, OCTETS))
  return at + OCTETS
}

/** Of UDP: as much as a notice, so that it is told in words. */
const OCTETS = udp.HEADER + 400

const WORKSTATIONS = 1500
const SERVER = 7
const FIRST = 20_000
const NOW = 1 as Instant
/** 192.0.2.0 and 2001:db8:: are for documentation. */
const TEST4 = 0xc000_0200 | 0
const TEST6 = 0x2001_0db8n << 96n
const ARRIVAL = {
  at: 0,
  origin: 'wire',
  link: 'host',
  checksum: 'ok',
  stamp: NOW,
  clock: 'virtual',
  port: 1,
} as const
