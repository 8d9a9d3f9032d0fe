/** What kind of address stands in the octets at `at`: for paths that make no value of it. */

export function isMulticastAt(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xff
}

/** The scope of a multicast address (RFC 4291 §2.7). */
export function scopeAt(bytes: Uint8Array, at: number): number {
  return bytes[at + 1]! & 0x0f
}

/** fe80::/10. */
export function isLinkLocalAt(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0xfe && (bytes[at + 1]! & 0xc0) === 0x80
}

/** :: and ::1, which no packet on a link has a node for (RFC 4291 §2.5.2, §2.5.3). */
export function isNowhereAt(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 15; i++) if (bytes[at + i] !== 0) return false
  return bytes[at + 15]! <= 1
}

/** ::1. */
export function isLoopbackAt(bytes: Uint8Array, at: number): boolean {
  return bytes[at + 15] === 1 && isNowhereAt(bytes, at)
}

/** Link scope, in a multicast address. */
export const SCOPE_LINK = 2
