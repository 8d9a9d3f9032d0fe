/** Makes lengths and checksums of a mutated input right again, so that a parser's inside is reached and not its door. */
import { checksum } from '../../packages/icmpkit/src/wire/index.ts'

/** IPv4: header length, total length, checksum; then what it carries. */
export function repairIp4(bytes: Uint8Array, at: number, end: number): void {
  if (end - at < 20) return
  const header = Math.min(Math.max(bytes[at]! & 15, 5), (end - at) >> 2) << 2
  bytes[at] = 0x40 | (header >> 2)
  put16(bytes, at + 2, end - at)
  put16(bytes, at + 10, 0)
  put16(bytes, at + 10, checksum.finish(checksum.sum(bytes, at, at + header)))
  const payload = at + header
  if (bytes[at + 9] === 1) repairIcmp4(bytes, payload, end)
  else repairTransport(bytes, payload, end, bytes[at + 9]!, checksum.pseudo4(bytes, at, bytes[at + 9]!, end - payload))
}

/** IPv6: payload length, extension headers that fit, then what they lead to. */
export function repairIp6(bytes: Uint8Array, at: number, end: number): void {
  if (end - at < 40) return
  bytes[at] = 0x60 | (bytes[at]! & 15)
  put16(bytes, at + 4, end - at - 40)
  let next = bytes[at + 6]!
  let i = at + 40
  while (end - i >= 8 && (next === 0 || next === 43 || next === 60 || next === 44)) {
    if (next !== 44) bytes[i + 1] = Math.min(bytes[i + 1]!, ((end - i) >> 3) - 1)
    const length = next === 44 ? 8 : (bytes[i + 1]! + 1) * 8
    next = bytes[i]!
    i += length
  }
  const pseudo = checksum.pseudo6(bytes, at, next, end - i)
  if (next === 58) repairIcmp6(bytes, i, end, pseudo)
  else repairTransport(bytes, i, end, next, pseudo)
}

/** Length octet and extensions of an error, then the checksum. */
export function repairIcmp4(bytes: Uint8Array, at: number, end: number): void {
  if (end - at < 8) return
  const type = bytes[at]!
  if (type === 42) repairExtensions(bytes, at + 8, end)
  if (type === 3 || type === 11 || type === 12) repairQuote(bytes, at + 5, at + 8, end, 4)
  if (type === 9) {
    bytes[at + 5] = Math.max(bytes[at + 5]!, 2) & 3 || 2
    bytes[at + 4] = (end - at - 8) / (4 * bytes[at + 5]!)
  }
  seal(bytes, at, end, at + 2, 0)
}

/** As `repairIcmp4`, with neighbour-discovery options that fit. */
export function repairIcmp6(bytes: Uint8Array, at: number, end: number, pseudo: number): void {
  if (end - at < 8) return
  const type = bytes[at]!
  const options: Record<number, number> = { 133: 8, 134: 16, 135: 24, 136: 24, 137: 40, 141: 8, 142: 8, 147: 8 }
  if (type === 1 || type === 3) repairQuote(bytes, at + 4, at + 8, end, 8)
  if (type === 160) repairExtensions(bytes, at + 8, end)
  const fixed = options[type]
  if (fixed !== undefined) repairOptions(bytes, at + fixed, end)
  seal(bytes, at, end, at + 2, pseudo)
}

/** Neighbour-discovery options: none of length zero, none past the end. */
export function repairOptions(bytes: Uint8Array, at: number, end: number): void {
  for (let i = at; end - i >= 8; i += bytes[i + 1]! * 8) {
    bytes[i + 1] = Math.min(Math.max(bytes[i + 1]!, 1), (end - i) >> 3)
  }
}

/** RFC 4884 structure: version, object lengths, checksum. */
export function repairExtensions(bytes: Uint8Array, at: number, end: number): void {
  if (end - at < 8) return
  bytes[at] = 0x20
  for (let i = at + 4; end - i >= 4; ) {
    const wished = ((bytes[i]! << 8) | bytes[i + 1]!) & ~3
    const length = wished < 4 || wished > end - i ? (end - i) & ~3 : wished
    put16(bytes, i, length)
    i += length
  }
  seal(bytes, at, end, at + 2, 0)
}

/** pcap: each record as long as it says, the last one cut to fit. pcapng: the same for blocks, at both ends. */
export function repairCapture(bytes: Uint8Array, at: number, end: number): void {
  if (end - at < 28) return
  const little = bytes[at] === 0xd4 || bytes[at] === 0x4d || bytes[at + 8] === 0x4d
  const ng = bytes[at] === 0x0a
  const put = (i: number, v: number) => {
    for (let n = 0; n < 4; n++) bytes[i + n] = v >>> (8 * (little ? n : 3 - n))
  }
  const get = (i: number) => {
    let v = 0
    for (let n = 0; n < 4; n++) v |= bytes[i + n]! << (8 * (little ? n : 3 - n))
    return v >>> 0
  }
  for (let i = ng ? at : at + 24; end - i >= 16; ) {
    const room = ng ? (end - i) & ~3 : end - i - 16
    const wished = ng ? get(i + 4) & ~3 : get(i + 8)
    const length = wished > room || (ng && wished < 12) ? room : wished
    if (ng) put(i + length - 4, length)
    put(i + (ng ? 4 : 8), length)
    i += ng ? length : 16 + length
  }
}

function repairQuote(bytes: Uint8Array, field: number, at: number, end: number, unit: number): void {
  if (bytes[field] === 0 || end - at < 136) return
  const units = Math.min(Math.max(bytes[field]!, 128 / unit), ((end - at - 8) / unit) | 0)
  bytes[field] = units
  repairExtensions(bytes, at + units * unit, end)
}

function repairTransport(bytes: Uint8Array, at: number, end: number, protocol: number, pseudo: number): void {
  if (protocol === 17 && end - at >= 8) {
    put16(bytes, at + 4, end - at)
    seal(bytes, at, end, at + 6, pseudo)
  } else if (protocol === 6 && end - at >= 20) {
    bytes[at + 12] = Math.min(Math.max(bytes[at + 12]! >> 4, 5), (end - at) >> 2, 15) << 4
    seal(bytes, at, end, at + 16, pseudo)
  }
}

function seal(bytes: Uint8Array, at: number, end: number, field: number, pseudo: number): void {
  put16(bytes, field, 0)
  put16(bytes, field, checksum.finish(checksum.sum(bytes, at, end, pseudo)))
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}
