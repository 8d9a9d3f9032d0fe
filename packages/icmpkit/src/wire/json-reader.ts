/**
 * Readers of JSON values that somebody wrote by hand. Each takes a value and the path to it, and throws a TypeError that
 * names the path and what was expected there. What is left out is zero, false or empty; an address must be there.
 */
import { type Ip, type Ip4, type Ip6, parseIp } from './addr.ts'
import { unhex } from './octets.ts'

export type Reader<T> = (value: unknown, path: string) => T

/** A reader for each field of `T` but its kind. */
export type Fields<T> = { [K in keyof Omit<T, 'kind'>]: Reader<T[K]> }

/** @throws TypeError always. */
export function refuse(path: string, expected: string, value: unknown): never {
  throw new TypeError(`${path}: expected ${expected}, got ${show(value)}`)
}

export function integer(min: number, max: number, fallback = 0): Reader<number> {
  return (value, path) => {
    if (value === undefined) return fallback
    const fits = typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
    return fits ? value : refuse(path, `an integer from ${min} to ${max}`, value)
  }
}

export const u8: Reader<number> = integer(0, 0xff)
export const u16: Reader<number> = integer(0, 0xffff)
export const u32: Reader<number> = integer(0, 0xffffffff)
export const i32: Reader<number> = integer(-0x80000000, 0x7fffffff)

/** As JSON has it: a decimal string, since a JSON number holds 53 bits. A small number is taken too. */
export const u64: Reader<bigint> = (value, path) => {
  if (value === undefined) return 0n
  const isText = typeof value === 'string' && /^\d{1,20}$/.test(value)
  const isNumber = typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
  const big = isText || isNumber ? BigInt(value) : -1n
  return big >= 0n && big < 1n << 64n ? big : refuse(path, 'a decimal string from 0 to 2^64-1', value)
}

export const flag: Reader<boolean> = (value, path) => {
  if (value === undefined) return false
  return typeof value === 'boolean' ? value : refuse(path, 'true or false', value)
}

export const text: Reader<string> = (value, path) => {
  if (value === undefined) return ''
  return typeof value === 'string' ? value : refuse(path, 'a string', value)
}

export const octets: Reader<Uint8Array> = (value, path) => {
  if (value === undefined) return new Uint8Array(0)
  if (typeof value !== 'string' || !/^([0-9a-fA-F]{2}[\s:]*)*$/.test(value)) {
    return refuse(path, 'octets as hex digits', value)
  }
  return unhex(value)
}

export const ip: Reader<Ip> = (value, path) => {
  const parsed = typeof value === 'string' ? parseIp(value) : undefined
  return parsed ?? refuse(path, 'an IP address', value)
}

export const ip4: Reader<Ip4> = (value, path) => {
  const parsed = typeof value === 'string' ? parseIp(value) : undefined
  return typeof parsed === 'number' ? parsed : refuse(path, 'an IPv4 address', value)
}

export const ip6: Reader<Ip6> = (value, path) => {
  const parsed = typeof value === 'string' ? parseIp(value) : undefined
  return typeof parsed === 'bigint' ? parsed : refuse(path, 'an IPv6 address', value)
}

export function oneOf<T extends string>(...words: readonly T[]): Reader<T> {
  return (value, path) => {
    if (value === undefined) return words[0]!
    const found = words.find((word) => word === value)
    return found ?? refuse(path, `one of ${words.join(', ')}`, value)
  }
}

/** `undefined` for null and for what is left out. */
export function optional<T>(read: Reader<T>): Reader<T | undefined> {
  return (value, path) => (value === undefined || value === null ? undefined : read(value, path))
}

export function list<T>(read: Reader<T>): Reader<T[]> {
  return (value, path) => {
    if (value === undefined) return []
    if (!Array.isArray(value)) return refuse(path, 'a list', value)
    return value.map((item, i) => read(item, `${path}[${i}]`))
  }
}

export function object(value: unknown, path: string): Record<string, unknown> {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : refuse(path, 'an object', value)
}

/** An object with these fields and no other. */
export function record<T>(fields: Fields<T>): Reader<Omit<T, 'kind'>> {
  return (value, path) => readFields(fields, object(value, path), path)
}

/** An object whose `kind` says which fields it has. */
export function union<T extends { kind: string }>(kinds: { [K in T['kind']]: Fields<Of<T, K>> }): Reader<T> {
  return (value, path) => {
    const o = object(value, path)
    const kind = o.kind
    const known = typeof kind === 'string' && Object.hasOwn(kinds, kind)
    if (!known) return refuse(inside(path, 'kind'), `one of ${Object.keys(kinds).join(', ')}`, kind)
    const fields = kinds[kind as T['kind']] as Record<string, Reader<unknown>>
    return { kind, ...readFields(fields, o, path) } as T
  }
}

/** The members of the union `T` that may be of kind `K`. */
export type Of<T, K> = T extends { kind: infer J } ? (K extends J ? T : never) : never

function readFields<F extends Record<string, Reader<unknown>>>(
  fields: F,
  o: Record<string, unknown>,
  path: string,
): { [K in keyof F]: ReturnType<F[K]> } {
  for (const name of Object.keys(o)) {
    if (name === 'kind' || Object.hasOwn(fields, name)) continue
    throw new TypeError(`${inside(path, name)}: no such field; there are ${Object.keys(fields).join(', ')}`)
  }
  const read: Record<string, unknown> = {}
  // A null stands for undefined, and a field that has a value reads undefined as its zero.
  for (const [name, reader] of Object.entries(fields)) read[name] = reader(o[name] ?? undefined, inside(path, name))
  return read as { [K in keyof F]: ReturnType<F[K]> }
}

function inside(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  const json = JSON.stringify(value) ?? String(value)
  return json.length > 60 ? `${json.slice(0, 60)}…` : json
}
