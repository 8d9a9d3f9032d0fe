/** Draws placed boxes and the lines between them with the characters of a terminal. */
import type { Box, Port } from './picture-layout.ts'

/** Characters, row by row. */
class Canvas {
  readonly #rows: string[][] = []

  put(x: number, y: number, char: string): void {
    this.#rows[y] ??= []
    const row = this.#rows[y]!
    while (row.length < x) row.push(' ')
    row[x] = char
  }

  /** A piece of a line: where one is already, they cross. */
  line(x: number, y: number, char: '─' | '│'): void {
    const there = this.#rows[y]?.[x] ?? ' '
    this.put(x, y, there !== ' ' && there !== char ? '┼' : char)
  }

  text(x: number, y: number, text: string): void {
    for (const [i, char] of [...text].entries()) this.put(x + i, y, char)
  }

  toString(): string {
    return Array.from(this.#rows, (row) => `${(row ?? []).join('').trimEnd()}\n`).join('')
  }
}

/** Columns of a column of boxes. */
export function boxWidth(column: readonly Box[]): number {
  return Math.max(...column.flatMap((b) => linesOf(b).map((l) => [...l].length))) + 4
}

/** Columns between a column of boxes and the next. */
export function channelWidth(column: readonly Box[], last: boolean, labels: boolean): number {
  const bends = bendsOf(column)
  if (last && bends.length === 0) return 0
  const own = column.flatMap((b) => b.right.filter(begins))
  const label = labels ? Math.max(0, ...own.map((p) => [...p.edge.label].length)) : 0
  const tracks = tracksOf(bends).count
  return (label === 0 ? 3 : label + 4) + (tracks === 0 ? 0 : 2 * tracks + 1)
}

export function draw(columns: readonly Box[][], labels: boolean): string {
  const canvas = new Canvas()
  let x = 0
  for (const [i, column] of columns.entries()) {
    const width = boxWidth(column)
    const channel = channelWidth(column, i === columns.length - 1, labels)
    for (const b of column) box(canvas, b, x, width)
    lines(canvas, column, x + width, channel, labels)
    x += width + channel
  }
  return canvas.toString()
}

function linesOf(b: Box): readonly string[] {
  return b.again ? b.shape.lines.slice(0, 1).map((l) => `…${l}`) : b.shape.lines
}

function box(canvas: Canvas, b: Box, x: number, width: number): void {
  const [topLeft, topRight, bottomLeft, bottomRight, across, down] = [...BORDERS[b.shape.kind]] as [
    string,
    string,
    string,
    string,
    string,
    string,
  ]
  const right = x + width - 1
  const bottom = b.y + b.inner + 1
  for (let i = x + 1; i < right; i++) {
    canvas.put(i, b.y, across)
    canvas.put(i, bottom, across)
  }
  for (let row = b.y + 1; row < bottom; row++) {
    canvas.put(x, row, b.left.some((p) => p.row === row) ? (down === '║' ? '╢' : '┤') : down)
    canvas.put(right, row, b.right.some((p) => p.row === row) ? (down === '║' ? '╟' : '├') : down)
  }
  canvas.put(x, b.y, topLeft)
  canvas.put(right, b.y, topRight)
  canvas.put(x, bottom, bottomLeft)
  canvas.put(right, bottom, bottomRight)
  const inside = linesOf(b)
  const first = b.y + 1 + ((b.inner - inside.length) >> 1)
  for (const [i, line] of inside.entries()) {
    const free = width - 4 - [...line].length
    canvas.text(x + 2 + (inside.length === 1 ? free >> 1 : 0), first + i, line)
  }
}

/** The lines that leave the boxes of a column to the right. */
function lines(canvas: Canvas, column: readonly Box[], from: number, channel: number, labels: boolean): void {
  const bends = bendsOf(column)
  const { of, count } = tracksOf(bends)
  const to = from + channel - 1
  const first = to - 2 * count
  for (const p of column.flatMap((b) => b.right.filter(begins))) {
    const other = endOf(p)
    const track = of.get(p)
    if (track === undefined) {
      for (let i = from; i <= to; i++) canvas.line(i, p.row, '─')
    } else {
      const x = first + 2 * track
      const back = other.box.layer === p.box.layer
      for (let i = from; i < x; i++) canvas.line(i, p.row, '─')
      for (let i = back ? from : x + 1; i <= (back ? x - 1 : to); i++) canvas.line(i, other.row, '─')
      const [upper, lower] = p.row < other.row ? [p.row, other.row] : [other.row, p.row]
      for (let row = upper + 1; row < lower; row++) canvas.line(x, row, '│')
      canvas.put(x, p.row, p.row < other.row ? '╮' : '╯')
      canvas.put(x, other.row, p.row < other.row ? (back ? '╯' : '╰') : back ? '╮' : '╭')
    }
    if (labels && p.edge.label !== '') canvas.text(from + 1, p.row, ` ${p.edge.label} `)
  }
}

/** Of the two ends in one column the upper begins. */
function begins(p: Port): boolean {
  return p.to.layer !== p.box.layer || p.row < endOf(p).row
}

function endOf(p: Port): Port {
  const side = p.to.layer === p.box.layer ? p.to.right : p.to.left
  return side.find((other) => other.edge === p.edge)!
}

/** Lines that do not go straight on, in the order in which their vertical parts stand, so that few cross. */
function bendsOf(column: readonly Box[]): Port[] {
  const bends = column.flatMap((b) =>
    b.right.filter((p) => begins(p) && (p.to.layer === b.layer || endOf(p).row !== p.row)),
  )
  const rank = (p: Port) => {
    const other = endOf(p)
    if (p.to.layer === p.box.layer) return [0, other.row - p.row]
    return other.row > p.row ? [1, -p.row] : [2, p.row]
  }
  return bends.toSorted((p, q) => rank(p)[0]! - rank(q)[0]! || rank(p)[1]! - rank(q)[1]!)
}

/** The first track from the left, behind those of earlier lines, on which its rows are free. */
function tracksOf(bends: readonly Port[]): { of: Map<Port, number>; count: number } {
  const of = new Map<Port, number>()
  const taken: [number, number][][] = []
  for (const p of bends) {
    const other = endOf(p)
    const [upper, lower] = p.row < other.row ? [p.row, other.row] : [other.row, p.row]
    let track = taken.findIndex((t) => t.every(([u, l]) => lower < u || upper > l))
    if (track < 0) track = taken.push([]) - 1
    taken[track]!.push([upper, lower])
    of.set(p, track)
  }
  return { of, count: taken.length }
}

const BORDERS = { host: '┌┐└┘─│', gateway: '╭╮╰╯─│', segment: '╔╗╚╝═║' } as const
