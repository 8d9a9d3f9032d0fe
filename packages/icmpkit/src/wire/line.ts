/**
 * One line of ASCII, built in octets: printing a million packets through strings costs three to six times as much
 * (docs/decisions/print-from-octets.md). A buffer that is flushed by its owner; `text()` for tests and single lines.
 *
 * Nothing but printable ASCII goes in from outside: control octets, DEL and everything above become `\xNN`, so that a
 * capture or a name cannot carry escape codes to a terminal.
 */
export class AsciiLine {
  bytes: Uint8Array
  /** Octets filled so far. */
  end = 0

  constructor(capacity: number = 1 << 16) {
    this.bytes = new Uint8Array(capacity)
  }

  /** Makes sure `more` octets fit. Writers of a bounded item call it once, then write unchecked. */
  room(more: number): void {
    if (this.end + more <= this.bytes.length) return
    const bigger = new Uint8Array(Math.max(this.bytes.length * 2, this.end + more))
    bigger.set(this.bytes.subarray(0, this.end))
    this.bytes = bigger
  }

  /** Trusted ASCII: literals of our own. */
  ascii(text: string): void {
    this.room(text.length)
    const { bytes } = this
    let end = this.end
    for (let i = 0; i < text.length; i++) bytes[end++] = text.charCodeAt(i)
    this.end = end
  }

  /** Ready-made ASCII octets. */
  octets(ready: Uint8Array): void {
    this.room(ready.length)
    this.bytes.set(ready, this.end)
    this.end += ready.length
  }

  char(code: number): void {
    this.room(1)
    this.bytes[this.end++] = code
  }

  /** A non-negative integer below 2^53. */
  decimal(value: number): void {
    this.room(16)
    if (value < 10) {
      this.bytes[this.end++] = 48 + value
      return
    }
    let digits = 1
    for (let v = value; v >= 10; v = Math.floor(v / 10)) digits++
    let i = this.end + digits
    this.end = i
    for (let v = value; digits > 0; digits--) {
      const next = Math.floor(v / 10)
      this.bytes[--i] = 48 + (v - next * 10)
      v = next
    }
  }

  /** `value` with at least `width` digits. */
  padded(value: number, width: number): void {
    this.room(width)
    let v = value
    for (let i = this.end + width - 1; i >= this.end; i--) {
      const next = Math.floor(v / 10)
      this.bytes[i] = 48 + (v - next * 10)
      v = next
    }
    this.end += width
  }

  /** Lower-case hex without leading zeros, or at least `width` digits. */
  hex(value: number, width = 1): void {
    this.room(8)
    let digits = width
    while (digits < 8 && value >>> (digits * 4) !== 0) digits++
    for (let i = digits - 1; i >= 0; i--) this.bytes[this.end++] = DIGITS.charCodeAt((value >>> (i * 4)) & 15)
  }

  /** Octets from outside, made harmless. */
  untrusted(bytes: Uint8Array, at: number, end: number): void {
    this.room((end - at) * 4)
    for (let i = at; i < end; i++) {
      const c = bytes[i]!
      if (c >= 0x20 && c < 0x7f && c !== 0x5c) this.bytes[this.end++] = c
      else {
        this.bytes[this.end++] = 0x5c
        this.bytes[this.end++] = 0x78
        this.bytes[this.end++] = DIGITS.charCodeAt(c >> 4)
        this.bytes[this.end++] = DIGITS.charCodeAt(c & 15)
      }
    }
  }

  text(): string {
    let text = ''
    for (let i = 0; i < this.end; i += 8192) {
      text += String.fromCharCode(...this.bytes.subarray(i, Math.min(i + 8192, this.end)))
    }
    return text
  }
}

const DIGITS = '0123456789abcdef'
