/** A small network under attack, and an eye on every error that leaves any of its nodes. */

import type { LabConfig } from '../../packages/icmpkit/src/lab/index.ts'
import { type Lab, lab } from '../../packages/icmpkit/src/lab/index.ts'
import { u16 } from '../../packages/icmpkit/src/wire/octets.ts'
import { type Hostile, numbered } from './hostile-packets.ts'

/** An ICMP error that a node sent. */
export interface SeenError {
  at: number
  by: string
  link: string
  family: 4 | 6
  type: number
  code: number
  /** Octets of the whole packet. */
  length: number
  /** From the quoted header on. */
  quote: Uint8Array
  /** Which of the hostile packets it is about; undefined: about something that a node sent itself. */
  about: { hostile: Hostile; packet: Uint8Array } | undefined
}

export class HostileNetwork {
  readonly net: Lab
  readonly errors: SeenError[] = []
  readonly #sent: { hostile: Hostile; packet: Uint8Array }[] = []
  #injecting = false

  constructor(config: Partial<LabConfig> = {}) {
    this.net = lab({
      nodes: { x: 'host', h: 'host', r: 'gateway', s: 'host' },
      links: [
        ['x', 'h', 'r'],
        ['r', 's', { mtu: 1280 }],
      ],
      ...config,
    })
    this.net.run(20_000)
    for (const link of this.net.links) {
      this.net.tap(link.name, (p) => {
        if (!this.#injecting && p.fate !== 'duplicated') this.#look(p.time, p.from, p.link, p.bytes.slice(p.at, p.end))
      })
    }
  }

  /** x puts the packet on its link. */
  give(h: Hostile, wait = 20): void {
    const packet = numbered(h, this.#sent.length + 1)
    this.#sent.push({ hostile: h, packet })
    const frame = new Uint8Array(14 + packet.length)
    frame.set(this.#mac(h.to, packet, h.family))
    frame.set(this.#macOf('x'), 6)
    frame.set(h.family === 4 ? [0x08, 0x00] : [0x86, 0xdd], 12)
    frame.set(packet, 14)
    this.#injecting = true
    this.net.node('x').inject(this.net.now, 1, frame)
    this.#injecting = false
    this.net.run(this.net.now + wait)
  }

  #macOf(node: string): Uint8Array {
    return this.net.node(node).node.ports.get(1)!.mac
  }

  #mac(to: Hostile['to'], packet: Uint8Array, family: 4 | 6): Uint8Array {
    if (to === 'right') {
      const end = family === 4 ? 20 : 40
      const link = family === 4 ? packet[16] === 10 && packet[18] === 0 : packet[24] === 0xfe || packet[31] === 0
      return this.#macOf(link && packet[end - 1] === 2 ? 'h' : 'r')
    }
    if (to === 'host') return this.#macOf('h')
    if (to === 'gateway') return this.#macOf('r')
    if (to === 'broadcast') return new Uint8Array(6).fill(0xff)
    return to === 'multicast' ? Uint8Array.of(0x33, 0x33, 0, 0, 0, 1) : Uint8Array.of(2, 9, 9, 9, 9, 9)
  }

  #look(at: number, by: string, link: string, frame: Uint8Array): void {
    const ip = frame.subarray(14)
    const family = u16(frame, 12) === 0x0800 ? 4 : u16(frame, 12) === 0x86dd ? 6 : undefined
    if (family === undefined) return
    const icmp = family === 4 ? (ip[0]! & 15) * 4 : 40
    if (ip[family === 4 ? 9 : 6] !== (family === 4 ? 1 : 58)) return
    if (family === 4 && (u16(ip, 6) & 0x1fff) !== 0) return
    const type = ip[icmp]!
    if (!(family === 4 ? ERRORS4 : ERRORS6).includes(type) || this.#isForwarded(ip, icmp)) return
    const quote = ip.subarray(icmp + 8)
    const number = family === 4 ? u16(quote, 4) : ((quote[1]! & 15) << 16) | u16(quote, 2)
    const about = this.#sent[number - 1]
    const same = about !== undefined && about.hostile.family === family && sameEnds(about.packet, quote, family)
    this.errors.push({
      at,
      by,
      link,
      family,
      type,
      code: ip[icmp + 1]!,
      length: ip.length,
      quote,
      about: same ? about : undefined,
    })
  }

  /** What a node passes on is not of its making. */
  #isForwarded(ip: Uint8Array, icmp: number): boolean {
    const rest = Buffer.from(ip.subarray(icmp))
    return this.#sent.some(({ packet }) => {
      const from = packet.length - rest.length
      return Buffer.from(packet).includes(rest) || (from > 0 && Buffer.from(packet.subarray(from)).equals(rest))
    })
  }
}

const ERRORS4 = [3, 4, 5, 11, 12]
const ERRORS6 = [1, 2, 3, 4]

function sameEnds(packet: Uint8Array, quote: Uint8Array, family: 4 | 6): boolean {
  const [from, to] = family === 4 ? [12, 20] : [8, 24]
  for (let i = from!; i < to!; i++) if (packet[i] !== quote[i]) return false
  return true
}
