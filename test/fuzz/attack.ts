/** One input against one parser: twice between different poison octets, then written back and written back again. */
import { digest } from './digest.ts'
import { LONGEST } from './mutation.ts'
import type { Random } from './random.ts'
import type { Target } from './targets.ts'

/** Octets of poison before and behind an input: further than any field that a header can promise past a short end. */
const POISON = 4096
const SIZE = POISON + LONGEST + POISON

/** Memory for inputs: two surroundings that differ in every octet outside the input, and room to write twice. */
export class Arena {
  readonly at: number = POISON
  readonly #a: Surroundings = new Surroundings()
  readonly #b: Surroundings = new Surroundings()
  readonly #out: Uint8Array = new Uint8Array(SIZE * 2)
  readonly #again: Uint8Array = new Uint8Array(SIZE * 2)

  /** New poison: all ones and zeros, lengths that look sane, or noise. */
  poison(r: Random): void {
    const way = r.below(4)
    for (let i = 0; i < SIZE; i++) {
      const octet = way === 0 ? 0 : way === 1 ? i & 7 : r.word() & 0xff
      this.#a.poison[i] = octet
      this.#b.poison[i] = way === 1 ? octet ^ 0x08 : ~octet
    }
    this.#a.bytes.set(this.#a.poison)
    this.#b.bytes.set(this.#b.poison)
  }

  /** What is wrong with `target` on `input`; undefined where nothing is. */
  attack(target: Target, input: Uint8Array): string | undefined {
    const { at } = this
    const end = this.#a.place(input, at)
    this.#b.place(input, at)
    const a = this.#a.bytes
    const b = this.#b.bytes
    try {
      const one = digest(target.read(a, at, end))
      const other = digest(target.read(b, at, end))
      if (one !== other) return 'reads outside its input, or gives two answers'
      for (let i = at; i < end; i++) if (a[i] !== b[i]) return 'writes into its input'
      return target.rewrite ? this.#rewrite(target, target.rewrite, end) : undefined
    } catch (e) {
      return `throws ${e instanceof Error ? e.stack : e}`
    }
  }

  #rewrite(target: Target, rewrite: NonNullable<Target['rewrite']>, end: number): string | undefined {
    const out = this.#out
    const again = this.#again
    const { at } = this
    // Different leftovers under both: padding that is not written shows.
    const reach = Math.min(out.length, end + 512)
    out.fill(0xa5, at, reach)
    again.fill(0x5a, at, reach)
    const first = rewrite(this.#a.bytes, at, end, out)
    if (first < 0) return undefined
    if (digest(target.message?.(this.#a.bytes, at, end)) !== digest(target.message?.(out, at, first))) {
      return 'loses something when it is written'
    }
    const second = rewrite(out, at, first, again)
    if (second !== first) return `writes ${first - at} octets, then ${second - at} for the same message`
    for (let i = at; i < first; i++)
      if (out[i] !== again[i]) return `writes octet ${i - at} differently the second time`
    return undefined
  }
}

class Surroundings {
  readonly bytes: Uint8Array = new Uint8Array(SIZE)
  readonly poison: Uint8Array = new Uint8Array(SIZE)
  #end = 0

  /** Puts an input at `at`, and poison back where a longer one stood. */
  place(input: Uint8Array, at: number): number {
    const end = at + input.length
    this.bytes.set(input, at)
    if (this.#end > end) this.bytes.set(this.poison.subarray(end, this.#end), end)
    this.#end = end
    return end
  }
}
