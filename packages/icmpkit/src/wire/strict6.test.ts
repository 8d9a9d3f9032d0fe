import { describe, expect, test } from 'vitest'
import { type Ip6, parseIp } from './addr.ts'
import { type ExtensionObject, of, repeatsRole } from './extension.ts'
import * as icmp6 from './icmp6.ts'
import type { Option } from './nd-option.ts'
import * as strict6 from './strict6.ts'

const ip = (text: string) => parseIp(text) as Ip6
const SRC = ip('fe80::1')
const DST = ip('fe80::2')
const NOTHING = new Uint8Array(0)

const mpls: ExtensionObject = { kind: 'mpls', entries: [{ label: 16, tc: 0, bottom: true, ttl: 1 }] }
const byName: ExtensionObject = { kind: 'interfaceByName', name: 'eth0' }
const byAddress: ExtensionObject = { kind: 'interfaceByAddress', afi: 2, address: ip('2001:db8::1') }
const pointer: ExtensionObject = { kind: 'extendedInformation', pointer: 128 }
const inRole = (role: number): ExtensionObject => ({
  kind: 'interfaceInformation',
  role,
  index: 7,
  address: undefined,
  name: undefined,
  mtu: undefined,
  trailing: NOTHING,
})
const unreachable = (code: number, ...objects: ExtensionObject[]): icmp6.Message => ({
  kind: 'unreachable',
  code,
  quote: NOTHING,
  extensions: objects.length > 0 ? of(...objects) : undefined,
})
const request = (local: boolean, ...objects: ExtensionObject[]): icmp6.Message => ({
  kind: 'extendedEchoRequest',
  code: 0,
  id: 1,
  seq: 1,
  local,
  extensions: objects.length > 0 ? of(...objects) : undefined,
  data: NOTHING,
})
/** A message of this type and code out of zeros, as long as its fixed part. */
const blank = (type: number, code: number): icmp6.Message => {
  for (let length = 4; ; length += 4) {
    const m = icmp6.parse(Uint8Array.of(type, code, ...Array<number>(length - 2).fill(0)))
    if (m.kind !== 'malformed') return m
  }
}
const refusal = (m: icmp6.Message) => {
  try {
    strict6.write(m, new Uint8Array(600), 0, SRC, DST)
    return undefined
  } catch (e) {
    if (e instanceof RangeError) return e.message
    throw e
  }
}

test('what may be sent is written as icmp6.write does', () => {
  const out = new Uint8Array(600)
  const plain = new Uint8Array(600)
  for (const m of [unreachable(0, mpls, inRole(0), inRole(2)), request(true, byName), blank(128, 0)]) {
    expect(strict6.write(m, out, 0, SRC, DST)).toBe(icmp6.write(m, plain, 0, SRC, DST))
    expect(out).toEqual(plain)
  }
})

test('reserved and unassigned types, and unassigned codes, are refused', () => {
  for (const type of [0, 5, 99, 127, 162, 199, 255])
    expect(refusal(blank(type, 0)), `${type}`).toMatch(/is (reserved|unassigned)/)
  for (const type of [100, 101, 128, 129, 133, 134, 135, 141, 152, 153, 200, 201]) {
    expect(refusal(blank(type, 0)), `${type}`).toBeUndefined()
  }
  for (const type of [2, 128, 129, 130, 133, 134, 135, 136, 137, 144]) {
    expect(refusal(blank(type, 1)), `${type}`).toMatch('is unassigned')
  }
  expect([9, 10].map((code) => refusal(blank(1, code)) === undefined)).toEqual([true, false])
  expect([10, 11].map((code) => refusal(blank(4, code)) === undefined)).toEqual([true, false])
  // An interval is no code.
  expect(refusal(blank(151, 180))).toBeUndefined()
})

describe('extensions', () => {
  test('are refused in types 2 and 4 and in echo (RFC 4884 §4.6) [v6-ext-forbidden]', () => {
    for (const type of [2, 4, 128, 129]) {
      expect(refusal(blank(type, 0))).toBeUndefined()
      expect(refusal({ ...blank(type, 0), extensions: of(mpls) } as icmp6.Message)).toMatch('carries no extensions')
    }
  })

  test('hold at most one interface object a role, and a receiver sees where they do not (RFC 5837 §4.5) [v6-iface-unique]', () => {
    expect(refusal(unreachable(0, inRole(0), inRole(1), inRole(2), inRole(3)))).toBeUndefined()
    const twice = unreachable(0, inRole(0), inRole(1), inRole(0))
    expect(refusal(twice)).toMatch('same interface role')
    const bytes = new Uint8Array(icmp6.size(twice))
    icmp6.write(twice, bytes, 0, SRC, DST)
    const received = icmp6.parse(bytes) as icmp6.Unreachable
    expect(repeatsRole(received.extensions!)).toBe(true)
  })

  test('hold one whole label stack, no identification, and the pointer of RFC 8883 in type 1 only', () => {
    expect(refusal(unreachable(0, mpls, mpls))).toMatch('whole stack')
    expect(refusal(unreachable(0, byName))).toMatch('no interfaceByName object')
    expect(refusal({ kind: 'timeExceeded', code: 0, quote: NOTHING, extensions: of(pointer) })).toMatch(
      'no extendedInformation',
    )
  })

  test('of type 1 code 8 say where the headers are too long (RFC 8883 §3.2)', () => {
    expect(refusal(unreachable(8, pointer))).toBeUndefined()
    expect(refusal(unreachable(8))).toMatch('RFC 8883')
    expect(refusal(unreachable(8, mpls))).toMatch('RFC 8883')
  })

  test('of an extended echo request are one identification, by address where L is clear (RFC 8335 §2) [v6-probe-lclear-address]', () => {
    expect(refusal(request(true, byName))).toBeUndefined()
    expect(refusal(request(false, byAddress))).toBeUndefined()
    expect(refusal(request(false, byName))).toMatch('by address')
    expect(refusal(request(true))).toMatch('exactly one')
    expect(refusal(request(true, byName, byAddress))).toMatch('exactly one')
    expect(refusal(request(true, mpls))).toMatch('no mpls')
  })
})

test('a reply to extended echo has a state with code 0, and families with an active interface (RFC 8335 §3)', () => {
  const reply = {
    kind: 'extendedEchoReply',
    code: 0,
    id: 1,
    seq: 1,
    state: 0,
    active: true,
    ipv4: true,
    ipv6: true,
    data: NOTHING,
  } as const
  expect(refusal(reply)).toBeUndefined()
  expect(refusal({ ...reply, state: 2 })).toBeUndefined()
  expect(refusal({ ...reply, active: false })).toMatch('active interface')
  expect(refusal({ ...reply, code: 2, active: false, ipv4: false, ipv6: false, state: 2 })).toMatch('a state')
})

describe('neighbour discovery', () => {
  const advertisement = (lifetimeSeconds: number, preference: number): icmp6.Message => ({
    ...(blank(134, 0) as Extract<icmp6.Message, { kind: 'routerAdvertisement' }>),
    lifetimeSeconds,
    preference,
  })
  const redirect = (target: string, destination: string): icmp6.Message => ({
    kind: 'redirect',
    code: 0,
    target: ip(target),
    destination: ip(destination),
    options: [],
  })

  test('a target is one node (RFC 4861 §4.3, §4.4)', () => {
    for (const type of [135, 136]) {
      const m = blank(type, 0) as Extract<icmp6.Message, { kind: 'neighborSolicitation' }>
      expect(refusal({ ...m, target: ip('fe80::9') })).toBeUndefined()
      expect(refusal({ ...m, target: ip('ff02::1') })).toMatch('not multicast')
    }
  })

  test('a redirect names a router by its link-local address, or the destination itself (RFC 4861 §4.5)', () => {
    expect(refusal(redirect('fe80::9', '2001:db8::1'))).toBeUndefined()
    expect(refusal(redirect('2001:db8::1', '2001:db8::1'))).toBeUndefined()
    expect(refusal(redirect('2001:db8::9', '2001:db8::1'))).toMatch('link-local')
    expect(refusal(redirect('ff02::1', '2001:db8::1'))).toMatch('link-local')
    expect(refusal(redirect('fe80::9', 'ff02::1'))).toMatch('not multicast')
  })

  test('a preference is never the reserved one, and medium without a lifetime (RFC 4191 §2.2)', () => {
    expect(refusal(advertisement(1800, 1))).toBeUndefined()
    expect(refusal(advertisement(0, 0))).toBeUndefined()
    expect(refusal(advertisement(0, 1))).toMatch('no preference')
    expect(refusal(advertisement(1800, -2))).toMatch('reserved')
    const route: Option = {
      kind: 'routeInformation',
      prefixLength: 0,
      preference: -2,
      lifetimeSeconds: 1,
      prefix: ip('::'),
      length: 1,
    }
    expect(refusal({ ...blank(134, 0), options: [route] } as icmp6.Message)).toMatch('reserved')
  })

  test('an option that its own RFC calls wrong is not sent', () => {
    const option: Option = { kind: 'invalid', type: 25, data: new Uint8Array(14) }
    expect(refusal({ kind: 'routerSolicitation', code: 0, options: [option] })).toMatch('option 25')
    expect(refusal({ kind: 'routerSolicitation', code: 0, options: [{ ...option, kind: 'unknown' }] })).toBeUndefined()
  })
})

describe('multicast listener discovery', () => {
  const record = { type: 4, group: ip('ff02::fb'), sources: [], auxiliaryData: NOTHING }
  const report = (more: Partial<typeof record> = {}, trailing: Uint8Array = NOTHING): icmp6.Message => ({
    kind: 'mldv2Report',
    code: 0,
    flags: 0,
    records: [{ ...record, ...more }],
    trailing,
  })
  const v1 = (kind: 'mldReport' | 'mldDone', group: string): icmp6.Message => ({
    kind,
    code: 0,
    maxResponseDelayMs: 0,
    group: ip(group),
    trailing: NOTHING,
  })

  test('nothing undefined is sent in a report (RFC 3810 §5.2)', () => {
    expect(refusal(report())).toBeUndefined()
    expect(refusal(report({ type: 7 }))).toMatch('not defined')
    expect(refusal(report({ type: 0 }))).toMatch('not defined')
    expect(refusal(report({ auxiliaryData: new Uint8Array(4) }))).toMatch('auxiliary')
    expect(refusal(report({ group: ip('2001:db8::1') }))).toMatch('group')
    expect(refusal(report({ type: 1 }))).toMatch('includes nothing')
    expect(refusal(report({}, new Uint8Array(1)))).toMatch('behind the fields')
  })

  test('a report of version 1 names a group, a general query no sources', () => {
    expect(refusal(v1('mldReport', 'ff02::fb'))).toBeUndefined()
    expect(refusal(v1('mldDone', '::'))).toMatch('names a group')
    const query = blank(130, 0)
    expect(refusal(query)).toBeUndefined()
    const general = {
      kind: 'mldv2Query',
      code: 0,
      maxResponseDelayMs: 1000,
      group: ip('::'),
      flags: 0,
      suppress: false,
      robustness: 2,
      queryIntervalSeconds: 125,
      trailing: NOTHING,
    } as const
    expect(refusal({ ...general, sources: [] })).toBeUndefined()
    expect(refusal({ ...general, sources: [SRC] })).toMatch('no sources')
  })
})

test('a refused node information query has no data in its reply (RFC 4620 §4)', () => {
  const reply = { kind: 'nodeInfoReply', code: 1, qtype: 2, flags: 0, nonce: 0n, data: NOTHING } as const
  expect(refusal(reply)).toBeUndefined()
  expect(refusal({ ...reply, data: new Uint8Array(4) })).toMatch('code 0')
})
