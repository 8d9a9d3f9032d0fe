/**
 * What was parsed, as plain JSON values: addresses as text, octets as hex, 64-bit numbers as decimal strings, `null` for
 * no value. `fromJson` is the way back, for those who write messages by hand.
 *
 * An `Ip4` is a number like any other once it is parsed, so addresses are known by the names of their fields. A test
 * reads the sources and keeps these names for addresses, and addresses to these names.
 */
import { type Ip, showIp } from './addr.ts'
import { hex } from './octets.ts'

export { fromJson } from './json-message.ts'

export type Json = null | boolean | number | string | Json[] | { [field: string]: Json }

/** Every field that holds an address, or a list of them, and nothing else anywhere in `wire`. */
export const ADDRESS_FIELDS: ReadonlySet<string> = new Set([
  'src',
  'dst',
  'finalDst',
  'gateway',
  'mask',
  'prefix',
  'address',
  'addresses',
  'target',
  'destination',
  'group',
  'sources',
  'sender',
])

/** Offsets into the octets that were parsed: they mean nothing to somebody who has not got those. */
const OFFSET_FIELDS: ReadonlySet<string> = new Set(['payload', 'end'])

/** A parsed message, header, quote or any part of one; a copy, so it outlives the octets it was read from. */
export function toJson(value: unknown): Json {
  return convert(value, '')
}

function convert(value: unknown, field: string): Json {
  switch (typeof value) {
    case 'number':
    case 'bigint':
      if (ADDRESS_FIELDS.has(field)) return showIp(value as Ip)
      return typeof value === 'number' ? value : value.toString()
    case 'string':
    case 'boolean':
      return value
    case 'object':
      if (value === null) return null
      if (value instanceof Uint8Array) return hex(value)
      return Array.isArray(value) ? value.map((item) => convert(item, field)) : convertObject(value)
    default:
      return null
  }
}

function convertObject(value: object): Json {
  const json: { [field: string]: Json } = {}
  for (const [field, inner] of Object.entries(value)) {
    if (OFFSET_FIELDS.has(field) && typeof inner === 'number') continue
    json[field] = convert(inner, field)
  }
  return json
}
