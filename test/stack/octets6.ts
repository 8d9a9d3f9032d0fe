/**
 * IPv6 packets put together and taken apart octet by octet, for the tests of the stack: nothing here is the product's, so
 * that a mistake of its writers can't hide behind its parsers.
 */

/** Sixteen octets of an address in RFC 4291 §2.2 text, without dotted quads. */
export function address(text: string): number[] {
  const [head, tail] = text.split('::')
  const words = (part: string | undefined) => (part ? part.split(':').map((w) => Number.parseInt(w, 16)) : [])
  const left = words(head)
  const right = words(tail)
  const all = text.includes('::') ? [...left, ...Array(8 - left.length - right.length).fill(0), ...right] : left
  return all.flatMap((w) => [w >> 8, w & 0xff])
}

export type Part = string | readonly number[] | Uint8Array

/** Hex (blanks allowed), numbers and octets, one behind the other. */
export function octets(...parts: Part[]): number[] {
  return parts.flatMap((p) =>
    typeof p === 'string' ? (p.match(/[0-9a-f]{2}/g) ?? []).map((h) => parseInt(h, 16)) : [...p],
  )
}

export interface Around {
  src: string
  dst: string
  hop?: number
  /** Traffic class and flow label, seven hex digits. */
  class?: string
  /** Instead of the true payload length. */
  length?: number
}

/** A packet whose first header behind the IPv6 header is `next`. */
export function packet(o: Around, next: number, ...parts: Part[]): Uint8Array {
  const payload = octets(...parts)
  const length = o.length ?? payload.length
  const first = `6${o.class ?? '0000000'}`
  return Uint8Array.from([
    ...octets(first),
    length >> 8,
    length & 0xff,
    next,
    o.hop ?? 64,
    ...address(o.src),
    ...address(o.dst),
    ...payload,
  ])
}

/** The ones' complement sum over the pseudo-header and `message`, as RFC 8200 §8.1 draws it. */
export function sum(o: Around, protocol: number, message: readonly number[]): number {
  const all = [
    ...address(o.src),
    ...address(o.dst),
    0,
    0,
    message.length >> 8,
    message.length & 0xff,
    0,
    0,
    0,
    protocol,
  ]
  all.push(...message, ...(message.length % 2 === 1 ? [0] : []))
  let total = 0
  for (let i = 0; i < all.length; i += 2) total += (all[i]! << 8) | all[i + 1]!
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
  return total
}

/** An ICMPv6 message, its checksum filled in. */
export function icmp(o: Around, ...parts: Part[]): number[] {
  const m = octets(...parts)
  const checksum = ~sum(o, 58, m) & 0xffff
  m[2] = checksum >> 8
  m[3] = checksum & 0xff
  return m
}

/** An echo request with data. */
export function echo(o: Around, data: Part = '', idSeq: Part = '12340001'): number[] {
  return icmp(o, '80000000', idSeq, data)
}

export function udp(o: Around, from: number, to: number, data: Part = 'abcd'): number[] {
  const d = octets(data)
  const length = 8 + d.length
  const m = [from >> 8, from & 0xff, to >> 8, to & 0xff, length >> 8, length & 0xff, 0, 0, ...d]
  const checksum = ~sum(o, 17, m) & 0xffff
  m[6] = checksum >> 8
  m[7] = checksum & 0xff
  return m
}

/** A fragment header: offset in octets. */
export function fragment(next: number, offset: number, more: 0 | 1, id: number): number[] {
  const word = offset | more
  return [next, 0, word >> 8, word & 0xff, (id >>> 24) & 255, (id >>> 16) & 255, (id >>> 8) & 255, id & 255]
}

/** What a test wants to know of an ICMPv6 message that left: read at the offsets of RFC 4443. */
export interface Told {
  src: string
  dst: string
  hop: number
  type: number
  code: number
  /** Octets 4 to 7: MTU, pointer, unused. */
  word: number
  /** Behind the first eight octets. */
  rest: number[]
  /** Octets of the whole packet. */
  length: number
  /** Does the checksum hold? */
  sound: boolean
}

/** Of a packet that begins with its IPv6 header and has no extension headers. */
export function told(bytes: Uint8Array): Told {
  const b = [...bytes]
  const src = text(b.slice(8, 24))
  const dst = text(b.slice(24, 40))
  const m = b.slice(40)
  return {
    src,
    dst,
    hop: b[7]!,
    type: m[0]!,
    code: m[1]!,
    word: ((m[4]! << 24) | (m[5]! << 16) | (m[6]! << 8) | m[7]!) >>> 0,
    rest: m.slice(8),
    length: b.length,
    sound: b[6] === 58 && ((b[4]! << 8) | b[5]!) === m.length && sum({ src, dst }, 58, m) === 0xffff,
  }
}

/** Eight groups, the longest run of zeros short: what `address` takes, and tests write. */
export function text(sixteen: readonly number[]): string {
  const words: number[] = []
  for (let i = 0; i < 16; i += 2) words.push((sixteen[i]! << 8) | sixteen[i + 1]!)
  let best = { at: -1, length: 1 }
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && words[i + length] === 0) length++
    if (length > best.length) best = { at: i, length }
  }
  const show = (w: readonly number[]) => w.map((x) => x.toString(16)).join(':')
  return best.at < 0 ? show(words) : `${show(words.slice(0, best.at))}::${show(words.slice(best.at + best.length))}`
}

export function zeros(n: number): number[] {
  return Array<number>(n).fill(0)
}

/** Octets that differ from their neighbours: 0, 1, 2 … */
export function pattern(n: number): number[] {
  return Array.from({ length: n }, (_, i) => (i * 7 + (i >> 8)) & 0xff)
}
