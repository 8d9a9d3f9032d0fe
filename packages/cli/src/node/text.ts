/** A line a thing that happened, for people. */
import type { NodeEvent, NodeSummary } from 'icmpkit'
import { icmp4, icmp6, registry, safeText } from 'icmpkit/wire'

export function line(e: NodeEvent): string {
  switch (e.kind) {
    case 'ready': {
      const ports = e.ports.map((p) => {
        const what = [p.mac, `MTU ${p.mtu}`, p.door].filter((x) => x !== null).join(', ')
        const refused = p.conflicts.map((c) => `\n    ${c.address} is not used: ${c.by} has it`)
        const notes = p.notes.map((n) => `\n    ${n}`)
        return `  ${p.name} (${what}): ${p.addresses.join(', ') || 'no address'}${refused.join('')}${notes.join('')}\n`
      })
      const busy =
        e.busyPollMs === 0 ? '' : `  busy polling: a core is kept busy for ${e.busyPollMs} ms after each frame\n`
      return `ready\n${ports.join('')}${busy}`
    }
    case 'address-ready':
      return `${e.port}: ${e.address}/${e.prefixLength} is in use\n`
    case 'address-conflict':
      return `${e.port}: ${conflict(e)}\n`
    case 'address-gone':
      return `${e.port}: ${e.address} is gone: ${e.why}\n`
    case 'neighbour':
      return `${e.port}: neighbour ${e.address} is ${e.state}${e.mac === null ? '' : ` at ${e.mac}`}\n`
    case 'router':
      return e.state === 'gone'
        ? `${e.port}: router ${e.address} is gone\n`
        : `${e.port}: router ${e.address}, for ${e.lifetimeSeconds} s\n`
    case 'redirect':
      return `${e.port}: redirect by ${e.by}: to ${e.destination} go by ${e.to}\n`
    case 'path-mtu':
      return `path MTU to ${e.destination} is ${e.mtu}${e.by === null ? '' : `, says ${e.by}`}\n`
    case 'log':
      return `${e.port}: ${safeText(e.what)}${e.about === null ? '' : ` (${e.about})`}\n`
    case 'port':
      return `${e.port}: link ${e.state}, MTU ${e.mtu}${e.mac === null ? '' : `, ${e.mac}`}\n`
    case 'summary':
      return summary(e)
  }
}

function conflict({ address, by, outcome }: Extract<NodeEvent, { kind: 'address-conflict' }>): string {
  switch (outcome) {
    case 'not-used':
      return `${address} is not used: ${by} has it`
    case 'given-up':
      return `${address} is given up: ${by} claims it`
    case 'defended':
      return `${by} claims ${address} as well, and was told that it is in use here`
  }
}

/** The counters, those that count something. */
export function summary(s: NodeSummary): string {
  const rows: [string, number][] = [
    ['received', s.received],
    ['answered', s.answered],
    ['forwarded', s.forwarded],
    ['delivered', s.delivered],
    ['originated', s.originated],
    ...named('error sent', s.errorsSent, meant),
    ...named('error received', s.errorsReceived, meant),
    ...named('error suppressed', s.suppressed),
    ...named('malformed', s.malformed),
    ...named('dropped', s.dropped),
    ['lost by the receive queue', s.queueOverflow],
    ['events not told, too many', s.untold],
    ...(s.busyPoll.spentMs === 0 && s.busyPoll.found === 0 ? [] : busyPoll(s.busyPoll)),
  ]
  const shown = rows.filter(([name, n]) => n > 0 || name === 'received')
  const width = Math.max(...shown.map(([, n]) => String(n).length))
  return shown.map(([name, n]) => `${String(n).padStart(width)}  ${name}\n`).join('')
}

function busyPoll({ spentMs, found, woken }: NodeSummary['busyPoll']): [string, number][] {
  return [
    ['ms of busy polling', spentMs],
    ['times that it found frames', found],
    ['times that frames woke it', woken],
  ]
}

function named(what: string, counts: Readonly<Record<string, number>>, show = (name: string) => name) {
  return Object.entries(counts).map(([name, n]): [string, number] => [`${what}: ${show(name)}`, n])
}

/** `v4 unreachable 3`, and what that is called. */
function meant(name: string): string {
  const [version, kind, code] = name.split(' ')
  const family = version === 'v4' ? 4 : 6
  const types: Readonly<Record<string, number>> = family === 4 ? icmp4.Type : icmp6.Type
  const type = types[kind!]
  return type === undefined ? name : `${name} (${registry.lookup(family, type, Number(code)).name})`
}
