/**
 * Packets written as hex text: bare digits, or the dumps of tcpdump -x and -X, xxd, hexdump -C, od -Ax -tx1, tshark -x and
 * Wireshark, several packets a text. A row counts only where its offset is how many octets came before it.
 */
import { unhex } from 'icmpkit/wire'

/** The packets that `text` says, or undefined where it is something else. */
export function packetsOf(text: string): Uint8Array[] | undefined {
  const dumped = dump(text)
  if (dumped !== undefined) return dumped
  const octets = bare(text)
  return octets === undefined ? undefined : [octets]
}

/** Digits and nothing else; `0x` and `\x` in front of them, blanks, colons, commas and lines between are fine. */
function bare(text: string): Uint8Array | undefined {
  // xxd -i makes an array of C.
  const inside = /\{([^{}]*)\}/.exec(text)?.[1] ?? text
  const spaced = inside
    .replace(/^["'\s]+|["'\s,]+$/g, '')
    .replace(/(^|[\s:,])0x(?=[0-9a-f])|\\x(?=[0-9a-f]{2})/gi, '$1')
  // A dump that did not hold together: its offsets are no octets.
  if (/^[ \t]*[0-9a-f]{4,8}(:[ \t]|[ \t]{2,}[0-9a-f]{2}[ \t])/im.test(spaced)) return undefined
  const tokens = spaced.split(/[\s:,]+/)
  if (/[ \t:,]/.test(spaced) && tokens.some((t) => t.length % 2 !== 0)) return undefined
  const digits = tokens.join('')
  return digits.length >= 2 && digits.length % 2 === 0 && /^[0-9a-f]+$/i.test(digits) ? unhex(digits) : undefined
}

function dump(text: string): Uint8Array[] | undefined {
  const packets: Uint8Array[] = []
  let rows: Uint8Array[] = []
  let length = 0
  let squeezed = false
  const end = () => {
    if (length > 0) packets.push(joined(rows, length))
    rows = []
    length = 0
    squeezed = false
  }
  for (const line of text.split(/\r?\n/)) {
    if (/^\s*\*\s*$/.test(line)) {
      // xxd -a, hexdump and od leave out rows that repeat the last one.
      squeezed = rows.length > 0
      continue
    }
    const [, prefix, digits, colon, rest] = ROW.exec(line) ?? []
    if (digits === undefined) continue
    const offset = Number.parseInt(digits, 16)
    if (offset === 0) end()
    if (squeezed) length += repeat(rows, offset - length)
    squeezed = false
    if (offset !== length) return undefined
    const octets = row(rest ?? '', prefix !== '' || colon !== '')
    if (octets === undefined) return undefined
    if (octets.length === 0) continue
    rows.push(octets)
    length += octets.length
  }
  end()
  return packets.length > 0 ? packets : undefined
}

/** An offset, and octets behind it. The offset alone is how hexdump and od end. */
const ROW = /^\s*(0x|)([0-9a-f]{4,8})(:?)(?:\s+([0-9a-f]{2}.*)|\s*)$/i

/** The octets of a row, without the text beside them. Pairs of octets only behind an offset that is marked as one. */
function row(text: string, marked: boolean): Uint8Array | undefined {
  const tokens = /^(?:[0-9a-f]{2}(?:[0-9a-f]{2})?(?: |$))+/i
  const hexdump = text.indexOf('|')
  let rest = hexdump < 0 ? text : text.slice(0, hexdump)
  let digits = ''
  for (let part = tokens.exec(rest); part !== null; part = tokens.exec(rest)) {
    digits += part[0].replaceAll(' ', '')
    rest = rest.slice(part[0].length)
    // Two blanks stand in the middle of sixteen octets, and before the text.
    if (digits.length !== 16 || !/^ \S/.test(rest)) break
    rest = rest.slice(1)
  }
  const words = /^[0-9a-f]{4}(?: |$)/i.test(text)
  return (words && !marked) || digits.length % 2 !== 0 ? undefined : unhex(digits)
}

/** Fills `missing` octets with the last row; how many it filled. */
function repeat(rows: Uint8Array[], missing: number): number {
  const last = rows.at(-1)!
  const times = missing > 0 && missing <= LONGEST && missing % last.length === 0 ? missing / last.length : 0
  for (let i = 0; i < times; i++) rows.push(last)
  return times * last.length
}

/** A length field has 16 bits, and a frame a little more. */
const LONGEST = 1 << 17

function joined(rows: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length)
  let at = 0
  for (const r of rows) {
    all.set(r, at)
    at += r.length
  }
  return all
}
