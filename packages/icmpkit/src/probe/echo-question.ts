/**
 * Echo (RFC 792, RFC 4443 §4.1) with a token in front of its payload:
 *
 *  | type | code | checksum | identifier | sequence |   8 octets
 *  | secret of the run, 64 bits                    |
 *  | slot of the target, 32 | extended sequence, 32 |   16 octets, where the payload has room
 *  | pattern …                                      |
 */
import type { Family, Ip6 } from '../wire/addr.ts'
import { fold, pseudoSum6, sum } from '../wire/checksum.ts'
import { put16, put32, u16, u32 } from '../wire/octets.ts'
import type { Answer } from './ping-event.ts'
import type { Asked, Question, Seen } from './question.ts'

const HEADER = 8
const TOKEN = 16

export class EchoQuestion implements Question {
  readonly name = 'echo'
  readonly seqBits = 16
  readonly hasToken: boolean
  readonly #secret: Uint8Array
  /** The whole payload; its first octets are written over by the token. */
  readonly #payload: Uint8Array
  readonly #tailSum: number

  /** `pattern` repeats through the payload; without one octet n is n, as in iputils. */
  constructor(size: number, secret: Uint8Array, pattern?: Uint8Array) {
    this.#secret = secret
    this.#payload = Uint8Array.from({ length: size }, (_, i) =>
      pattern === undefined || pattern.length === 0 ? i & 0xff : pattern[i % pattern.length]!,
    )
    this.hasToken = size >= TOKEN
    this.#tailSum = fold(sum(this.#payload, this.hasToken ? TOKEN : 0, size))
  }

  requestType(family: Family): number {
    return family === 4 ? 8 : 128
  }

  replyType(family: Family): number {
    return family === 4 ? 0 : 129
  }

  size(): number {
    return HEADER + this.#payload.length
  }

  write(asked: Asked, out: Uint8Array, at: number): number {
    const data = at + HEADER
    const end = data + this.#payload.length
    put16(out, at, this.requestType(asked.family) << 8)
    put16(out, at + 2, 0)
    put16(out, at + 4, asked.id)
    put16(out, at + 6, asked.ext & 0xffff)
    out.set(this.#payload, data)
    let headEnd = data
    if (this.hasToken) {
      out.set(this.#secret, data)
      put32(out, data + 8, asked.slot)
      put32(out, data + 12, asked.ext)
      headEnd = data + TOKEN
    }
    let total = sum(out, at, headEnd, this.#tailSum)
    if (asked.family === 6) total += pseudoSum6(asked.src as Ip6, asked.dst as Ip6, 58, end - at)
    put16(out, at + 2, ~fold(total) & 0xffff)
    return end
  }

  read(bytes: Uint8Array, at: number, end: number, _family: Family, seen: Seen): boolean {
    if (end - at < HEADER) return false
    seen.id = u16(bytes, at + 4)
    seen.seq = u16(bytes, at + 6)
    seen.slot = -1
    seen.ext = -1
    seen.token = 'none'
    const data = at + HEADER
    if (!this.hasToken || end - data < TOKEN) return true
    for (let i = 0; i < 8; i++) {
      if (bytes[data + i] !== this.#secret[i]) {
        seen.token = 'alien'
        return true
      }
    }
    seen.token = 'ours'
    seen.slot = u32(bytes, data + 8)
    seen.ext = u32(bytes, data + 12)
    return true
  }

  differsAt(bytes: Uint8Array, at: number, end: number): number {
    const payload = this.#payload
    const data = at + HEADER
    const here = end - data
    for (let i = this.hasToken ? Math.min(TOKEN, here) : 0; i < payload.length; i++) {
      if (i >= here || bytes[data + i] !== payload[i]) return HEADER + i
    }
    return here > payload.length ? HEADER + payload.length : -1
  }

  answer(): Answer | undefined {
    return undefined
  }
}
