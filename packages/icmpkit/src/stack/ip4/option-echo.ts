/**
 * The options of an answer or an error, made from those of the datagram that it is about: record route and timestamp
 * updated and sent on (RFC 1122 §3.2.2.6), a source route turned round (RFC 1122 §3.2.1.8(c), RFC 1812 §4.3.2.6).
 */
import type { Ip4 } from '../../wire/addr.ts'
import * as option from '../../wire/ip4-option.ts'
import type { TransitOptions } from './transit-options.ts'

/** Where the way back begins, and the options that go along. */
export interface WayBack {
  dst: Ip4
  options: Uint8Array | undefined
}

/**
 * What goes back to `src`. `updated`: record route and timestamp too, in full length; an error takes the source route
 * only. Options that do not parse are left out.
 */
export function wayBack(options: Uint8Array, src: Ip4, how: { reverse: boolean; updated: boolean }): WayBack {
  if (options.length === 0) return { dst: src, options: undefined }
  const given = option.parseOptions(options)
  if (!Array.isArray(given)) return { dst: src, options: undefined }
  let dst = src
  const back: option.Option[] = []
  for (const o of given) {
    if (o.kind === 'recordRoute' || o.kind === 'timestamp') {
      if (how.updated) back.push(o)
    } else if (how.reverse && (o.kind === 'looseSourceRoute' || o.kind === 'strictSourceRoute')) {
      const passed = option.visited(o)
      const last = passed.pop()
      if (last === undefined) continue
      dst = last
      back.push({ kind: o.kind, pointer: FIRST_SLOT, addresses: [...passed.reverse(), src] })
    }
  }
  return { dst, options: back.length === 0 ? undefined : option.writeOptions(back) }
}

/** This node's entry in the record route and timestamp of the request at `at`, written in place. */
export function stamp(
  scratch: TransitOptions,
  bytes: Uint8Array,
  at: number,
  payload: number,
  own: Ip4,
  wall: bigint,
  isMine: (address: Ip4) => boolean,
): void {
  scratch.scan(bytes, at, payload)
  if (scratch.fault < 0) scratch.record(bytes, at, own, wall, isMine)
}

const FIRST_SLOT = 4
