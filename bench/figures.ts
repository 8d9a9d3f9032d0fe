/** What benchmarks share: medians, and a table of them. */

/** The middle of an odd number of samples, else the mean of the two in the middle. */
export function median(samples: readonly number[]): number {
  if (samples.length === 0) throw new RangeError('the median of nothing')
  const sorted = samples.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

/** Nanoseconds that `body` takes for one of its `count` items: the median of `rounds`, after as long a warm-up as one round. */
export function perItem(count: number, body: () => void, rounds = 11): number {
  const samples: number[] = []
  for (let n = 0; n <= rounds; n++) {
    const start = process.hrtime.bigint()
    body()
    const ns = Number(process.hrtime.bigint() - start)
    if (n > 0) samples.push(ns / count)
  }
  return median(samples)
}

/** Columns as wide as their widest cell, numbers to the right. */
export function printTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const cells = rows.map((row) => row.map((c) => (typeof c === 'number' ? c.toLocaleString('en') : c)))
  const width = head.map((h, i) => Math.max(h.length, ...cells.map((row) => row[i]!.length)))
  const line = (row: readonly string[]) =>
    row.map((c, i) => (i === 0 ? c.padEnd(width[i]!) : c.padStart(width[i]!))).join('  ')
  for (const row of [head, ...cells]) process.stdout.write(`${line(row).trimEnd()}\n`)
}
