/**
 * IPv4 datagrams made octet by octet, and read the same way, for tests of the stack: none of it goes through the
 * library's own writers and parsers, so that a fault there cannot hide itself.
 */
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'

export interface Fields {
  src?: string
  dst?: string
  protocol?: number
  ttl?: number
  tos?: number
  id?: number
  df?: boolean
  mf?: boolean
  /** Octets. */
  offset?: number
  /** Hex, a multiple of four octets. */
  options?: string
  /** Where it shall not be what is there. */
  length?: number
  version?: number
  ihl?: number
  /** XORed into the header checksum. */
  spoil?: number
}

/** Hex of a dotted quad. */
export const quad = (address: string): string =>
  address
    .split('.')
    .map((o) => Number(o).toString(16).padStart(2, '0'))
    .join('')

export function checksum(bytes: Uint8Array, at = 0, end: number = bytes.length): number {
  let sum = 0
  for (let i = at; i < end; i += 2) sum += bytes[i]! * 256 + (i + 1 < end ? bytes[i + 1]! : 0)
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000)
  return 0xffff - sum
}

export const bytesOf = (payload: Uint8Array | string): Uint8Array =>
  typeof payload === 'string' ? unhex(payload) : payload

/** From 192.0.2.2 to 192.0.2.1, UDP, where not said otherwise. */
export function datagram(f: Fields, payload: Uint8Array | string = ''): Uint8Array {
  const body = bytesOf(payload)
  const options = unhex(f.options ?? '')
  const header = 20 + options.length
  const out = new Uint8Array(header + body.length)
  const length = f.length ?? out.length
  const flags = (f.df ? 0x4000 : 0) + (f.mf ? 0x2000 : 0) + (f.offset ?? 0) / 8
  const id = f.id ?? 1
  out.set([
    (f.version ?? 4) * 16 + (f.ihl ?? header / 4),
    f.tos ?? 0,
    length >> 8,
    length & 255,
    id >> 8,
    id & 255,
    flags >> 8,
    flags & 255,
    f.ttl ?? 64,
    f.protocol ?? 17,
  ])
  out.set(unhex(quad(f.src ?? '192.0.2.2') + quad(f.dst ?? '192.0.2.1')), 12)
  out.set(options, 20)
  const sum = checksum(out, 0, header) ^ (f.spoil ?? 0)
  out[10] = sum >> 8
  out[11] = sum & 255
  out.set(body, header)
  return out
}

/** An ICMP message: type, code, octets 4–7 and the rest as hex or octets. */
export function icmp(type: number, code: number, word: string, rest: Uint8Array | string = '', spoil = 0): Uint8Array {
  const tail = bytesOf(rest)
  const out = new Uint8Array(8 + tail.length)
  out[0] = type
  out[1] = code
  out.set(unhex(word), 4)
  out.set(tail, 8)
  const sum = checksum(out) ^ spoil
  out[2] = sum >> 8
  out[3] = sum & 255
  return out
}

/** A whole echo request with `octets` of pattern. */
export function echo(f: Fields, octets = 0, idSeq = '12340001'): Uint8Array {
  return datagram({ protocol: 1, ...f }, icmp(8, 0, idSeq, pattern(octets)))
}

/** A UDP datagram without a checksum. */
export function udp(f: Fields, octets = 0, ports = '30390035'): Uint8Array {
  const body = new Uint8Array(8 + octets)
  body.set(unhex(ports))
  body[4] = body.length >> 8
  body[5] = body.length & 255
  body.set(pattern(octets), 8)
  return datagram(f, body)
}

/** Octets that a shift by any small number would change. */
export function pattern(octets: number): Uint8Array {
  return Uint8Array.from({ length: octets }, (_, i) => (i * 7 + (i >> 8)) & 255)
}

/** Payload octets `from … to` of the datagram as a fragment of its own. */
export function fragment(whole: Uint8Array, from: number, to: number, f: Fields = {}): Uint8Array {
  const header = (whole[0]! & 15) * 4
  const end = Math.min(to, whole.length - header)
  const out = new Uint8Array(header + end - from)
  out.set(whole.subarray(0, header))
  out.set(whole.subarray(header + from, header + end), header)
  const flags = (header + end < whole.length || f.mf ? 0x2000 : 0) + from / 8
  out[2] = out.length >> 8
  out[3] = out.length & 255
  out[6] = flags >> 8
  out[7] = flags & 255
  if (f.ttl !== undefined) out[8] = f.ttl
  out[10] = 0
  out[11] = 0
  const sum = checksum(out, 0, header)
  out[10] = sum >> 8
  out[11] = sum & 255
  return out
}

/** What an answer says, read octet by octet. Throws where a checksum does not hold. */
export function read(bytes: Uint8Array) {
  const header = (bytes[0]! & 15) * 4
  if (checksum(bytes, 0, header) !== 0) throw new Error('the IP header checksum does not hold')
  const length = bytes[2]! * 256 + bytes[3]!
  const flags = bytes[6]! * 256 + bytes[7]!
  const offset = (flags & 0x1fff) * 8
  const isWhole = (flags & 0x3fff) === 0
  if (bytes[9] === 1 && isWhole && checksum(bytes, header, length) !== 0) throw new Error('the ICMP checksum is wrong')
  return {
    tos: bytes[1]!,
    length,
    id: bytes[4]! * 256 + bytes[5]!,
    reserved: (flags & 0x8000) !== 0,
    df: (flags & 0x4000) !== 0,
    mf: (flags & 0x2000) !== 0,
    offset,
    ttl: bytes[8]!,
    protocol: bytes[9]!,
    src: [...bytes.subarray(12, 16)].join('.'),
    dst: [...bytes.subarray(16, 20)].join('.'),
    options: bytes.subarray(20, header),
    payload: bytes.subarray(header, length),
    type: bytes[header]!,
    code: bytes[header + 1]!,
    /** Octets 4–7 of the ICMP header. */
    word: bytes.subarray(header + 4, header + 8),
    /** Behind the ICMP header: data, or the quote. */
    rest: bytes.subarray(header + 8, length),
  }
}
