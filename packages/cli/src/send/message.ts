/** The message that the flags of `icmp send` describe. Fields go through `fromJson`, which knows what each kind has. */
import { type Family, fromJson, icmp4, icmp6, type Json, registry, unhex } from 'icmpkit/wire'
import { types } from '../decode/type-name.ts'

export interface MessageFlags {
  type?: string
  code?: string
  id?: number
  seq?: number
  data?: string
  text?: string
  size?: number
  mtu?: number
  pointer?: number
  gateway?: string
  quote?: string
  mpls?: string[]
  object?: string[]
  rest?: string
  set?: string[]
  jsonMessage?: string
  hex?: string
}

type Message = icmp4.Message | icmp6.Message

/** Short names for what is sent most. */
const ALIAS: Record<string, string> = {
  echo: 'echo-request',
  timestamp: 'timestamp-request',
  probe: 'extended-echo-request',
}

/** @throws TypeError, RangeError naming the flag or field and what was expected */
export function makeMessage(
  flags: MessageFlags,
  family: Family,
  random: () => number = Math.random,
): Message | Uint8Array {
  if (flags.hex !== undefined) return octets('--hex', flags.hex)
  const described = flags.jsonMessage === undefined ? fieldsOf(flags, family) : parseJson(flags.jsonMessage)
  const fields = { ...described, ...Object.fromEntries((flags.set ?? []).map(fieldOf)) }
  const m = fromJson(family, fields)
  // Told apart from what others ask; whoever gives a number means it.
  if ('id' in m && !('id' in fields)) m.id = (random() * 0x10000) | 0
  if ('seq' in m && !('seq' in fields)) m.seq = 1
  return m
}

function parseJson(text: string): { [field: string]: Json } {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (e) {
    throw new TypeError(`--json-message: ${(e as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('--json-message: an object is wanted, as in {"kind":"echoRequest"}')
  return value as { [field: string]: Json }
}

function fieldsOf(flags: MessageFlags, family: Family): { [field: string]: Json } {
  const type = typeOf(flags.type ?? 'echo', family)
  const kind = kindOf(type, family)
  const fields: { [field: string]: Json } = { kind, code: codeOf(flags.code ?? '0', type, family) }
  if (flags.rest !== undefined || kind === 'other') {
    return { kind: 'other', type, code: fields.code!, rest: flags.rest ?? '00000000' }
  }
  const put = (field: string, value: Json | undefined) => {
    if (value !== undefined) fields[field] = value
  }
  put('id', flags.id)
  put('seq', flags.seq)
  put('data', dataOf(flags))
  put(family === 4 ? 'nextHopMtu' : 'mtu', flags.mtu)
  put('pointer', flags.pointer)
  put('gateway', flags.gateway)
  put('quote', flags.quote)
  const objects = [...(flags.mpls ?? []).map(mplsObject), ...(flags.object ?? []).map(anyObject)]
  if (objects.length > 0) fields.extensions = { objects }
  return fields
}

function typeOf(text: string, family: Family): number {
  const found = types(ALIAS[text] ?? text)?.[family === 4 ? 0 : 1]
  if (found !== undefined && found >= 0) return found
  const names = Object.keys(family === 4 ? icmp4.Type : icmp6.Type).map(kebab)
  throw new TypeError(`--type ${text}: 0 to 255, or for IPv${family} one of ${names.join(', ')}`)
}

/** The kind that `parse` gives to a message of this type. */
function kindOf(type: number, family: Family): string {
  const sample = new Uint8Array(64)
  sample[0] = type
  // Behind the fixed part of some, zeros are options without a length.
  for (let end = sample.length; end >= 4; end -= 4) {
    const { kind } = family === 4 ? icmp4.parse(sample, 0, end) : icmp6.parse(sample, 0, end)
    if (kind !== 'malformed') return kind
  }
  return 'other'
}

/** By number, by name, or by the beginning of a name that no other code shares. */
function codeOf(text: string, type: number, family: Family): number {
  if (/^\d{1,3}$/.test(text) && Number(text) < 256) return Number(text)
  const { codes } = registry.typeEntry(family, type)
  const named = codes.map((c) => ({ code: c.code, name: kebab(c.name) }))
  const exact = named.filter((c) => c.name === text)
  const found = exact.length > 0 ? exact : named.filter((c) => c.name.startsWith(text))
  if (found.length === 1) return found[0]!.code
  const names = named.map((c) => `${c.name} (${c.code})`).join(', ')
  throw new TypeError(`--code ${text}: 0 to 255${names === '' ? '' : `, or one of ${names}`}`)
}

/** 'Port Unreachable', 'portUnreachable' → 'port-unreachable'. */
function kebab(name: string): string {
  return name
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/-$/, '')
    .toLowerCase()
}

function dataOf(flags: MessageFlags): string | undefined {
  if (flags.text !== undefined) return hexOf(new TextEncoder().encode(flags.text))
  if (flags.size !== undefined) return hexOf(Uint8Array.from({ length: flags.size }, (_, i) => i))
  return flags.data
}

/** `target=fe80::1`, `managed=true`, `options=[…]`: JSON where it is some, else text. */
function fieldOf(text: string): [string, Json] {
  const m = /^(\w+)=(.*)$/s.exec(text)
  if (m === null) throw new TypeError(`--set ${text}: FIELD=VALUE is wanted, as in target=fe80::1`)
  try {
    return [m[1]!, JSON.parse(m[2]!) as Json]
  } catch {
    return [m[1]!, m[2]!]
  }
}

function mplsObject(text: string): Json {
  const entries = text.split(',').map((entry) => {
    const m = /^(\d+):([0-7]):([01]):(\d+)$/.exec(entry)
    if (m === null) throw new TypeError(`--mpls ${text}: LABEL:TC:S:TTL is wanted, as in 100:0:1:64`)
    return { label: Number(m[1]), tc: Number(m[2]), bottom: m[3] === '1', ttl: Number(m[4]) }
  })
  return { kind: 'mpls', entries }
}

function anyObject(text: string): Json {
  const m = /^(\d+):(\d+):([0-9a-f]*)$/i.exec(text)
  if (m === null) throw new TypeError(`--object ${text}: CLASS:CTYPE:HEX is wanted, as in 2:0:00000007`)
  return { kind: 'unknown', classNum: Number(m[1]), cType: Number(m[2]), payload: m[3]! }
}

function octets(flag: string, text: string): Uint8Array {
  try {
    return unhex(text)
  } catch {
    throw new TypeError(`${flag}: an even number of hex digits is wanted`)
  }
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
