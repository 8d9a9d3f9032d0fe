/**
 * One packet's way through a row of nodes, drawn: the path, under it how far the packet came, under that who answered.
 *
 *   me ───────── r1 ───────── r2 ─── 1280 ─── r3 ───────── srv
 *   ╰── Echo Request, TTL 2 ──▶✗
 *   ◀── Time to Live Exceeded ─╯
 */
export interface Journey {
  /** Names of the nodes. */
  path: readonly string[]
  /** Between them: '1280', '✗'; '' for nothing to say. */
  links: readonly string[]
  /** Where the packet came to, as a place in `path`. */
  to: number
  /** It ended there, though it was going on. */
  ended: boolean
  there: string
  /** The answer; undefined: none came. */
  back: string | undefined
}

export interface Paint {
  path(text: string): string
  there(text: string): string
  back(text: string): string
}

/** Three lines, or two where nothing came back; about 70 columns for five nodes. */
export function draw(j: Journey, paint: Paint): string[] {
  const starts: number[] = []
  let row = ''
  for (const [i, name] of j.path.entries()) {
    if (i > 0) row += ` ${rule(STEP - j.path[i - 1]!.length - 2, j.links[i - 1] ?? '')} `
    starts.push(row.length)
    row += name
  }
  // Under the last letter of the name that the packet came to.
  const end = starts[j.to]! + j.path[j.to]!.length - 1
  const arrow = j.ended ? '▶✗' : '▶'
  const there = `╰${said(j.there, end - arrow.length)}${arrow}`
  const lines = [paint.path(row), paint.there(there)]
  if (j.back !== undefined) lines.push(paint.back(`◀${said(j.back, end - 1)}╯`))
  return lines
}

/** Columns from one node to the next. */
const STEP = 16

function rule(width: number, label: string): string {
  if (label === '') return '─'.repeat(width)
  const left = Math.floor((width - label.length - 2) / 2)
  return `${'─'.repeat(left)} ${label} ${'─'.repeat(width - label.length - 2 - left)}`
}

/** A rule of that width with words in it; where they do not fit, they are cut. */
function said(words: string, width: number): string {
  const room = width - 4
  const text = words.length > room ? `${words.slice(0, Math.max(0, room - 1))}…` : words
  return `── ${text} ${'─'.repeat(Math.max(0, width - text.length - 4))}`
}
