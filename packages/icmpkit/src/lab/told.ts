/** What a network tells while it runs, as events ready for NDJSON: its timeline, and what its nodes learn. */
import type { StackEvent } from '../stack/event.ts'
import { type Ip, showIp } from '../wire/addr.ts'
import { type Json, toJson } from '../wire/json.ts'
import { timeOf } from './asker.ts'
import type { ChangeEvent, StateEvent } from './scenario-event.ts'
import type { ChangeData } from './topology.ts'

/** What one entry of the timeline did. */
export function changesOf(c: ChangeData, now: number, isNode: (name: string) => boolean): ChangeEvent[] {
  const time = timeOf(now)
  const told: ChangeEvent[] = []
  const tell = (what: ChangeEvent['what'], at: ChangeData['down'], to: Json) => {
    const name = typeof at === 'string' ? at : (at ?? []).join('-')
    const node = isNode(name)
    told.push({ kind: 'change', time, node: node ? name : null, what, link: node ? null : name, to })
  }
  if (c.down !== undefined) tell('down', c.down, null)
  if (c.up !== undefined) tell('up', c.up, null)
  if (c.change !== undefined) tell('change', c.change[0], toJson(c.change[1]))
  for (const [node, routes] of Object.entries(c.routes ?? {})) tell('routes', node, toJson(routes))
  for (const [node, ports] of Object.entries(c.serve ?? {})) tell('serve', node, toJson(ports))
  return told
}

/** @param port its name */
export function stateOf(node: string, port: string, { at, port: _, kind, ...rest }: StackEvent): StateEvent {
  const about = Object.fromEntries(
    Object.entries(rest).map(([k, v]) => [k, ADDRESSES.has(k) && isIp(v) ? showIp(v) : toJson(v ?? null)]),
  )
  return { kind: 'state', time: timeOf(at), node, what: kind, port, about }
}

function isIp(v: unknown): v is Ip {
  return typeof v === 'number' || typeof v === 'bigint'
}

/** Fields of the stack's events that are addresses. */
const ADDRESSES = new Set(['address', 'destination', 'by', 'to', 'about'])
