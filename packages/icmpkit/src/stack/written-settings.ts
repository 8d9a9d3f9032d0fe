/**
 * The stack's switches as people write them, in flags, YAML and options: addresses and prefixes as text, ports by name.
 * Checked against the defaults, so that a misspelt switch is a sentence and not silence.
 */
import { parseIp } from '../wire/addr.ts'
import { parseMac } from '../wire/ethernet.ts'

/** The same switches, every one optional, with text where an address, a prefix or a port stands. */
export type Written<T> = T extends number | bigint
  ? T | string
  : T extends Uint8Array
    ? T | string
    : T extends readonly (infer U)[]
      ? readonly Written<U>[]
      : T extends { prefix: unknown; prefixLength: number }
        ? string | { readonly [K in keyof T]?: Written<T[K]> }
        : T extends object
          ? { readonly [K in keyof T]?: Written<T[K]> }
          : T

/**
 * @param path what to call it in messages, `ip4`
 * @param defaults which switches there are, and of what kind
 * @param index of the port of a name; -1 where there is none
 * @throws TypeError, says which switch and what was expected
 */
export function valuesOf<T extends object>(
  path: string,
  written: Written<T> | undefined,
  defaults: T,
  index: (port: string) => number,
): Partial<T> {
  if (written === undefined) return {}
  return switches(path, written as Record<string, unknown>, defaults as Record<string, unknown>, index) as Partial<T>
}

function switches(
  path: string,
  written: Record<string, unknown>,
  defaults: Record<string, unknown>,
  index: (port: string) => number,
): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(written)) {
    const where = `${path}.${name}`
    if (!Object.hasOwn(defaults, name))
      throw new TypeError(`${where}: there is no such switch; there are ${Object.keys(defaults).sort().join(', ')}`)
    out[name] = one(where, name, value, defaults[name], index)
  }
  return out
}

function one(where: string, name: string, value: unknown, known: unknown, index: (port: string) => number): unknown {
  if (isPlain(value)) {
    // Optional settings have no default to compare with: their owner checks them.
    const checked = isPlain(known) && Object.keys(known).length > 0
    return checked ? switches(where, value, known, index) : loose(where, value, index)
  }
  const found = leaf(where, name, value, index)
  const same = known === undefined || found === known || typeof found === typeof known || Array.isArray(known)
  const limit = known === Number.POSITIVE_INFINITY && typeof found === 'number'
  if (!same && !limit && !(typeof known === 'string' && Array.isArray(found)))
    throw new TypeError(`${where}: ${JSON.stringify(value)} is not ${nameOf(known)}`)
  if (Array.isArray(known) && !Array.isArray(found) && typeof found !== 'string')
    throw new TypeError(`${where}: a list is expected`)
  return found
}

function loose(where: string, value: Record<string, unknown>, index: (port: string) => number): object {
  const out: Record<string, unknown> = {}
  for (const [name, v] of Object.entries(value)) out[name] = leaf(`${where}.${name}`, name, v, index)
  return 'prefix' in out && isPrefix(out.prefix) ? { ...out, ...(out.prefix as object) } : out
}

function leaf(where: string, name: string, value: unknown, index: (port: string) => number): unknown {
  if (Array.isArray(value)) return value.map((v, i) => leaf(`${where}[${i}]`, name, v, index))
  if (isPlain(value)) return loose(where, value, index)
  if (typeof value !== 'string') return value
  if (PORTS.has(name)) {
    const i = index(value)
    if (i < 0 && value !== 'all') throw new TypeError(`${where}: there is no port ${value}`)
    return i < 0 ? value : i
  }
  const address = parseIp(value)
  if (address !== undefined) return address
  const [base, length, more] = value.split('/')
  const prefix = parseIp(base!)
  if (prefix !== undefined && length !== undefined && more === undefined && /^\d{1,3}$/.test(length))
    return { prefix, prefixLength: Number(length) }
  if (name === 'mac') {
    const mac = parseMac(value)
    if (mac === undefined) throw new TypeError(`${where}: ${value} is no link-layer address, as 02:00:00:00:00:01 is`)
    return mac
  }
  return value
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

function isPrefix(value: unknown): boolean {
  return isPlain(value) && 'prefixLength' in value
}

function nameOf(known: unknown): string {
  if (Array.isArray(known)) return 'a list'
  switch (typeof known) {
    case 'number':
      return 'a number'
    case 'boolean':
      return 'true or false'
    case 'bigint':
      return 'an address'
    case 'string':
      return `a word, as ${known}`
    default:
      return 'what is expected there'
  }
}

/** Switches that name ports. */
const PORTS = new Set(['port', 'inPort', 'outPort', 'ports', 'noForwarding', 'noTimeExceeded', 'noUnreachables'])
