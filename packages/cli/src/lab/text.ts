/** What happens in a lab, for people: a line an event, read like a story. */
import type { ScenarioEvent, SummaryEvent } from 'icmpkit/lab'
import { safeText } from 'icmpkit/wire'

export function line(e: ScenarioEvent): string {
  if (e.kind === 'summary') return summary(e)
  return `${clock(e.time)}  ${safeText(said(e))}\n`
}

function said(e: Exclude<ScenarioEvent, SummaryEvent>): string {
  switch (e.kind) {
    case 'network':
      return `a network of ${many(e.nodes, 'node')} and ${many(e.links, 'link')}, seed ${e.seed}`
    case 'sent':
      return `${e.node} ${e.what === 'ping' ? 'pings' : 'sends UDP to'} ${whom(e)}: seq ${e.seq}, ${many(e.octets, 'octet')}`
    case 'reply':
      return `${e.node} hears ${who(e.from, e.by)}: seq ${e.seq}${e.ttl === null ? '' : `, ttl ${e.ttl}`}, ${took(e.rttNs)}`
    case 'late':
      return `${e.node} hears ${who(e.from, e.by)} late: seq ${e.seq}, ${took(e.rttNs)}`
    case 'duplicate':
      return `${e.node} hears ${who(e.from, e.by)} again: seq ${e.seq}, a duplicate`
    case 'corrupt':
      return `${e.node} hears ${who(e.from, e.by)}: seq ${e.seq}, but it is corrupt`
    case 'error': {
      const seq = e.seq === null ? '' : `seq ${e.seq}: `
      const mtu = e.mtu === null ? '' : `, ${e.mtu} octets at most`
      const from = e.from === null ? `${e.node} itself says` : `${who(e.from, e.by)} tells ${e.node}`
      return `${from}: ${seq}${e.name}${mtu}`
    }
    case 'timeout':
      return `${e.node} hears nothing from ${whom(e)}: seq ${e.seq} is lost`
    case 'hop':
      return `${e.node} traces ${whom(e)}: ${hop(e)}`
    case 'change':
      return change(e)
    case 'packet':
      return `${e.node}${e.to === null ? '' : ` → ${e.to}`}, ${e.did}: ${e.packet}`
    case 'state':
      return `${e.node} ${e.port}: ${e.what} ${fields(e.about)}`
  }
}

function hop(e: Extract<ScenarioEvent, { kind: 'hop' }>): string {
  const stars = Array.from({ length: e.unanswered }, () => '*')
  let last = ''
  const answers = e.answers.map((a) => {
    const from = who(a.from, a.by)
    const labels = a.labels.length === 0 ? '' : ` [MPLS ${a.labels.join(', ')}]`
    const odd = a.name === 'Echo Reply' || EXCEEDED.test(a.name) ? '' : ` (${a.name})`
    const text = `${from === last ? '' : `${from}${labels} `}${took(a.rttNs)}${odd}`
    last = from
    return text
  })
  return `${String(e.ttl).padStart(2)}  ${[...answers, ...stars].join('  ')}`
}

function change(e: Extract<ScenarioEvent, { kind: 'change' }>): string {
  const what = e.node === null ? `link ${e.link}` : `node ${e.node}`
  switch (e.what) {
    case 'down':
      return `${what} goes down`
    case 'up':
      return `${what} is up`
    case 'change':
      return `${what} changes: ${settings(e.to)}`
    case 'routes':
      return `${what} has new routes: ${settings(e.to)}`
    case 'serve':
      return `${what}: ${serving(e.to as Record<string, number[]>)}`
  }
}

function serving(ports: Record<string, number[]>): string {
  const of = ([protocol, open]: [string, number[]]) =>
    open.length === 0
      ? `its ${protocol.toUpperCase()} programs end`
      : `programs at ${protocol.toUpperCase()} ${open.join(', ')}`
  return Object.entries(ports).map(of).join('; ')
}

function fields(about: unknown): string {
  const said = Object.entries(about as Record<string, unknown>)
  return said.map(([k, v]) => `${k} ${typeof v === 'string' ? v : JSON.stringify(v)}`).join(', ')
}

function settings(to: unknown): string {
  return JSON.stringify(to).slice(1, -1).replaceAll('"', '').replaceAll(',', ', ').replaceAll(':', ' ')
}

function summary(e: SummaryEvent): string {
  const lines = e.asks.map((a) => `${asked(a)}\n`)
  const packets = Object.entries(e.packets).map(([fate, n]) => `${n} ${fate}`)
  return `${clock(e.time)}  the end\n\n${lines.join('')}packets on links: ${packets.join(', ') || 'none'}\n`
}

/** What came of a question. */
export function asked(a: SummaryEvent['asks'][number]): string {
  const lost = a.sent === 0 ? '' : `, ${many(a.lost, 'packet')} lost`
  const errors = a.errors === 0 ? '' : `, ${many(a.errors, 'error')}`
  const rtt =
    a.rttNs === null ? '' : `, ${took(a.rttNs.min)} / ${took(a.rttNs.avg)} / ${took(a.rttNs.max)} (min / avg / max)`
  return `${a.from} ${a.what} ${a.to}: ${a.sent} sent, ${a.received} answered${lost}${errors}${rtt}`
}

function who(address: string, node: string | null): string {
  return node === null ? address : `${node} (${address})`
}

function whom(e: { to: string; address: string }): string {
  return e.to === e.address ? e.to : `${e.to} (${e.address})`
}

function took(ns: number): string {
  const ms = ns / 1e6
  return `${ms < 10 ? ms.toFixed(2) : ms < 1000 ? ms.toFixed(1) : ms.toFixed(0)} ms`
}

/** Seconds with microseconds, in one column. */
function clock(time: string): string {
  return time.slice(0, -3).padStart(11)
}

function many(n: number, what: string): string {
  return `${n} ${what}${n === 1 ? '' : 's'}`
}

const EXCEEDED = /time to live exceeded|hop limit exceeded|time exceeded/i
