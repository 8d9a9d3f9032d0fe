import fc from 'fast-check'
import { expect, test } from 'vitest'
import { packet } from '../../../../test/notice/notice-packets.ts'
import { parseIp } from './addr.ts'
import { hex, unhex } from './octets.ts'
import * as outage from './outage-object.ts'

const OFFLINE: outage.Outage = {
  kind: 'outage',
  state: outage.State.offline,
  rebuilt: false,
  seconds: 1_800_000_000,
  program: 'shop',
  reason: 'maintenance',
  backAt: 1_800_003_600,
  server: { protocol: 17, port: 5000 },
  workstation: { address: parseIp('198.51.100.7')!, port: 40_000 },
  signature: undefined,
}

function written(o: outage.Outage): string {
  const bytes = new Uint8Array(outage.size(o) + 8).fill(0xee)
  const end = outage.write(o, bytes, 4)
  expect(end).toBe(4 + outage.size(o))
  expect([...bytes.subarray(0, 4), ...bytes.subarray(end)]).toEqual(Array(8).fill(0xee))
  return hex(bytes, 4, end)
}

const wrong = (text: string) => outage.parse(unhex(text))

test('the fields of an object made by struct and scapy', () => {
  expect(outage.parse(packet('payload'))).toEqual(OFFLINE)
  expect(outage.parse(packet('payloadRebuilt'))).toEqual({ ...OFFLINE, rebuilt: true })
  expect(outage.parse(packet('payloadEd25519'))).toEqual({
    ...OFFLINE,
    workstation: undefined,
    signature: { algorithm: 2, keyId: unhex('01020304'), octets: new Uint8Array(64).fill(0xaa) },
  })
})

test('it writes back to the same octets, whole words long (RFC 4884 §7)', () => {
  for (const name of ['payload', 'payloadRebuilt', 'payloadEd25519', 'payloadHmac']) {
    const octets = packet(name)
    expect(octets.length % 4).toBe(0)
    expect(written(outage.parse(octets) as outage.Outage)).toBe(hex(octets))
  }
})

test('a signature covers a name of its own and all in front of it, whether or not it stands there yet', () => {
  expect(hex(outage.signedOctets(packet('payloadHmac')))).toBe(hex(packet('signed')))
  expect(hex(outage.signedOctets(packet('payload')))).toBe(hex(packet('signed')))
  const within = unhex(`ffff${hex(packet('payload'))}ffff`)
  expect(hex(outage.signedOctets(within, 2, within.length - 2))).toBe(hex(packet('signed')))
})

test('what follows a signature is not taken: nobody signed it', () => {
  const octets = hex(packet('payloadHmac')).replace(/0+$/, '')
  expect(wrong(`${octets}0203616263`)).toMatchObject({ kind: 'malformed', why: 'bad-length' })
  expect(wrong(`${octets}0000`)).toMatchObject({ kind: 'outage' })
})

test('an item twice, of a wrong length, cut off or in no UTF-8 is malformed; one of the future is passed over', () => {
  const head = '010100006b49d200'
  expect(wrong(`${head}0101610101620000`)).toMatchObject({ why: 'unknown-format', at: 11 })
  expect(wrong(`${head}0303001122`)).toMatchObject({ why: 'bad-length', at: 8 })
  expect(wrong(`${head}05070000010203040500`)).toMatchObject({ why: 'bad-length', at: 8 })
  expect(wrong(`${head}06050102030405`)).toMatchObject({ why: 'bad-length', at: 8 })
  expect(wrong(`${head}0121${'61'.repeat(33)}`)).toMatchObject({ why: 'too-long', at: 8 })
  expect(wrong(`${head}0102ff61`)).toMatchObject({ why: 'unknown-format', at: 8 })
  expect(wrong(`${head}010461`)).toMatchObject({ why: 'truncated' })
  expect(wrong(`${head}63021234010161`)).toMatchObject({ kind: 'outage', program: 'a' })
  expect(wrong('020100006b49d200')).toMatchObject({ why: 'bad-version', at: 0 })
})

test('no item is cut off in silence: each shorter piece is malformed, or the same without its last items', () => {
  const octets = packet('payload')
  for (let end = 0; end < octets.length; end++) {
    const m = outage.parse(octets, 0, end)
    if (end < 8) expect(m).toMatchObject({ kind: 'malformed', why: 'truncated', at: end })
    else if (m.kind === 'outage') expect([8, 16, 21, 27, 33, 46, 47]).toContain(end)
  }
})

test('any object that can be written comes back as it was', () => {
  const text = (most: number) =>
    fc.string({ unit: 'grapheme', maxLength: 40 }).filter((t) => new TextEncoder().encode(t).length <= most)
  const u32 = fc.integer({ min: 0, max: 0xffffffff })
  const port = fc.integer({ min: 0, max: 0xffff })
  const address = fc.oneof(fc.ipV4(), fc.ipV6()).map((t) => parseIp(t))
  const maybe = <T>(a: fc.Arbitrary<T>) => fc.option(a, { nil: undefined })
  const objects = fc.record({
    kind: fc.constant('outage' as const),
    state: fc.integer({ min: 0, max: 255 }),
    rebuilt: fc.boolean(),
    seconds: u32,
    program: maybe(text(32)),
    reason: maybe(text(64)),
    backAt: maybe(u32),
    server: maybe(fc.record({ protocol: fc.integer({ min: 0, max: 255 }), port })),
    workstation: maybe(fc.record({ address: address.filter((a) => a !== undefined), port })),
    signature: maybe(
      fc.record({
        algorithm: fc.integer({ min: 0, max: 255 }),
        keyId: fc.uint8Array({ minLength: 4, maxLength: 4 }),
        octets: fc.uint8Array({ minLength: 1, maxLength: 64 }),
      }),
    ),
  })
  fc.assert(
    fc.property(objects, (o) => {
      expect(outage.parse(unhex(written(o)))).toEqual(o)
    }),
  )
})

test('a text that is too long, or a key id of another length, is the caller’s mistake', () => {
  expect(() => outage.size({ ...OFFLINE, program: 'ü'.repeat(17) })).toThrow(RangeError)
  expect(() => outage.size({ ...OFFLINE, reason: 'x'.repeat(65) })).toThrow('65 octets: at most 64 fit')
  const signature = { algorithm: 1, keyId: new Uint8Array(3), octets: new Uint8Array(16) }
  expect(() => outage.write({ ...OFFLINE, signature }, new Uint8Array(200), 0)).toThrow(RangeError)
})

test('shown, it is one line without control characters, whoever wrote it', () => {
  const evil = { ...OFFLINE, program: 'a\u001b[2Jb', reason: '\u202egnp' }
  const line = outage.show(evil)
  expect(line).not.toMatch(/[\u0000-\u001f\u202e]/)
  expect(outage.show(OFFLINE)).toBe(
    'outage offline, program "shop", udp/5000, reason "maintenance", at 1800000000, back at 1800003600, for 198.51.100.7 port 40000, unsigned',
  )
  expect(outage.stateName(9)).toBe('state 9')
})
