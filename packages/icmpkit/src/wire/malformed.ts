/**
 * What a parser says of octets that are not what they claim to be. A value, never a throw: damaged packets are normal
 * and an attacker chooses how many (docs/decisions/network-data-never-throws.md).
 */

/** The closed list: tests compare these words and users count them. Messages may change, words may not. */
export type Why =
  /** Fewer octets than the fixed part, or than a length field promises. */
  | 'truncated'
  /** A length field that is smaller than its own header, not a multiple, or beyond its container. */
  | 'bad-length'
  /** A version field that is not the one this parser reads. */
  | 'bad-version'
  /** A header or extension chain longer than any sane packet. */
  | 'too-long'
  /** A link type, magic number or block that this reader does not know. */
  | 'unknown-format'

export interface Malformed {
  readonly kind: 'malformed'
  readonly why: Why
  /** Offset of the first octet that is wrong or missing, from the start of the structure that was parsed. */
  readonly at: number
}

export function malformed(why: Why, at: number): Malformed {
  return { kind: 'malformed', why, at }
}

/** What `verify` says: `unverifiable` where fewer octets are here than were sent (a cut capture, a quote, a fragment). */
export type Verdict = 'ok' | 'bad' | 'unverifiable'
