/** Times as people type them: `200ms`, `1.5s`, `2m`; a bare number is in the unit that the option's own tool has. */

const UNIT: Record<string, number> = { us: 0.001, µs: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds, or undefined where the text is not a time. */
export function parseDuration(text: string, bare: 's' | 'ms' = 's'): number | undefined {
  const m = /^(\d+(?:[.,]\d*)?|[.,]\d+)(us|µs|ms|s|m|h)?$/.exec(text.trim())
  if (m === null) return undefined
  return Number(m[1]!.replace(',', '.')) * UNIT[m[2] ?? bare]!
}
