/** A hash of everything in a parsed value, octets by content: equal values have equal digests, whatever memory they borrow. */

/** Deeper than any message nests: a value beyond it has a ring in it. */
const DEEPEST = 24

export function digest(value: unknown, start = 0x811c9dc5, depth = 0): number {
  switch (typeof value) {
    case 'number':
      return number(start, value)
    case 'string':
      return text(start + 1, value)
    case 'boolean':
      return mix(start, value ? 3 : 5)
    case 'bigint':
      return bigint(start, value)
    case 'object':
      if (value === null) return mix(start, 7)
      if (depth > DEEPEST) throw new Error('a parsed value that nests without end')
      if (value instanceof Uint8Array) return octets(start, value)
      return Array.isArray(value) ? list(start, value, depth) : record(start, value, depth)
    case 'undefined':
      return mix(start, 11)
    default:
      throw new Error(`a ${typeof value} in a parsed value`)
  }
}

function mix(h: number, word: number): number {
  const k = Math.imul(h ^ word, 0x01000193)
  return k ^ (k >>> 15)
}

function number(h: number, value: number): number {
  const whole = Math.floor(value)
  return mix(mix(mix(h, whole | 0), (whole / 0x100000000) | 0), ((value - whole) * 0x40000000) | 0)
}

function bigint(h: number, value: bigint): number {
  let k = mix(h, value < 0n ? 13 : 17)
  for (let rest = value < 0n ? -value : value; rest > 0n; rest >>= 32n) k = mix(k, Number(rest & 0xffffffffn))
  return k
}

function text(h: number, value: string): number {
  let k = mix(h, value.length)
  for (let i = 0; i < value.length; i++) k = mix(k, value.charCodeAt(i))
  return k
}

function octets(h: number, value: Uint8Array): number {
  let k = mix(h, value.length)
  for (let i = 0; i < value.length; i++) k = mix(k, value[i]!)
  return k
}

function list(h: number, value: readonly unknown[], depth: number): number {
  let k = mix(h, value.length)
  for (const item of value) k = digest(item, k, depth + 1)
  return k
}

function record(h: number, value: object, depth: number): number {
  let k = h
  for (const key in value) k = digest((value as Record<string, unknown>)[key], text(k, key), depth + 1)
  return k
}
