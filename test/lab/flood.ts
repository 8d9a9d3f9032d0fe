/** Frames of strangers without end: sources at random, or chosen by somebody who knows how tables hash. */
import { Random } from '../../packages/icmpkit/src/lab/random.ts'
import { type Ip4, type Ip6, showIp, writeIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { hex, put16, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { octetsOf } from '../scenario/packet.ts'
import type { Carried } from '../scenario/scenario.ts'

/** How the sources of a flood are chosen, out of 10.0.0.0/8 and 2001:db8::/32. */
export const SOURCES = ['at random', 'with the same low 64 bits', 'with the same high 64 bits'] as const
export type Sources = (typeof SOURCES)[number]

/** What a flood is made of; each makes some table grow where nothing bounds it. */
export const KINDS = [
  'echo',
  'udp',
  'fragment4',
  'fragment6',
  'echo6',
  'udp6',
  'arp',
  'solicitation',
  'advertisement',
  'redirect6',
  'redirect4',
  'routerAdvertisement',
  'tooBig',
  'needsFragmentation',
  'listenerReport',
] as const
export type Kind = (typeof KINDS)[number]

/** The node that is flooded. */
export interface Victim {
  mac: Uint8Array
  ip4: string
  ip6: string
}

export class Flood {
  readonly #random: Random
  readonly #sources: Sources
  readonly #victim: Victim
  #id = 0

  constructor(seed: number, sources: Sources, victim: Victim) {
    this.#random = new Random(seed, 1)
    this.#sources = sources
    this.#victim = victim
  }

  /** The next frame. */
  frame(kind: Kind): Uint8Array {
    const v = this.#victim
    const mac = this.#mac()
    const src4 = showIp(this.#ip4())
    const src6 = showIp(this.#ip6())
    const option = `0101${hex(mac)}`
    this.#id++
    switch (kind) {
      case 'echo':
        return this.#ip(mac, v.ip4, src4, { kind: 'echo' })
      case 'udp':
        return this.#ip(mac, v.ip4, src4, { kind: 'udp', port: 9999 })
      case 'fragment4':
        return this.#ip(mac, v.ip4, src4, { kind: 'echo', size: 600, slice: [0, 400] }, { offset: 0, more: true })
      case 'echo6':
        return this.#ip(mac, v.ip6, src6, { kind: 'echo' })
      case 'udp6':
        return this.#ip(mac, v.ip6, src6, { kind: 'udp', port: 9999 })
      case 'fragment6':
        return this.#ip(mac, v.ip6, src6, { kind: 'echo', size: 600, slice: [0, 400] }, { offset: 0, more: true })
      case 'arp':
        return this.#arp(mac)
      case 'solicitation':
        return this.#icmp6(mac, src6, `8700 0000 00000000 ${this.#hex(v.ip6)} ${option}`)
      case 'advertisement':
        return this.#icmp6(mac, src6, `8800 0000 e0000000 ${hex16(this.#ip6())} 0201${hex(mac)}`)
      case 'redirect6':
        return this.#icmp6(
          mac,
          ROUTER,
          `8900 0000 00000000 ${hex16(this.#ip6())} ${hex16(this.#ip6())} 0201${hex(mac)}`,
        )
      case 'redirect4':
        return this.#ip(mac, v.ip4, '10.0.0.3', {
          kind: 'icmp',
          octets: `0501 0000 ${hex4(this.#ip4())} ${this.#quote4()}`,
        })
      case 'routerAdvertisement':
        return this.#icmp6(
          mac,
          showIp(((0xfe80n << 112n) | (this.#ip6() & 0xffffffffffffffffn)) as Ip6),
          `8600 0000 40000708 00000000 00000000 0304 40c0 00278d00 00093a80 00000000 ${hex16(this.#ip6())}`,
        )
      case 'tooBig':
        return this.#icmp6(
          mac,
          src6,
          `0200 0000 00000514 60000000 05143a40 ${this.#hex(v.ip6)} ${hex16(this.#ip6())} 81000000 5ce70001`,
        )
      case 'needsFragmentation':
        return this.#ip(mac, v.ip4, src4, { kind: 'icmp', octets: `0304 0000 00000514 ${this.#quote4()}` })
      case 'listenerReport':
        return this.#icmp6(
          mac,
          showIp(((0xfe80n << 112n) | BigInt(this.#random.next())) as Ip6),
          `8300 0000 00000000 ${hex16(((0xff0en << 112n) | BigInt(this.#random.next())) as Ip6)}`,
          1,
        )
    }
  }

  #ip(
    mac: Uint8Array,
    to: string,
    from: string,
    carries: Carried,
    fragment?: { offset: number; more: boolean },
  ): Uint8Array {
    const packet = octetsOf(
      { to, id: this.#id & 0xffff, carries, ...(fragment === undefined ? {} : { fragment }) },
      from,
    )
    return this.#framed(mac, to.includes(':') ? 0x86dd : 0x0800, packet)
  }

  #icmp6(mac: Uint8Array, from: string, octets: string, ttl = 255): Uint8Array {
    return this.#framed(mac, 0x86dd, octetsOf({ to: this.#victim.ip6, ttl, carries: { kind: 'icmp', octets } }, from))
  }

  #arp(mac: Uint8Array): Uint8Array {
    const packet = unhex(`0001 0800 06 04 0001 ${hex(mac)} ${hex4(this.#ip4())} 000000000000 ${'00'.repeat(4)}`)
    packet.set(this.#victim.ip4.split('.').map(Number), 24)
    return this.#framed(mac, 0x0806, packet)
  }

  #framed(mac: Uint8Array, etherType: number, packet: Uint8Array): Uint8Array {
    const frame = new Uint8Array(14 + packet.length)
    frame.set(this.#victim.mac)
    frame.set(mac, 6)
    put16(frame, 12, etherType)
    frame.set(packet, 14)
    return frame
  }

  /** A datagram of the victim's to somebody. */
  #quote4(): string {
    const from = this.#victim.ip4.split('.').map(Number)
    return `45000054 00010000 40010000 ${hex(Uint8Array.from(from))} ${hex4(this.#ip4())} 0000ffff 5ce70001`
  }

  #hex(ip6: string): string {
    return hex(octetsOf({ to: ip6, carries: { kind: 'protocol', protocol: 59, octets: '' } }, '::').subarray(24, 40))
  }

  #mac(): Uint8Array {
    const r = this.#random.next()
    return Uint8Array.of(2, 7, r >>> 24, r >>> 16, r >>> 8, r)
  }

  #ip4(): Ip4 {
    return ((10 << 24) | (1 << 16) | (this.#random.next() & 0xfeffff)) as Ip4
  }

  #ip6(): Ip6 {
    const r = () => BigInt(this.#random.next())
    switch (this.#sources) {
      case 'at random':
        return ((PREFIX << 96n) | (r() << 64n) | (r() << 32n) | r()) as Ip6
      case 'with the same low 64 bits':
        return ((PREFIX << 96n) | (r() << 64n) | 1n) as Ip6
      case 'with the same high 64 bits':
        return ((PREFIX << 96n) | (r() << 32n) | r()) as Ip6
    }
  }
}

const PREFIX = 0x20010db8n
/** The link-local address of the third port made. */
const ROUTER = 'fe80::ff:fe00:3'

function hex16(ip: Ip6): string {
  const out = new Uint8Array(16)
  writeIp(ip, out, 0)
  return hex(out)
}

function hex4(ip: Ip4): string {
  const out = new Uint8Array(4)
  writeIp(ip, out, 0)
  return hex(out)
}
