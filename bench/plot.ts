/** Curves over sizes as an SVG, both axes by powers of ten: no library, since it is a few lines and as many texts. */

export interface Curve {
  name: string
  /** x and y, both above 0. */
  points: readonly (readonly [number, number])[]
}

/** The whole picture; readable on a light page and on a dark one. */
export function curves(lines: readonly Curve[], xName: string, yName: string): string {
  const all = lines.flatMap((l) => l.points)
  const x = scale(
    all.map(([v]) => v),
    LEFT,
    WIDTH - RIGHT,
  )
  const y = scale(
    all.map(([, v]) => v),
    HEIGHT - BOTTOM,
    TOP,
  )
  const parts = [
    ...x.tens.map(
      (v) => tick(x.at(v), y.from, x.at(v), y.to) + text(x.at(v), HEIGHT - BOTTOM + 18, count(v), 'middle'),
    ),
    ...y.tens.map((v) => tick(x.from, y.at(v), x.to, y.at(v)) + text(LEFT - 8, y.at(v) + 4, count(v), 'end')),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, xName, 'middle'),
    text(LEFT - 50, TOP - 12, yName, 'start'),
    ...lines.flatMap(({ name, points }, i) => {
      const colour = COLOURS[i % COLOURS.length]!
      const at = points.map(([a, b]) => [round(x.at(a)), round(y.at(b))] as const)
      const last = at.at(-1)!
      return [
        `<polyline points="${at.map((p) => p.join(',')).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        ...at.map(([cx, cy], n) => {
          const label = text(
            cx,
            cy + (i === 0 ? -10 : 20),
            count(Math.round(points[n]![1] / 1000) * 1000),
            'middle',
            colour,
          )
          return `<circle cx="${cx}" cy="${cy}" r="3.5" fill="${colour}"/>${label}`
        }),
        text(last[0] + 10, last[1] + 4, name, 'start', colour),
      ]
    }),
  ]
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`
  return `${head}<title>${yName} by ${xName}</title>\n${parts.join('\n')}\n</svg>\n`
}

interface Scale {
  /** Where a value stands. */
  at(value: number): number
  from: number
  to: number
  /** Powers of ten in it. */
  tens: number[]
}

/** From one power of ten to another, with all values between them. */
function scale(values: readonly number[], from: number, to: number): Scale {
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))))
  const tens = Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i))
  return { from, to, tens, at: (v) => from + ((Math.log10(v) - low) / (high - low)) * (to - from) }
}

function tick(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${GREY}" stroke-opacity="0.3"/>`
}

function text(x: number, y: number, words: string, anchor: string, colour = GREY): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${colour}">${words}</text>`
}

function count(n: number): string {
  return n.toLocaleString('en')
}

function round(n: number): number {
  return Math.round(n * 10) / 10
}

const WIDTH = 720
const HEIGHT = 360
const LEFT = 80
const RIGHT = 160
const TOP = 40
const BOTTOM = 50
const GREY = '#808080'
const COLOURS = ['#2f81f7', '#d9822b'] as const
