/** A line a notice or error, for people, in the manner of tcpdump; at the end the table by program. */
import type { ListenError, ListenEvent, ListenSummary, Notice } from 'icmpkit'
import { safeText } from 'icmpkit/wire'

export function line(e: ListenEvent, verbose: boolean): string {
  switch (e.kind) {
    case 'ready':
      return `listening${verbose ? `\n${e.notes.map((n) => `  ${safeText(n)}\n`).join('')}` : '\n'}`
    case 'notice':
      return notice(e, verbose)
    case 'error':
      return error(e, verbose)
    case 'summary':
      return summary(e)
  }
}

function notice(e: Notice, verbose: boolean): string {
  const what = e.state === null ? 'a notice that can’t be used' : said(e)
  const who = e.trust === 'signed' ? `signed by ${safeText(e.signedBy ?? '')}` : e.trust
  const trust = `[${who}${e.believed ? '' : ', not believed'}]`
  const closed = e.closed === null ? '' : ` ${CLOSED[e.closed]}`
  return `${clock(e.time)} ${e.server}: ${what}. ${flow(e)} ${trust}${closed}\n${verbose || !e.believed ? `    ${safeText(e.why)}\n` : ''}`
}

/** What nobody vouches for is not told as a fact. */
function said(n: Pick<Notice, 'program' | 'state' | 'reason' | 'backAt' | 'believed'>): string {
  const { program, state, reason, backAt, believed } = n
  const name = program === null ? 'a program' : `“${safeText(program)}”`
  const why = reason === null ? '' : `: ${safeText(reason)}`
  return `${name} is ${believed ? '' : 'said to be '}${safeText(state ?? '?')}${why}${backAt === null ? '' : until(backAt)}`
}

/** Nobody tells that a program is back: whoever reads this later has only the clock to go by. */
function until(backAt: string): string {
  const over = Number(backAt) * 1000 <= Date.now()
  return over ? `, was to be back at ${date(backAt)} (that is over: try it)` : `, back at ${date(backAt)}`
}

function error(e: ListenError, verbose: boolean): string {
  const mtu = e.mtu === null ? '' : `, MTU ${e.mtu}`
  const hit = e.local !== null ? flow(e) : `${e.protocol ?? '?'} to ${e.destination ?? '?'}`
  const live = e.local === null || e.live ? '' : ' (no such socket)'
  return `${clock(e.time)} ${e.from}: ${e.name} (${e.type}/${e.code}${mtu}). ${hit}${live}\n${verbose ? `    ${e.meaning}\n` : ''}`
}

function flow(e: Notice | ListenError): string {
  const process = e.process === null ? '' : ` ${safeText(e.process.name)}[${e.process.pid}]`
  return `${e.protocol} ${e.local} > ${e.remote}${process}`
}

const CLOSED = {
  closed: 'connection ended',
  'no-socket': 'the connection has ended by itself',
  refused: 'may not end the connection: that needs CAP_NET_ADMIN',
} as const

/** The table by program, then what was counted. */
export function summary(s: ListenSummary): string {
  const table = s.programs.map((p) => {
    const what = p.state === null ? 'notices that can’t be used' : said(p)
    return [`${p.protocol}/${p.port} of ${p.server}`, `${p.notices}×`, p.trust, `${what}; last at ${clock(p.lastTime)}`]
  })
  const widths = [0, 1, 2].map((i) => Math.max(0, ...table.map((row) => row[i]!.length)))
  const rows = table.map((row) => `${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}\n`)
  const counts: [string, number][] = [
    ['ICMP errors heard', s.errors],
    ['notices', s.notices],
    ['notices told and believed', s.believed],
    ...Object.entries(s.untold).map(([why, n]): [string, number] => [`not told: ${why}`, n]),
    ['lost by the receive queue', s.queueOverflow],
  ]
  const shown = counts.filter(([, n], i) => n > 0 || i === 0)
  const width = Math.max(...shown.map(([, n]) => `${n}`.length))
  return `${rows.join('')}${shown.map(([name, n]) => `${`${n}`.padStart(width)}  ${name}\n`).join('')}`
}

/** The time of the day here, with microseconds. */
function clock(time: string): string {
  const [seconds, fraction] = time.split('.')
  const d = new Date(Number(seconds) * 1000)
  const two = (n: number) => `${n}`.padStart(2, '0')
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${(fraction ?? '').slice(0, 6)}`
}

/** Day and time here; the day only where it is another. */
function date(time: string): string {
  const d = new Date(Number(time.split('.')[0]) * 1000)
  const two = (n: number) => `${n}`.padStart(2, '0')
  const day = `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} `
  const hours = `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`
  return `${d.toDateString() === new Date().toDateString() ? '' : day}${hours}`
}
