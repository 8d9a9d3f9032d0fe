/**
 * What each ICMP type and code is called, whether it is still in use, who specified it, and what it tells a person (IANA
 * "ICMP Parameters" and "ICMPv6 Parameters"). The tables are `registry4.ts` and `registry6.ts`.
 */
import type { Family } from './addr.ts'
import { TYPES4 } from './registry4.ts'
import { TYPES6 } from './registry6.ts'

export type Status = 'current' | 'deprecated' | 'experimental' | 'reserved' | 'unassigned'

/** `error` never provokes an ICMP error. Neither RFC nor registry settles `unknown`: sending nothing about it is safe. */
export type MessageClass = 'error' | 'query' | 'unknown'

export interface TypeEntry {
  type: number
  /** As IANA spells it. */
  name: string
  status: Status
  class: MessageClass
  /** Numbers of the RFCs that define it, the first one first. */
  rfc: readonly number[]
  /** One sentence: who sends it, what it means, what usually causes it. */
  meaning: string
  codes: readonly CodeEntry[]
}

export interface CodeEntry {
  code: number
  /** As IANA spells it. */
  name: string
  status?: Status
  rfc?: readonly number[]
  /** Where it says more than its type's. */
  meaning?: string
}

export interface Entry {
  typeName: string
  /** 'Unassigned' where the code has no entry; '' where the type has no codes of its own. */
  codeName: string
  /** The code's name where it has a telling one ('Port Unreachable'), else the type's ('Echo Reply'). */
  name: string
  status: Status
  class: MessageClass
  rfc: readonly number[]
  meaning: string
}

/** What is known of this type and code. Always an answer, the same object each time; without an entry 'Unassigned'. */
export function lookup(family: Family, type: number, code: number): Entry {
  const known = CACHE[family]
  const at = (type << 8) | code
  const entry = known.get(at)
  if (entry !== undefined) return entry
  const fresh = describe(family, type, code)
  known.set(at, fresh)
  return fresh
}

function describe(family: Family, type: number, code: number): Entry {
  const t = typeEntry(family, type)
  const c = t.codes.find((entry) => entry.code === code)
  return {
    typeName: t.name,
    codeName: c?.name ?? (t.codes.length > 0 ? 'Unassigned' : ''),
    name: c === undefined || UNTELLING.has(c.name) || c.name.endsWith('.') ? t.name : c.name,
    status: c?.status ?? t.status,
    class: t.class,
    rfc: c?.rfc ?? t.rfc,
    meaning: c?.meaning ?? t.meaning,
  }
}

/** What is known of a type; without an entry 'Unassigned'. */
export function typeEntry(family: Family, type: number): TypeEntry {
  return TYPES[family][type] ?? unassigned(family, type)
}

/** The types that have an entry, in order. */
export function registeredTypes(family: Family): number[] {
  return TYPES[family].flatMap((t) => (t === undefined ? [] : [t.type]))
}

/** An error message must never provoke another (RFC 1122 §3.2.2, RFC 4443 §2.4(e)). */
export function isError(family: Family, type: number): boolean {
  return typeEntry(family, type).class === 'error'
}

export interface ObjectClass {
  classNum: number
  /** As IANA spells it. */
  name: string
  rfc: readonly number[]
}

/** A class of extension objects, the same in both families (RFC 4884 §10). Always an answer. */
export function objectClass(classNum: number): ObjectClass {
  const known = OBJECT_CLASSES.find((c) => c.classNum === classNum)
  if (known !== undefined) return known
  return classNum >= 247 ? { classNum, name: 'Private Use', rfc: [4884] } : { classNum, name: 'Unassigned', rfc: [] }
}

const OBJECT_CLASSES: readonly ObjectClass[] = [
  { classNum: 1, name: 'MPLS Label Stack Class', rfc: [4950] },
  { classNum: 2, name: 'Interface Information Object', rfc: [5837] },
  { classNum: 3, name: 'Interface Identification Object', rfc: [8335] },
  { classNum: 4, name: 'Extended Information', rfc: [8883] },
]

function unassigned(family: Family, type: number): TypeEntry {
  return {
    type,
    name: 'Unassigned',
    status: 'unassigned',
    // The high bit is the class in ICMPv6, whatever the type (RFC 4443 §2.1).
    class: family === 4 ? 'unknown' : type < 128 ? 'error' : 'query',
    rfc: [],
    meaning: 'Nobody has defined this message; a receiver drops it.',
    codes: [],
  }
}

/** Code names that say nothing without their type; so do whole sentences, which IANA has for node information. */
const UNTELLING = new Set(['No Code', 'No Error'])

function index(types: readonly TypeEntry[]): readonly (TypeEntry | undefined)[] {
  const byType: (TypeEntry | undefined)[] = Array(256).fill(undefined)
  for (const t of types) byType[t.type] = t
  return byType
}

const TYPES: Record<Family, readonly (TypeEntry | undefined)[]> = { 4: index(TYPES4), 6: index(TYPES6) }

const CACHE: Record<Family, Map<number, Entry>> = { 4: new Map(), 6: new Map() }
