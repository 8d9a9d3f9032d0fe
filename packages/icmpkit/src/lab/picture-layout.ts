/**
 * Where the boxes of a drawn network stand: layers from left to right by their distance from the first node, each edge
 * with a row of its own at both of its ends, so that lines never share one and a `┼` is always two lines that cross.
 */

export interface Shape {
  name: string
  kind: 'host' | 'gateway' | 'segment'
  /** What stands in the box. */
  lines: readonly string[]
}

export interface Edge {
  a: number
  b: number
  label: string
}

export interface Box {
  shape: Shape
  /** It stands in the band above, too. */
  again: boolean
  layer: number
  /** Row of its upper border. */
  y: number
  /** Rows between the borders. */
  inner: number
  left: Port[]
  right: Port[]
}

/** One end of an edge: its row, from the top of the picture. */
export interface Port {
  edge: Edge
  box: Box
  to: Box
  row: number
}

/** The nodes of each part that hangs together, by distance from its first node. */
export function layersOf(count: number, edges: readonly Edge[]): number[][][] {
  const near = Array.from({ length: count }, (): number[] => [])
  for (const { a, b } of edges) {
    near[a]!.push(b)
    near[b]!.push(a)
  }
  const seen = new Uint8Array(count)
  const parts: number[][][] = []
  for (let first = 0; first < count; first++) {
    if (seen[first] === 1) continue
    seen[first] = 1
    const layers: number[][] = []
    for (let layer = [first]; layer.length > 0; ) {
      layers.push(layer)
      const next: number[] = []
      for (const n of layer) {
        for (const m of near[n]!) {
          if (seen[m] === 1) continue
          seen[m] = 1
          next.push(m)
        }
      }
      layer = next
    }
    order(layers, near)
    parts.push(layers)
  }
  return parts
}

/** Fewer crossings: each node stands by the mean of its neighbours' places in the layer before, then in the one behind. */
function order(layers: number[][], near: readonly number[][]): void {
  const place = new Map<number, number>()
  const note = (layer: readonly number[]) => {
    for (const [i, n] of layer.entries()) place.set(n, i / layer.length)
  }
  const layerOf = new Map<number, number>(layers.flatMap((l, i) => l.map((n): [number, number] => [n, i])))
  layers.forEach(note)
  const sweep = (i: number, beside: number) => {
    const mean = (n: number) => {
      const found = near[n]!.filter((m) => layerOf.get(m) === beside).map((m) => place.get(m)!)
      return found.length === 0 ? place.get(n)! : found.reduce((x, y) => x + y, 0) / found.length
    }
    const means = new Map<number, number>(layers[i]!.map((n): [number, number] => [n, mean(n)]))
    layers[i] = layers[i]!.toSorted((x, y) => means.get(x)! - means.get(y)!)
    note(layers[i]!)
  }
  for (let turn = 0; turn < 4; turn++) {
    for (let i = 1; i < layers.length; i++) sweep(i, i - 1)
    for (let i = layers.length - 2; i >= 0; i--) sweep(i, i + 1)
  }
}

/** Boxes with rows, of some layers that follow each other. `again`: the first of them was drawn in the band above. */
export function place(
  shapes: readonly Shape[],
  edges: readonly Edge[],
  layers: readonly number[][],
  again: boolean,
): Box[][] {
  const boxes = new Map<number, Box>()
  const columns = layers.map((layer, i) =>
    layer.map((n): Box => {
      const box = { shape: shapes[n]!, again: again && i === 0, layer: i, y: 0, inner: 0, left: [], right: [] }
      boxes.set(n, box)
      return box
    }),
  )
  const places = new Map<Box, number>(columns.flatMap((c) => c.map((b, i): [Box, number] => [b, i])))
  for (const edge of edges) {
    const [a, b] = [boxes.get(edge.a), boxes.get(edge.b)]
    if (a === undefined || b === undefined || (again && a.layer === 0 && b.layer === 0)) continue
    const [from, to] = a.layer <= b.layer ? [a, b] : [b, a]
    from.right.push({ edge, box: from, to, row: 0 })
    const end = { edge, box: to, to: from, row: 0 }
    if (from.layer === to.layer) to.right.push(end)
    else to.left.push(end)
  }
  const key = (p: Port) => places.get(p.to)!
  for (const box of boxes.values()) {
    const mine = places.get(box)!
    // What stays in the layer and goes up is above what goes on, and what goes down below it.
    const side = (p: Port) => (p.to.layer !== box.layer ? 0 : key(p) < mine ? -1 : 1)
    box.left.sort((p, q) => key(p) - key(q))
    box.right.sort((p, q) => side(p) - side(q) || (side(p) === 0 ? key(p) - key(q) : key(q) - key(p)))
    box.inner = Math.max(box.again ? 1 : box.shape.lines.length, box.left.length, box.right.length, 1)
  }
  // What was drawn and leads no further need not be drawn again.
  const shown = columns.map((c) => c.filter((b) => !b.again || b.right.length > 0))
  for (const [i, column] of shown.entries()) stack(column, shown[i - 1] ?? [])
  const top = Math.min(...shown.flat().map((b) => b.y))
  for (const b of shown.flat()) move(b, b.y - top)
  return shown
}

/** One below the other, each as near as it can be to those that it is joined to on the left. */
function stack(column: readonly Box[], before: readonly Box[]): void {
  // The first may stand above those on its left: rows are counted from the topmost box in the end.
  let free = Number.NEGATIVE_INFINITY
  for (const box of column) {
    const wishes = box.left.map((p, i) => rowOf(p) - 1 - offset(box, box.left) - i)
    const wish = wishes.length === 0 ? Math.max(free, 0) : Math.round(wishes.reduce((x, y) => x + y, 0) / wishes.length)
    move(box, Math.max(free, wish))
    // A row that an edge to another box ends at cannot be the one at which this one comes in.
    for (let tries = 0; tries < 500 && collides(box, before); tries++) move(box, box.y + 1)
    free = box.y + box.inner + 3
  }
}

/** The row at the other end of it. */
function rowOf(p: Port): number {
  return p.to.right.find((other) => other.edge === p.edge)!.row
}

/** Lines that stay in the layer before count as well: they begin and end in the same channel. */
function collides(box: Box, before: readonly Box[]): boolean {
  const taken = before.flatMap((b) => b.right)
  return box.left.some((p) => taken.some((other) => other.row === p.row && other.edge !== p.edge))
}

function move(box: Box, y: number): void {
  box.y = y
  for (const side of [box.left, box.right]) {
    for (const [i, p] of side.entries()) p.row = y + 1 + offset(box, side) + i
  }
}

function offset(box: Box, side: readonly Port[]): number {
  return (box.inner - side.length) >> 1
}
