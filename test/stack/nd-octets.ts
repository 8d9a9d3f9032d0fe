/**
 * Neighbour discovery and MLD packets octet by octet, as the RFCs draw them, for tests of the stack: nothing of the
 * stack's own writers is in them. What leaves the stack is read the same way.
 */
import { parseIp, readIp6, showIp, writeIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { hex, unhex } from '../../packages/icmpkit/src/wire/octets.ts'

/** The link-layer address that `port(1)` of one-node.ts has. */
export const OUR_MAC = '020000000001'

export interface Envelope {
  from: string
  to: string
  /** Source of the frame, hex. */
  mac?: string
  /** Its destination; by default ours, or the one of the group. */
  dstMac?: string
  hop?: number
  /** Extension headers, hex, the first one's type in front: `00 3a00050200000100`; their last next header is 58. */
  extension?: { type: number; octets: string }
  /** Damages the checksum. */
  badChecksum?: boolean
}

export const addr = (text: string): string => {
  const out = new Uint8Array(16)
  writeIp(parseIp(text)!, out, 0)
  return hex(out)
}

const n16 = (n: number) => n.toString(16).padStart(4, '0')
const n32 = (n: number) => n.toString(16).padStart(8, '0')
const n8 = (n: number) => n.toString(16).padStart(2, '0')

/** A frame with `body`, an ICMPv6 message whose checksum is zero, as hex. */
export function frame(e: Envelope, body: string): Uint8Array {
  const message = unhex(body)
  const src = addr(e.from)
  const dst = addr(e.to)
  const pseudo = unhex(`${src}${dst}${n32(message.length)}0000003a`)
  let sum = 0
  for (const part of [pseudo, message])
    for (let i = 0; i < part.length; i += 2) sum += (part[i]! << 8) | (part[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  const checksum = (~sum & 0xffff) ^ (e.badChecksum === true ? 0x5555 : 0)
  message[2] = checksum >>> 8
  message[3] = checksum
  const multicast = dst.startsWith('ff')
  const to = e.dstMac ?? (multicast ? `3333${dst.slice(24)}` : OUR_MAC)
  const extension = e.extension?.octets ?? ''
  const length = extension.replace(/ /g, '').length / 2 + message.length
  return unhex(
    `${to}${e.mac ?? '0200000000aa'}86dd60000000${n16(length)}${n8(e.extension?.type ?? 58)}${n8(e.hop ?? 255)}${src}${dst}${extension}${hex(message)}`,
  )
}

export const slla = (mac: string): string => `0101${mac}`
export const tlla = (mac: string): string => `0201${mac}`
export const mtu = (value: number): string => `05010000${n32(value)}`
export const nonce = (octets: string): string => `0e01${octets}`

export const ns = (target: string, ...options: string[]): string => `8700000000000000${addr(target)}${options.join('')}`

/** `flags` of R, S and O. */
export const na = (target: string, flags: string, ...options: string[]): string => {
  const bits = (flags.includes('R') ? 0x80 : 0) | (flags.includes('S') ? 0x40 : 0) | (flags.includes('O') ? 0x20 : 0)
  return `88000000${n8(bits)}000000${addr(target)}${options.join('')}`
}

export const rs = (...options: string[]): string => `8500000000000000${options.join('')}`

export interface Ra {
  hop?: number
  flags?: number
  lifetime?: number
  reachable?: number
  retrans?: number
}

export const ra = (f: Ra, ...options: string[]): string =>
  `86000000${n8(f.hop ?? 0)}${n8(f.flags ?? 0)}${n16(f.lifetime ?? 1800)}${n32(f.reachable ?? 0)}${n32(f.retrans ?? 0)}${options.join('')}`

/** `flags` of L and A. */
export const prefix = (text: string, flags: string, valid: number, preferred: number = valid): string => {
  const [address, length] = text.split('/')
  const bits = (flags.includes('L') ? 0x80 : 0) | (flags.includes('A') ? 0x40 : 0)
  return `0304${n8(Number(length))}${n8(bits)}${n32(valid)}${n32(preferred)}00000000${addr(address!)}`
}

/** Route Information of 24 octets. `preference` as its two bits. */
export const route = (text: string, preference: number, lifetime: number): string => {
  const [address, length] = text.split('/')
  return `1803${n8(Number(length))}${n8(preference << 3)}${n32(lifetime)}${addr(address!)}`
}

export const redirect = (target: string, destination: string, ...options: string[]): string =>
  `8900000000000000${addr(target)}${addr(destination)}${options.join('')}`

/** A Redirected Header option with the octets, filled up to eight. */
export const redirected = (octets: string): string => {
  const filled = octets.padEnd(Math.ceil(octets.length / 16) * 16, '0')
  return `04${n8(1 + filled.length / 16)}000000000000${filled}`
}

export const echo = (seq = 1, data = ''): string => `80000000beef${n16(seq)}${data}`

/** Hop-by-hop options header with a Router Alert of `value`, in front of ICMPv6 (RFC 2711 §2). */
export const routerAlert = (value = 0): { type: number; octets: string } => ({
  type: 0,
  octets: `3a000502${n16(value)}0100`,
})

/** A frame that left, taken apart. */
export interface Left {
  dstMac: string
  srcMac: string
  src: string
  dst: string
  hop: number
  /** The first next header. */
  next: number
  /** Of ICMPv6, behind one extension header at most; -1 where it is another protocol. */
  type: number
  code: number
  /** The extension header, hex, or ''. */
  extension: string
  /** The whole message, hex. */
  icmp: string
  /** The first address in the message: the target of neighbour discovery. */
  target: string
  /** Behind the fixed part, hex. */
  options: string
  /** The checksum holds. */
  sound: boolean
}

const FIXED: Record<number, number> = { 133: 8, 134: 16, 135: 24, 136: 24, 137: 40 }

export function left(bytes: Uint8Array): Left {
  const next = bytes[20]!
  const at = next === 0 ? 54 + 8 * (1 + bytes[55]!) : 54
  const type = next === 58 || (next === 0 && bytes[54] === 58) ? bytes[at]! : -1
  const icmp = bytes.subarray(at)
  const length = n32(icmp.length)
  let sum = 0
  for (const part of [bytes.subarray(22, 54), unhex(`${length}0000003a`), icmp])
    for (let i = 0; i < part.length; i += 2) sum += (part[i]! << 8) | (part[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return {
    dstMac: hex(bytes, 0, 6),
    srcMac: hex(bytes, 6, 12),
    src: showIp(readIp6(bytes, 22)),
    dst: showIp(readIp6(bytes, 38)),
    hop: bytes[21]!,
    next,
    type,
    code: bytes[at + 1]!,
    extension: next === 0 ? hex(bytes, 54, at) : '',
    icmp: hex(icmp),
    target: icmp.length >= 24 ? showIp(readIp6(icmp, 8)) : '',
    options: hex(icmp.subarray(FIXED[type] ?? icmp.length)),
    sound: sum === 0xffff,
  }
}

/** Those of ICMPv6 type `type`, taken apart. */
export function ofType(sent: readonly (Uint8Array | { bytes: Uint8Array })[], type: number): Left[] {
  return sent.map((s) => left('bytes' in s ? (s.bytes as Uint8Array) : s)).filter((l) => l.type === type)
}
