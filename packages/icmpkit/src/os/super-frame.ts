/**
 * What offloads leave undone, done: a transport checksum that the interface would have finished, and the super-frame
 * (GSO, GRO: up to 64 KiB of TCP or UDP behind one header) cut into the datagrams that were or would be on the wire.
 * A stack that saw such frames would forward bad checksums and answer "too big" to packets that nobody sent.
 *
 * The kernel says what is undone in a virtio_net_hdr (VIRTIO 1.2 §5.1.6) in front of the frame:
 *   | flags 8 | gso type 8 | header length 16 | gso size 16 | checksum start 16 | checksum offset 16 |
 */
import { finish, pseudo4, pseudo6, sum } from '../wire/checksum.ts'
import * as ip4 from '../wire/ip4.ts'
import { Type } from '../wire/ip6-extension.ts'
import { put16, put32, u16, u32 } from '../wire/octets.ts'

/** Offsets in the virtio_net_hdr; integers are the machine's. */
export const Offload = { flags: 0, gsoType: 1, gsoSize: 4, checksumStart: 6, checksumOffset: 8, size: 10 } as const
/** `flags`: the checksum is the pseudo-header's only; or, verified by the interface. */
export const NEEDS_CHECKSUM = 1
export const CHECKSUM_VALID = 2
/** `gso type`, without its ECN bit. */
export const Gso = { none: 0, tcp4: 1, tcp6: 4, udp: 5, ecn: 0x80 } as const

/** Sums `start…end`, whose checksum field at `field` holds the pseudo-header's sum. False where it lies outside. */
export function finishChecksum(bytes: Uint8Array, start: number, field: number, end: number): boolean {
  if (field < start || field + 2 > end) return false
  put16(bytes, field, finish(sum(bytes, start, end)) || 0xffff)
  return true
}

/** Gives the datagrams of one super-frame, each with its link header, one after the other. */
export class SuperFrame {
  /** More segments are to come. */
  open = false
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #end = 0
  /** Offsets of the IP header, the transport header and the payload from the start of the frame. */
  #ip = 0
  #transport = 0
  #payload = 0
  #size = 0
  #tcp = false
  #four = false
  #next = 0
  #index = 0

  /**
   * Takes the frame at `at…end`; `ip` and `transport` are where its headers start. False: it is not what `gso` says, so
   * it cannot be cut. The octets are borrowed until the last segment was given.
   */
  take(
    bytes: Uint8Array,
    at: number,
    end: number,
    ip: number,
    transport: number,
    gso: number,
    gsoSize: number,
  ): boolean {
    const type = gso & ~Gso.ecn
    this.#tcp = type !== Gso.udp
    if (type !== Gso.tcp4 && type !== Gso.tcp6 && type !== Gso.udp) return false
    const header = this.#tcp ? TCP : UDP
    if (gsoSize === 0 || ip < at || transport + header > end) return false
    this.#four = bytes[ip]! >>> 4 === 4
    if (type === Gso.tcp4 ? !this.#four : type === Gso.tcp6 && this.#four) return false
    // Not a tunnel's outer header: inside of it there would be more to set right.
    if (!leadsTo(bytes, ip, transport, this.#tcp ? 6 : 17)) return false
    const payload = transport + (this.#tcp ? (bytes[transport + 12]! >>> 4) * 4 : UDP)
    if (payload < transport + header || payload >= end) return false
    this.#bytes = bytes
    this.#at = at
    this.#end = end
    this.#ip = ip - at
    this.#transport = transport - at
    this.#payload = payload - at
    this.#size = gsoSize
    this.#next = payload
    this.#index = 0
    this.open = true
    return true
  }

  /** Octets that the next segment takes at most. */
  get room(): number {
    return this.#payload + this.#size
  }

  /** Writes the next segment at `to`; its end. */
  next(out: Uint8Array, to: number): number {
    const from = this.#next
    const until = Math.min(from + this.#size, this.#end)
    const last = until === this.#end
    const start = to + this.#payload
    const end = start + until - from
    const transport = to + this.#transport
    const ip = to + this.#ip
    out.set(this.#bytes.subarray(this.#at, this.#at + this.#payload), to)
    out.set(this.#bytes.subarray(from, until), start)
    if (this.#four) {
      put16(out, ip + 2, end - ip)
      // One after the other, as the kernel numbers them; where DF is set nobody looks (RFC 6864).
      put16(out, ip + 4, (u16(out, ip + 4) + this.#index) & 0xffff)
      ip4.seal(out, ip)
    } else put16(out, ip + 4, end - ip - IP6)
    if (this.#tcp) {
      put32(out, transport + 4, (u32(out, transport + 4) + (from - this.#at - this.#payload)) >>> 0)
      // The end and the push belong to the last one, "window reduced" to the first (RFC 3168 §6.1.2).
      out[transport + 13]! &= ~((last ? 0 : FIN | PSH) | (from === this.#at + this.#payload ? 0 : CWR))
    } else put16(out, transport + 4, end - transport)
    const field = transport + (this.#tcp ? 16 : 6)
    const protocol = this.#tcp ? 6 : 17
    put16(out, field, 0)
    const pseudo = (this.#four ? pseudo4 : pseudo6)(out, ip, protocol, end - transport)
    put16(out, field, finish(sum(out, transport, end, pseudo)) || 0xffff)
    this.#next = until
    this.#index++
    this.open = !last
    return end
  }
}

/** Is `protocol` what the IP header at `ip` and its extensions say of the octets at `transport`? */
function leadsTo(bytes: Uint8Array, ip: number, transport: number, protocol: number): boolean {
  if (bytes[ip]! >>> 4 === 4) return ip + (bytes[ip]! & 15) * 4 === transport && bytes[ip + 9] === protocol
  if (bytes[ip]! >>> 4 !== 6) return false
  let next = bytes[ip + 6]!
  let at = ip + IP6
  while (at < transport && (next === HOP_BY_HOP || next === ROUTING || next === DESTINATION)) {
    next = bytes[at]!
    at += (bytes[at + 1]! + 1) * 8
  }
  return at === transport && next === protocol
}

const IP6 = 40
const { hopByHop: HOP_BY_HOP, routing: ROUTING, destinationOptions: DESTINATION } = Type
const TCP = 20
const UDP = 8
const FIN = 0x01
const PSH = 0x08
const CWR = 0x80
