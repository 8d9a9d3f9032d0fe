/** What `host()` and `gateway()` tell the world: the stack's events and counters, addresses as text, moments as decimal strings. */
import { type Clock, showTime } from '../../clock.ts'
import type { Counters, StackEvent } from '../../stack/index.ts'
import { type Ip, isLinkLocal, showIp } from '../../wire/addr.ts'
import { showMac } from '../../wire/ethernet.ts'

/** The ports are open, each address is in use or refused. Always the first. */
export interface NodeReady {
  kind: 'ready'
  time: string
  /** For so long after each frame a core is kept busy, looking for the next one; 0: it sleeps. */
  busyPollMs: number
  ports: PortReport[]
}

export interface PortReport {
  name: string
  door: string
  medium: 'ethernet' | 'ip'
  /** null on a point-to-point link. */
  mac: string | null
  mtu: number
  /** In use, with their prefix lengths. */
  addresses: string[]
  /** Held by somebody else, so not used. */
  conflicts: { address: string; by: string }[]
  /** What the door can't see or do, and how the interface was taken from the kernel. */
  notes: readonly string[]
}

export type NodeEvent =
  | NodeReady
  | { kind: 'address-ready'; time: string; port: string; address: string; prefixLength: number }
  | {
      kind: 'address-conflict'
      time: string
      port: string
      address: string
      by: string
      /** `defended`: somebody else claims it; it stays in use here, and the other was told (RFC 5227 §2.4). */
      outcome: 'not-used' | 'given-up' | 'defended'
    }
  | { kind: 'address-gone'; time: string; port: string; address: string; why: 'expired' | 'removed' }
  | { kind: 'neighbour'; time: string; port: string; address: string; state: string; mac: string | null }
  | { kind: 'router'; time: string; port: string; address: string; state: 'found' | 'gone'; lifetimeSeconds: number }
  | { kind: 'redirect'; time: string; port: string; destination: string; by: string; to: string }
  | { kind: 'path-mtu'; time: string; port: string; destination: string; mtu: number; by: string | null }
  | { kind: 'log'; time: string; port: string; what: string; about: string | null }
  | {
      kind: 'port'
      time: string
      port: string
      state: 'up' | 'down' | 'gone' | 'changed' | 'back'
      mtu: number
      mac: string | null
    }
  | NodeSummary

export interface NodeSummary {
  kind: 'summary'
  time: string
  received: number
  answered: number
  forwarded: number
  delivered: number
  originated: number
  errorsSent: Readonly<Record<string, number>>
  errorsReceived: Readonly<Record<string, number>>
  suppressed: Readonly<Record<string, number>>
  malformed: Readonly<Record<string, number>>
  dropped: Readonly<Record<string, number>>
  /** Arrivals that the doors' receive queues had no room for. */
  queueOverflow: number
  /** Events that were not told, too many at a time. */
  untold: number
  /** What busy polling has cost, and brought: times that frames were found by looking, and by being woken. */
  busyPoll: { spentMs: number; found: number; woken: number }
}

/** @param nameOf the port of an index */
export function report(e: StackEvent, clock: Clock, nameOf: (index: number) => string): NodeEvent {
  const port = nameOf(e.port)
  const time = showTime(clock.wall(e.at))
  const text = (ip: Ip): string => showIp(ip, isLinkLocal(ip) ? port : undefined)
  switch (e.kind) {
    case 'address-ready':
      return { kind: e.kind, time, port, address: text(e.address), prefixLength: e.prefixLength }
    case 'address-conflict': {
      const { outcome = 'not-used' } = e
      return { kind: e.kind, time, port, address: text(e.address), by: macText(e.by) ?? 'somebody', outcome }
    }
    case 'address-gone':
      return { kind: e.kind, time, port, address: text(e.address), why: e.why }
    case 'neighbour':
      return { kind: e.kind, time, port, address: text(e.address), state: e.state, mac: macText(e.mac) }
    case 'router':
      return { kind: e.kind, time, port, address: text(e.address), state: e.state, lifetimeSeconds: e.lifetimeSeconds }
    case 'redirect':
      return { kind: e.kind, time, port, destination: text(e.destination), by: text(e.by), to: text(e.to) }
    case 'path-mtu': {
      const by = e.by === undefined ? null : text(e.by)
      return { kind: e.kind, time, port, destination: text(e.destination), mtu: e.mtu, by }
    }
    case 'log':
      return { kind: e.kind, time, port, what: e.what, about: e.about === undefined ? null : text(e.about) }
    case 'port':
      return { kind: e.kind, time, port, state: e.state, mtu: e.mtu, mac: macText(e.mac) }
  }
}

export function summarize(
  c: Counters,
  time: string,
  queueOverflow: number,
  busy: Readonly<NodeSummary['busyPoll']>,
): NodeSummary {
  return {
    kind: 'summary',
    time,
    received: c.received,
    answered: c.answered,
    forwarded: c.forwarded,
    delivered: c.delivered,
    originated: c.originated,
    errorsSent: { ...c.errorsSent },
    errorsReceived: { ...c.errorsReceived },
    suppressed: { ...c.suppressed },
    malformed: { ...c.malformed },
    dropped: { ...c.dropped },
    queueOverflow,
    untold: c.untold,
    busyPoll: { spentMs: Math.round(busy.spentMs), found: busy.found, woken: busy.woken },
  }
}

export function macText(mac: Uint8Array | undefined): string | null {
  return mac === undefined || mac.length !== 6 ? null : showMac(mac)
}
