/** A line a thing that happened, for people. */
import type { NoticeServeEvent, NoticeTotals } from 'icmpkit'
import { safeText } from 'icmpkit/wire'

export type Outage = Omit<Extract<NoticeServeEvent, { kind: 'outage' }>, 'time'>

export function line(e: NoticeServeEvent): string {
  switch (e.kind) {
    case 'ready': {
      const rows = e.programs.map((p) => {
        const there = p.holders === 0 ? ', nobody holds its port' : ''
        const known = p.workstations === 0 ? '' : `, ${p.workstations} workstations known`
        return `  ${safeText(p.program)} (${p.protocol}/${p.port}): ${p.state}${there}${known}\n`
      })
      const where = e.socket === null ? 'no operator socket' : `operator: ${e.socket}`
      const signed = e.key === null ? 'unsigned' : `signed by key ${e.key}`
      return `watching; ${where}; notices are ${signed}\n${rows.join('')}${e.notes.map((n) => `  ${n}\n`).join('')}`
    }
    case 'suspect':
      return `${clock(e.time)} ${safeText(e.program)} is suspect: ${safeText(e.why)}\n`
    case 'outage': {
      const reason = e.reason === null ? '' : ` (${safeText(e.reason)})`
      const back = e.backAt === null ? '' : `, back at ${new Date(e.backAt * 1000).toISOString().slice(0, 19)}Z`
      return `${clock(e.time)} ${safeText(e.program)} is ${e.state}${reason}${back}: ${told(e, `, known after ${milliseconds(e.detectedNs)}`)}\n`
    }
    case 'back':
      return `${clock(e.time)} ${safeText(e.program)} is back, it was ${e.state} for ${seconds(e.downNs / 1e9)}\n`
    case 'note':
      return `${clock(e.time)} ${safeText(e.what)}\n`
    case 'summary':
      return totals(e)
  }
}

/** How many of the workstations have been told, and why others were not. */
export function told(e: Outage, known = ''): string {
  const passed = Object.values(e.suppressed).reduce((sum, n) => sum + n, 0)
  const why = passed === 0 ? '' : `; not told: ${words(e.suppressed)}`
  const rebuilt = e.rebuilt === 0 ? '' : `, ${e.rebuilt} of them with a rebuilt quote`
  const bare = e.bare === 0 ? '' : `, ${e.bare} of them without words (they had said too little)`
  return `${e.sent} of ${e.workstations} workstations told in ${milliseconds(e.lastSentNs)}${known}${rebuilt}${bare}${why}`
}

/** Programs and counters: what `status` and Ctrl-C show. */
export function totals(s: Omit<NoticeTotals, 'kind'>): string {
  const rows = s.programs.map((p) => {
    const down = p.downMs === null ? '' : ` for ${seconds(p.downMs / 1000)}`
    const reason = p.reason === null ? '' : ` (${safeText(p.reason)})`
    const back = p.backAt === null ? '' : `, back at ${new Date(p.backAt * 1000).toISOString().slice(0, 19)}Z`
    const who = p.protocol === 'udp' ? `, ${p.workstations} workstations known` : ''
    return `${safeText(p.program)} (${p.protocol}/${p.port}): ${p.state}${down}${reason}${back}${who}\n`
  })
  const counts: [string, number][] = [
    ['outages', s.outages],
    ['notices sent', s.sent],
    ['of them repeated', s.repeated],
    ['acknowledgements that asked for a sequence number', s.elicited],
    ...named('not told', s.suppressed),
    ...named('could not be sent', s.unsent),
    ['datagrams of workstations seen', s.heard],
    ['answers seen', s.answered],
    ['datagrams that came too fast to be seen', s.unseen],
  ]
  const shown = counts.filter(([name, n]) => n > 0 || name === 'notices sent')
  const width = Math.max(...shown.map(([, n]) => String(n).length))
  return rows.join('') + shown.map(([name, n]) => `${String(n).padStart(width)}  ${name}\n`).join('')
}

function named(what: string, of: Readonly<Record<string, number | undefined>>): [string, number][] {
  return Object.entries(of).map(([why, n]) => [`${what}: ${why}`, n ?? 0])
}

function words(of: Readonly<Record<string, number | undefined>>): string {
  return Object.entries(of)
    .map(([why, n]) => `${n} ${why}`)
    .join(', ')
}

/** Time of day, UTC. */
function clock(time: string): string {
  return new Date(Number(time) * 1000).toISOString().slice(11, 23)
}

function milliseconds(ns: number): string {
  return `${(ns / 1e6).toFixed(1)} ms`
}

function seconds(s: number): string {
  return s < 60 ? `${s.toFixed(1)} s` : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`
}
