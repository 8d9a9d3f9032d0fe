/**
 * Domain names in octets (RFC 1035 §3.1), as they stand in DNS search lists (RFC 8106 §5.2) and in node information
 * (RFC 4620 §4, §6.2): labels with a length octet before each and a zero octet at the end.
 *
 * As text, a dot or backslash inside a label is written `\.` and `\\`, any octet that isn't printable ASCII `\DDD`
 * (RFC 1035 §5.1): every name has one text, so that it writes back unchanged, and none carries control octets.
 */

export interface Name {
  text: string
  /** Offset behind the name's last octet. */
  end: number
}

/** The name at `at`, or undefined where it is no name, leaves `at…end`, or is compressed. */
export function parse(bytes: Uint8Array, at: number, end: number): Name | undefined {
  let text = ''
  let i = at
  for (;;) {
    if (i >= end) return undefined
    const length = bytes[i]!
    if (length === 0) return { text, end: i + 1 }
    if (length > LABEL || i + 1 + length > end || i + 1 + length - at >= NAME) return undefined
    text += (text === '' ? '' : '.') + showLabel(bytes, i + 1, i + 1 + length)
    i += 1 + length
  }
}

/**
 * The name at `at` of `bytes`, with compression (RFC 1035 §4.1.4): pointers count from the first octet of `bytes`. Each
 * must point in front of the label it ends, so that no loop is possible, and there is one for each label at most: else
 * thousands of names that share a chain of thousands of pointers would keep a reader busy for a second.
 */
export function parseCompressed(bytes: Uint8Array, at: number): Name | undefined {
  let text = ''
  let octets = 1
  let i = at
  let before = at
  let pointers = 0
  let end: number | undefined
  for (;;) {
    if (i >= bytes.length) return undefined
    const length = bytes[i]!
    if (length === 0) return { text, end: end ?? i + 1 }
    if (length >= POINTER) {
      if (i + 2 > bytes.length || ++pointers > POINTERS) return undefined
      end ??= i + 2
      i = ((length & 0x3f) << 8) | bytes[i + 1]!
      if (i >= before) return undefined
      before = i
      continue
    }
    octets += 1 + length
    if (length > LABEL || i + 1 + length > bytes.length || octets > NAME) return undefined
    text += (text === '' ? '' : '.') + showLabel(bytes, i + 1, i + 1 + length)
    i += 1 + length
  }
}

/** Octets that `write` will fill. @throws TypeError on text that is no domain name. */
export function size(text: string): number {
  let total = 1
  for (const label of labels(text)) total += 1 + label.length
  if (total > NAME) throw new TypeError(`a domain name of ${total} octets: at most ${NAME}`)
  return total
}

/** Writes the name with its final zero octet; returns the end. @throws TypeError on text that is no domain name. */
export function write(text: string, out: Uint8Array, at: number): number {
  let i = at
  for (const label of labels(text)) {
    out[i] = label.length
    out.set(label, i + 1)
    i += 1 + label.length
  }
  out[i] = 0
  return i + 1
}

/** One label as text. */
export function showLabel(bytes: Uint8Array, at: number, end: number): string {
  let text = ''
  for (let i = at; i < end; i++) {
    const c = bytes[i]!
    if (c === DOT || c === BACKSLASH) text += `\\${String.fromCharCode(c)}`
    else if (c > 0x20 && c < 0x7f) text += String.fromCharCode(c)
    else text += `\\${c.toString().padStart(3, '0')}`
  }
  return text
}

/** The labels of `text` in octets; a dot at the end is allowed and means nothing. */
function labels(text: string): number[][] {
  if (text === '' || text === '.') return []
  const all: number[][] = []
  let label: number[] = []
  const close = () => {
    if (label.length === 0 || label.length > LABEL)
      throw new TypeError(`'${text}' is no domain name: labels have 1 to ${LABEL} octets`)
    all.push(label)
    label = []
  }
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === DOT) {
      close()
    } else if (c === BACKSLASH) {
      const decimal = /^\d{3}/.exec(text.slice(i + 1))
      const octet = decimal === null ? text.charCodeAt(i + 1) : Number(decimal[0])
      // NaN where the text ends in a backslash.
      if (!(octet <= 0xff)) throw new TypeError(`'${text}' is no domain name: bad escape`)
      label.push(octet)
      i += decimal === null ? 1 : 3
    } else if (c > 0x20 && c < 0x7f) {
      label.push(c)
    } else {
      throw new TypeError(`'${text}' is no domain name: ASCII only, other octets as \\DDD`)
    }
  }
  if (!text.endsWith('.') || label.length > 0) close()
  return all
}

/** Longest label and longest name, octets (RFC 1035 §2.3.4). */
const LABEL = 63
const NAME = 255
/** As many as the longest name has labels. */
const POINTERS = 127
/** Two set bits at the top of a length octet. */
const POINTER = 0xc0
const DOT = 0x2e
const BACKSLASH = 0x5c
