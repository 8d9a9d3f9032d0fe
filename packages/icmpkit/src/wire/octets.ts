/**
 * Big-endian integers in octets (RFC 1700: network order). Readers are unchecked: the caller's one length check stands
 * at the top of its `parse`. Writers refuse what does not fit, since a cut value is a wrong packet.
 */

export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

export function u24(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
}

/** Unsigned; above 2^31 a heap number, so not for hot keys: see `i32`. */
export function u32(bytes: Uint8Array, at: number): number {
  return i32(bytes, at) >>> 0
}

export function i32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}

export function u64(bytes: Uint8Array, at: number): bigint {
  return (BigInt(u32(bytes, at)) << 32n) | BigInt(u32(bytes, at + 4))
}

/** @throws RangeError */
export function put8(bytes: Uint8Array, at: number, value: number): void {
  if (value < 0 || value > 0xff || !Number.isInteger(value)) throw tooWide(value, 8)
  bytes[at] = value
}

/** @throws RangeError */
export function put16(bytes: Uint8Array, at: number, value: number): void {
  if (value < 0 || value > 0xffff || !Number.isInteger(value)) throw tooWide(value, 16)
  bytes[at] = value >>> 8
  bytes[at + 1] = value
}

/** @throws RangeError */
export function put24(bytes: Uint8Array, at: number, value: number): void {
  if (value < 0 || value > 0xffffff || !Number.isInteger(value)) throw tooWide(value, 24)
  bytes[at] = value >>> 16
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value
}

/** Takes 0 … 2^32-1, and negative int32 (an `Ip4`) as its two's complement. @throws RangeError */
export function put32(bytes: Uint8Array, at: number, value: number): void {
  if (value < -0x80000000 || value > 0xffffffff || !Number.isInteger(value)) throw tooWide(value, 32)
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

/** @throws RangeError */
export function put64(bytes: Uint8Array, at: number, value: bigint): void {
  if (value < 0n || value > 0xffffffffffffffffn) throw tooWide(value, 64)
  put32(bytes, at, Number(value >> 32n))
  put32(bytes, at + 4, Number(value & 0xffffffffn))
}

/** Copies `from` to `at`; throws where it does not fit, since `set` past the end would be a silent overlap elsewhere. */
export function putBytes(bytes: Uint8Array, at: number, from: Uint8Array): number {
  bytes.set(from, at)
  return at + from.length
}

/** `value` where it is an integer of so many bits, for fields that share their octets. @throws RangeError */
export function fitting(value: number, bits: number): number {
  if (value < 0 || value >= 2 ** bits || !Number.isInteger(value)) throw tooWide(value, bits)
  return value
}

export function tooWide(value: number | bigint, bits: number): RangeError {
  return new RangeError(`${value} does not fit in ${bits} bits`)
}

/** Lower-case hex without separators. */
export function hex(bytes: Uint8Array, at = 0, end: number = bytes.length): string {
  let text = ''
  for (let i = at; i < end; i++) text += HEX[bytes[i]!]!
  return text
}

/** Octets of hex text; blanks, colons and line ends between the digits are ignored. @throws TypeError */
export function unhex(text: string): Uint8Array {
  const digits = text.replace(/[\s:]/g, '')
  if (digits.length % 2 !== 0 || /[^0-9a-fA-F]/.test(digits))
    throw new TypeError('hex: an even number of digits 0-9a-f')
  const bytes = new Uint8Array(digits.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))
