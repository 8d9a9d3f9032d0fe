/** Inputs for parsers: what attackers and broken devices send. Made in place in a buffer that is longer than any input. */
import type { Random } from './random.ts'

/** Longest input, octets: above 1,280 and 1,500, so that nothing is only right below them. */
export const LONGEST = 2048

/** Octets and words where arithmetic turns. */
const OCTETS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 31, 32, 40, 63, 64, 0x45, 0x60, 0x7f, 0x80, 0xc0, 0xfe, 0xff]
const WORDS = [
  0, 1, 2, 3, 4, 5, 7, 8, 12, 16, 20, 39, 40, 41, 127, 128, 255, 256, 1279, 1280, 1500, 0x7fff, 0x8000, 0xfffe, 0xffff,
]

/** Writes an input of its own making at `at`; returns its end. */
export function generate(r: Random, seeds: readonly Uint8Array[], out: Uint8Array, at: number): number {
  const way = r.below(16)
  if (way === 0) return noise(r, out, at, at + r.below(r.below(4) === 0 ? LONGEST : 96))
  const seed = r.pick(seeds)
  out.set(seed, at)
  let end = at + seed.length
  // A seed as it is, or one cut short: every prefix gets its turn.
  if (way === 1) return at + r.below(seed.length + 1)
  for (let n = 1 + r.below(4); n > 0; n--) end = mutate(r, seeds, out, at, end)
  return end
}

function noise(r: Random, out: Uint8Array, at: number, end: number): number {
  for (let i = at; i < end; i++) out[i] = r.word()
  return end
}

function mutate(r: Random, seeds: readonly Uint8Array[], out: Uint8Array, at: number, end: number): number {
  const length = end - at
  if (length < 4) return noise(r, out, end, end + 1 + r.below(16))
  // Headers decide more than data: half of the changes fall into the first octets.
  const i = at + r.below(r.below(2) === 0 ? Math.min(length, 64) : length)
  switch (r.below(12)) {
    case 0:
      out[i]! ^= 1 << r.below(8)
      return end
    case 1:
      out[i] = r.word()
      return end
    case 2:
      out[i] = r.pick(OCTETS)
      return end
    case 3:
      return put(out, i, end, 2, r.pick(WORDS), r.below(8) === 0)
    case 4:
      return put(out, i, end, 2, length + r.below(9) - 4, false)
    case 5:
      return put(out, i, end, 4, r.below(2) === 0 ? r.pick(WORDS) : r.word(), r.below(2) === 0)
    case 6:
      return at + r.below(length)
    case 7:
      return end + 16 > at + LONGEST ? end : noise(r, out, end, end + 1 + r.below(16))
    case 8: {
      const cut = Math.min(1 + r.below(16), end - i)
      out.copyWithin(i, i + cut, end)
      return end - cut
    }
    case 9: {
      const more = Math.min(4 * (1 + r.below(16)), end - i, at + LONGEST - end)
      out.copyWithin(i + more, i, end)
      return end + more
    }
    case 10: {
      const other = r.pick(seeds)
      const from = r.below(other.length)
      const piece = other.subarray(from, from + Math.min(4 * (1 + r.below(16)), at + LONGEST - i))
      out.set(piece, i)
      return Math.max(end, i + piece.length)
    }
    default:
      return noise(r, out, i, Math.min(i + 4, end)) && end
  }
}

function put(out: Uint8Array, i: number, end: number, width: number, value: number, little: boolean): number {
  for (let n = 0; n < width && i + n < end; n++) out[i + n] = value >>> (8 * (little ? n : width - 1 - n))
  return end
}
