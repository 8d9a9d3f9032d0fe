import { describe, expect, test } from 'vitest'
import { ANY4, type Ip4, parseIp } from './addr.ts'
import type { ExtendedEchoReply, ExtendedEchoRequest } from './extended-echo.ts'
import { type ExtensionObject, type Extensions, of } from './extension.ts'
import * as icmp4 from './icmp4.ts'
import { registeredTypes } from './registry.ts'
import * as strict4 from './strict4.ts'

const NOTHING = new Uint8Array(0)
const label = { label: 16, tc: 0, bottom: true, ttl: 1 }
const mpls: ExtensionObject = { kind: 'mpls', entries: [label] }
const byName: ExtensionObject = { kind: 'interfaceByName', name: 'eth0' }
const byAddress: ExtensionObject = { kind: 'interfaceByAddress', afi: 1, address: parseIp('192.0.2.1')! }
const inRole = (role: number): ExtensionObject => ({
  kind: 'interfaceInformation',
  role,
  index: 7,
  address: undefined,
  name: undefined,
  mtu: undefined,
  trailing: NOTHING,
})

const unreachable = (extensions?: Extensions, code = 0, nextHopMtu = 0): icmp4.Message => ({
  kind: 'unreachable',
  code,
  nextHopMtu,
  quote: NOTHING,
  extensions,
})
const timeExceeded = (...objects: ExtensionObject[]): icmp4.Message => ({
  kind: 'timeExceeded',
  code: 0,
  quote: NOTHING,
  extensions: of(...objects),
})
const parameterProblem = (...objects: ExtensionObject[]): icmp4.Message => ({
  kind: 'parameterProblem',
  code: 0,
  pointer: 0,
  quote: NOTHING,
  extensions: of(...objects),
})
const extendedEcho = (local: boolean, ...objects: ExtensionObject[]): ExtendedEchoRequest => ({
  kind: 'extendedEchoRequest',
  code: 0,
  id: 1,
  seq: 1,
  local,
  extensions: objects.length > 0 ? of(...objects) : undefined,
  data: NOTHING,
})
/** A message of this type out of zeros. */
const blank = (type: number, code: number) => {
  const m = icmp4.parse(Uint8Array.of(type, code, ...Array<number>(30).fill(0))) as icmp4.Message
  return 'extensions' in m ? { ...m, extensions: undefined } : m
}

const refusal = (m: icmp4.Message) => {
  try {
    strict4.write(m, new Uint8Array(600), 0)
    return undefined
  } catch (e) {
    if (e instanceof RangeError) return e.message
    throw e
  }
}

test('what may be sent is written as icmp4.write does', () => {
  const out = new Uint8Array(600)
  const plain = new Uint8Array(600)
  for (const m of [unreachable(of(mpls, inRole(0), inRole(2))), timeExceeded(mpls), extendedEcho(true, byName)]) {
    expect(strict4.write(m, out, 0)).toBe(icmp4.write(m, plain, 0))
    expect(out).toEqual(plain)
  }
})

test('an extension structure is refused in every message of RFC 792 that has no room for one (RFC 4884 §4.6) [v4-ext-forbidden-types]', () => {
  for (const type of [0, 5, 8, 13, 14]) {
    const code = type === 5 ? 1 : 0
    expect(refusal(blank(type, code)), `${type}`).toBeUndefined()
    const extended = { ...blank(type, code), extensions: of(mpls) } as icmp4.Message
    expect(refusal(extended), `${type}`).toMatch('carries no extensions')
  }
  for (const type of [4, 15, 16]) {
    expect(refusal({ ...blank(type, 0), extensions: of(mpls) } as icmp4.Message), `${type}`).toMatch('deprecated')
  }
})

test('queries and replies are sent with code 0, a router advertisement with 0 or 16 [v4-format-code-known]', () => {
  for (const type of [0, 8, 10, 13, 14]) {
    expect(refusal(blank(type, 0)), `${type}`).toBeUndefined()
    for (const code of [1, 16, 255]) expect(refusal(blank(type, code)), `${type}`).toMatch('is unassigned')
  }
  expect([0, 1, 16].map((code) => refusal(blank(9, code)) === undefined)).toEqual([true, false, true])
  expect(refusal(blank(3, 15))).toBeUndefined()
  expect(refusal(blank(3, 16))).toMatch('code 16 of Destination Unreachable is unassigned')
})

test('a next-hop MTU is for code 4 only', () => {
  expect(refusal(unreachable(undefined, 4, 1400))).toBeUndefined()
  expect(refusal(unreachable(undefined, 3, 1400))).toMatch('RFC 1191')
})

test('a redirect names a host, never a network (RFC 1812 §4.3.3.2)', () => {
  const redirect = (code: number): icmp4.Message => ({ kind: 'redirect', code, gateway: ANY4 as Ip4, quote: NOTHING })
  expect([0, 1, 2, 3].map((code) => refusal(redirect(code)) === undefined)).toEqual([false, true, false, true])
})

test('deprecated, reserved and unassigned types are refused (RFC 6918 §3)', () => {
  const current = new Set([0, 3, 5, 8, 9, 10, 11, 12, 13, 14, 40, 41, 43, 253, 254])
  for (let type = 0; type < 256; type++) {
    if (type === 42) continue
    const why = refusal(blank(type, type === 5 ? 1 : 0))
    expect(why === undefined, `${type}: ${why}`).toBe(current.has(type))
  }
  expect(registeredTypes(4)).toContain(42)
})

describe('objects', () => {
  test('of MPLS go in types 3 and 11 only, one for the whole stack (RFC 4950 §5) [v4-mpls-types]', () => {
    expect(refusal(unreachable(of(mpls)))).toBeUndefined()
    expect(refusal(timeExceeded(mpls))).toBeUndefined()
    expect(refusal(parameterProblem(mpls))).toMatch('RFC 4950')
    expect(refusal(extendedEcho(true, mpls))).toMatch('RFC 4950')
    expect(refusal(timeExceeded(mpls, mpls))).toMatch('whole stack')
  })

  test('of interface information go in types 3, 11 and 12 only (RFC 5837 §4) [v4-iface-class]', () => {
    for (const m of [unreachable(of(inRole(0))), timeExceeded(inRole(0)), parameterProblem(inRole(0))]) {
      expect(refusal(m)).toBeUndefined()
    }
    expect(refusal(extendedEcho(true, inRole(0)))).toMatch('RFC 5837')
  })

  test('of interface information have each a role of their own (RFC 5837 §4.5) [v4-iface-role-once]', () => {
    expect(refusal(timeExceeded(inRole(0), inRole(1), inRole(2), inRole(3)))).toBeUndefined()
    expect(refusal(timeExceeded(inRole(2), mpls, inRole(2)))).toMatch('same interface role')
  })

  test('of interface identification: exactly one, in an extended echo request (RFC 8335 §2) [v4-probe-one-object]', () => {
    expect(refusal(extendedEcho(true, byName))).toBeUndefined()
    expect(refusal(extendedEcho(true))).toMatch('exactly one')
    expect(refusal(extendedEcho(true, byName, byName))).toMatch('exactly one')
    expect(refusal(timeExceeded(byName))).toMatch('RFC 8335')
  })

  test("a neighbour's interface is asked for by address (RFC 8335 §2) [v4-probe-lclear-address]", () => {
    expect(refusal(extendedEcho(false, byAddress))).toBeUndefined()
    expect(refusal(extendedEcho(true, byAddress))).toBeUndefined()
    expect(refusal(extendedEcho(false, byName))).toMatch('by address')
    expect(refusal(extendedEcho(false, { kind: 'interfaceByIndex', index: 7 }))).toMatch('by address')
  })

  test('that are damaged, or of RFC 8883, or in a flawed structure, are refused', () => {
    const damaged = { kind: 'damaged', classNum: 1, cType: 1, payload: NOTHING, why: 'truncated', at: 0 } as const
    expect(refusal(timeExceeded(damaged))).toMatch('damaged')
    expect(refusal(timeExceeded({ kind: 'extendedInformation', pointer: 1 }))).toMatch('no extendedInformation')
    const flaw = { why: 'truncated', at: 8, octets: Uint8Array.of(0, 1), length: undefined } as const
    expect(refusal(unreachable({ objects: [mpls], checksum: 'ok', flaw }))).toMatch('flawed')
    expect(refusal(timeExceeded({ kind: 'unknown', classNum: 247, cType: 1, payload: NOTHING }))).toBeUndefined()
  })
})

test('a reply has a state with code 0, and families with an active interface (RFC 8335 §3)', () => {
  const reply = (fields: Partial<ExtendedEchoReply>): icmp4.Message => ({
    ...(blank(43, 0) as ExtendedEchoReply),
    ...fields,
  })
  expect(refusal(reply({ state: 2 }))).toBeUndefined()
  expect(refusal(reply({ active: true, ipv6: true }))).toBeUndefined()
  expect(refusal(reply({ code: 2, state: 2 }))).toMatch('RFC 8335')
  expect(refusal(reply({ ipv4: true }))).toMatch('RFC 8335')
})
