import { expect, test } from 'vitest'
import { type Ip6, LOOPBACK6 } from './addr.ts'
import * as ethernet from './ethernet.ts'
import { of, size, write } from './extension.ts'
import * as icmp4 from './icmp4.ts'
import * as icmp6 from './icmp6.ts'
import * as ip4Option from './ip4-option.ts'
import * as ip6 from './ip6.ts'
import { fitting } from './octets.ts'
import * as tcp from './tcp.ts'

const NOTHING = new Uint8Array(0)
const OUT = new Uint8Array(128)

/** Every field that shares its octets with another, by how wide it is. */
const SHARED: Record<string, { bits: number; write: (value: number) => unknown }> = {
  'MPLS label': { bits: 20, write: (label) => labelled({ label }) },
  'MPLS traffic class': { bits: 3, write: (tc) => labelled({ tc }) },
  'VLAN priority': { bits: 3, write: (priority) => tagged({ priority }) },
  'VLAN identifier': { bits: 12, write: (vlan) => tagged({ vlan }) },
  'TCP flags': { bits: 12, write: (flags) => tcp.write({ srcPort: 1, dstPort: 2, flags }, OUT, 0, 20, 0) },
  'IPv6 traffic class': { bits: 8, write: (trafficClass) => headed({ trafficClass }) },
  'IPv6 flow label': { bits: 20, write: (flowLabel) => headed({ flowLabel }) },
  'timestamp overflow': {
    bits: 4,
    write: (overflow) => ip4Option.writeOptions([{ kind: 'timestamp', pointer: 5, overflow, flag: 0, slots: [] }]),
  },
  'neighbour state': {
    bits: 3,
    write: (state) => {
      const bits = { active: false, ipv4: false, ipv6: false }
      icmp4.write({ kind: 'extendedEchoReply', code: 0, id: 1, seq: 1, state, ...bits, data: NOTHING }, OUT, 0)
    },
  },
  'MLD query flags': { bits: 4, write: (flags) => asked({ flags }) },
  'MLD robustness': { bits: 3, write: (robustness) => asked({ robustness }) },
}

test.each(Object.entries(SHARED))('%s: a value that does not fit is refused, not cut', (_, { bits, write }) => {
  expect(() => write(2 ** bits - 1)).not.toThrow()
  for (const value of [2 ** bits, -1, 0.5, Number.NaN]) expect(() => write(value), `${value}`).toThrow(RangeError)
})

test('an integer of so many bits passes as it is', () => {
  expect([0, 1, 7].map((value) => fitting(value, 3))).toEqual([0, 1, 7])
  for (const value of [8, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => fitting(value, 3)).toThrow(`${value} does not fit in 3 bits`)
  }
})

function labelled(fields: { label?: number; tc?: number }): void {
  const e = of({ kind: 'mpls', entries: [{ label: 0, tc: 0, bottom: true, ttl: 1, ...fields }] })
  expect(write(e, OUT, 0)).toBe(size(e))
}

function tagged(fields: { priority?: number; vlan?: number }): void {
  const mac = new Uint8Array(6)
  const tag = { tagType: 0x8100, priority: 0, dropEligible: false, vlan: 0, ...fields }
  ethernet.write({ dstMac: mac, srcMac: mac, tags: [tag], etherType: 0x0800 }, OUT, 0)
}

function headed(fields: { trafficClass?: number; flowLabel?: number }): void {
  ip6.write({ protocol: 59, src: LOOPBACK6, dst: LOOPBACK6, ...fields }, OUT, 0, 0)
}

function asked(fields: { flags?: number; robustness?: number }): void {
  const query = {
    kind: 'mldv2Query',
    code: 0,
    maxResponseDelayMs: 0,
    group: 0n as Ip6,
    flags: 0,
    suppress: false,
    robustness: 0,
    queryIntervalSeconds: 0,
    sources: [],
    trailing: NOTHING,
  } as const
  icmp6.write({ ...query, sources: [], ...fields }, OUT, 0, LOOPBACK6, LOOPBACK6)
}
