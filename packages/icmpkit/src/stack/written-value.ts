/**
 * How one switch is written, and read: a number within its bounds, one of some words, an address, a list of these. Readers are
 * put together in `written-settings.ts`. What does not fit is a sentence that names the switch and what it must be.
 */
import { familyOf, type Ip, type Ip4, type Ip6, parseIp } from '../wire/addr.ts'
import { parseMac } from '../wire/ethernet.ts'
import type { Prefix } from './filter.ts'

/** What a switch at `where` says. `index`: of the port of a name, -1 where there is none. @throws TypeError, RangeError */
export type Reader<T> = (where: string, value: unknown, index: (port: string) => number) => T

/** One for each switch: the compiler misses those that are left out. */
export type Readers<T> = { readonly [K in keyof T]-?: Reader<NonNullable<T[K]>> }

export const truth: Reader<boolean> = (where, value) => {
  if (typeof value === 'boolean') return value
  throw no(where, value, 'true or false')
}

export const text: Reader<string> = (where, value) => {
  if (typeof value === 'string') return value
  throw no(where, value, 'text')
}

/** Any number from `low` to `high`, both included. */
export function number(low = 0, high: number = Number.POSITIVE_INFINITY): Reader<number> {
  return (where, value) => {
    if (typeof value !== 'number' || Number.isNaN(value)) throw no(where, value, 'a number')
    if (value < low || value > high) throw new RangeError(`${where}: ${value}; it must be ${span(low, high)}`)
    return value
  }
}

export function whole(low = 0, high: number = Number.MAX_SAFE_INTEGER): Reader<number> {
  const any = number(low, high)
  return (where, value, index) => {
    const n = any(where, value, index)
    if (Number.isInteger(n)) return n
    throw new RangeError(`${where}: ${n}; it must be a whole number`)
  }
}

export function word<W extends string | number>(...words: readonly W[]): Reader<W> {
  return (where, value) => {
    if (words.includes(value as W)) return value as W
    throw no(where, value, `a word that it knows: ${words.join(', ')}`)
  }
}

export const address4: Reader<Ip4> = (where, value) => {
  const ip = ipOf(value)
  if (typeof ip === 'number') return ip
  throw no(where, value, 'an IPv4 address')
}

export const address6: Reader<Ip6> = (where, value) => {
  const ip = ipOf(value)
  if (typeof ip === 'bigint') return ip
  throw no(where, value, 'an IPv6 address')
}

/** `192.0.2.0/24`. */
export const prefix: Reader<Prefix> = (where, value) => {
  const [ip, length] = isGroup(value) ? [ipOf(value.prefix), Number(value.prefixLength)] : split(value)
  if (ip === undefined || !(Number.isInteger(length) && length >= 0 && length <= (familyOf(ip) === 4 ? 32 : 128)))
    throw no(where, value, 'a prefix, as 192.0.2.0/24')
  return { prefix: ip, prefixLength: length }
}

export const mac: Reader<Uint8Array> = (where, value) => {
  const octets = typeof value === 'string' ? parseMac(value) : value
  if (octets instanceof Uint8Array) return octets
  throw no(where, value, 'a link-layer address, as 02:00:00:00:00:01')
}

/** The name of a port; its index is taken too. */
export const port: Reader<number> = (where, value, index) => {
  if (typeof value === 'number' && Number.isInteger(value)) return value
  if (typeof value !== 'string') throw no(where, value, 'the name of a port')
  const found = index(value)
  if (found < 0) throw new TypeError(`${where}: there is no port ${value}`)
  return found
}

export function list<T>(of: Reader<T>): Reader<readonly T[]> {
  return (where, value, index) => {
    if (!Array.isArray(value)) throw no(where, value, 'a list')
    return value.map((v, i) => of(`${where}[${i}]`, v, index))
  }
}

/** `all`, say, or whatever else the other reader takes. */
export function orWord<W extends string, T>(alone: W, other: Reader<T>): Reader<T | W> {
  return (where, value, index) => (value === alone ? alone : other(where, value, index))
}

/** First and last, or one alone: `[1024, 65535]`, `53`. */
export function range(high: number): Reader<readonly [number, number]> {
  const one = whole(0, high)
  return (where, value, index) => {
    const both = Array.isArray(value) ? value : [value, value]
    if (both.length !== 2) throw no(where, value, 'the first and the last, as [1024, 65535]')
    const [first, last] = [one(where, both[0], index), one(where, both[1], index)]
    if (first > last) throw new RangeError(`${where}: ${first} to ${last}: the first is behind the last`)
    return [first, last]
  }
}

/** Switches of one kind together; those that are left out stay out. */
export function group<T extends object>(readers: Readers<T>): Reader<Partial<T>> {
  return (where, value, index) => {
    if (!isGroup(value)) throw no(where, value, 'switches')
    const out: Record<string, unknown> = {}
    for (const [name, v] of Object.entries(value)) {
      if (v === undefined) continue
      if (!Object.hasOwn(readers, name)) {
        const known = Object.keys(readers).sort().join(', ')
        throw new TypeError(`${where}.${name}: there is no such switch; there are ${known}`)
      }
      out[name] = readers[name as keyof T](`${where}.${name}`, v, index)
    }
    return out as Partial<T>
  }
}

/** Such a group of which the stack wants all: what is left out is as it is by default. */
export function filled<T extends object>(defaults: T, readers: Readers<T>): Reader<T> {
  const some = group(readers)
  return (where, value, index) => ({ ...defaults, ...some(where, value, index) })
}

/** An entry of a list, and which of its switches must be there. */
export function entry<T extends object>(required: readonly (keyof T & string)[], readers: Readers<T>): Reader<T> {
  const some = group(readers)
  return (where, value, index) => {
    const out = some(where, value, index)
    const missing = required.find((name) => out[name] === undefined)
    if (missing !== undefined) throw new TypeError(`${where}: ${missing} is missing`)
    return out as T
  }
}

/** An entry about a prefix of IPv6: `prefix: 2001:db8::/64`, or with its length apart. */
export function aboutPrefix6<T extends { prefix: Ip6; prefixLength: number }>(
  required: readonly (keyof T & string)[],
  readers: Readers<Omit<T, keyof Prefix>>,
): Reader<T> {
  const rest = entry<T>(required, {
    ...readers,
    prefix: address6,
    prefixLength: whole(0, 128),
  } as unknown as Readers<T>)
  return (where, value, index) => {
    if (!isGroup(value) || typeof value.prefix !== 'string' || 'prefixLength' in value) return rest(where, value, index)
    const read = prefix(`${where}.prefix`, value.prefix, index)
    if (typeof read.prefix === 'bigint') return rest(where, { ...value, ...read }, index)
    throw no(`${where}.prefix`, value.prefix, 'a prefix of IPv6')
  }
}

/** What is said of each of some ports, by their names. */
export function byPort<T>(of: Reader<T>): Reader<Record<number, T>> {
  return (where, value, index) => {
    if (!isGroup(value)) throw no(where, value, 'names of ports, with a value each')
    const out: Record<number, T> = {}
    for (const [name, v] of Object.entries(value)) {
      const key = /^\d+$/.test(name) ? Number(name) : port(where, name, index)
      out[key] = of(`${where}.${name}`, v, index)
    }
    return out
  }
}

/** Only programs have one. */
export function callback<F>(): Reader<F> {
  return (where, value) => {
    if (typeof value === 'function') return value as F
    throw no(where, value, 'a function')
  }
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

function ipOf(value: unknown): Ip | undefined {
  if (typeof value === 'string') return parseIp(value)
  if (typeof value === 'bigint') return value as Ip6
  return typeof value === 'number' && (value | 0) === value ? (value as Ip4) : undefined
}

function split(value: unknown): [Ip | undefined, number] {
  const [address, length, more] = typeof value === 'string' ? value.split('/') : []
  const plain = length !== undefined && more === undefined && /^\d{1,3}$/.test(length)
  return [plain ? parseIp(address!) : undefined, Number(length)]
}

function span(low: number, high: number): string {
  return high === Number.POSITIVE_INFINITY || high === Number.MAX_SAFE_INTEGER
    ? `${low} or more`
    : `from ${low} to ${high}`
}

function no(where: string, value: unknown, expected: string): TypeError {
  const shown =
    typeof value === 'bigint' || typeof value === 'number' ? `${value}` : (JSON.stringify(value) ?? 'nothing')
  return new TypeError(`${where}: ${shown} is not ${expected}`)
}
