import { type Family, type Ip6, icmp4, icmp6, parseIp } from 'icmpkit/wire'
import { expect, test } from 'vitest'
import { type MessageFlags, makeMessage } from './message.ts'

const LOOPBACK = parseIp('::1') as Ip6

function octetsOf(flags: MessageFlags, family: Family): string {
  const m = makeMessage(flags, family)
  if (m instanceof Uint8Array) throw new TypeError('a message is wanted')
  const out = new Uint8Array(256)
  const end =
    family === 4 ? icmp4.write(m as icmp4.Message, out, 0) : icmp6.write(m as icmp6.Message, out, 0, LOOPBACK, LOOPBACK)
  out.fill(0, 2, 4)
  return Buffer.from(out.subarray(0, end)).toString('hex')
}

/** Octets made by scapy, the checksum left out. */
test.each([
  ['router-solicitation', [], '8500000000000000'],
  ['router-advertisement', ['managed=true', 'lifetimeSeconds=1800'], '86000000008007080000000000000000'],
  ['neighbor-solicitation', ['target=fe80::1'], '8700000000000000fe800000000000000000000000000001'],
  [
    'neighbor-advertisement',
    ['target=fe80::1', 'solicited=true', 'options=[{"kind":"targetLinkLayer","linkLayerAddress":"020000000001"}]'],
    '8800000040000000fe8000000000000000000000000000010201020000000001',
  ],
  [
    'redirect',
    ['target=fe80::1', 'destination=2001:db8::1'],
    '8900000000000000fe80000000000000000000000000000120010db8000000000000000000000001',
  ],
] as const)('--type %s with its fields in --set %j (RFC 4861 §4)', (type, set, octets) => {
  expect(octetsOf({ type, set: [...set] }, 6)).toBe(octets)
})

/** What has no value of its own to begin with. */
const NEEDED: Record<Family, Record<number, string[]>> = {
  4: { 5: ['gateway=192.0.2.1'], 17: ['mask=255.0.0.0'], 18: ['mask=255.0.0.0'] },
  6: {
    ...Object.fromEntries([130, 131, 132].map((t) => [t, ['group=ff02::5']])),
    ...Object.fromEntries([135, 136].map((t) => [t, ['target=fe80::1']])),
    137: ['target=fe80::1', 'destination=2001:db8::1'],
  },
}

test.each([
  [4, icmp4.Type],
  [6, icmp6.Type],
] as const)(
  'every type of ICMPv%i that has a name is made from --type alone, or with the addresses it is about',
  (family, types) => {
    for (const type of Object.values(types)) {
      const octets = octetsOf({ type: `${type}`, set: NEEDED[family][type] ?? [] }, family)
      expect(Number.parseInt(octets.slice(0, 2), 16), octets).toBe(type)
    }
  },
)

test('--set takes JSON or text, wins over the other flags, and refuses what the message does not have', () => {
  expect(makeMessage({ id: 1, set: ['id=7', 'data=abcd'] }, 4)).toMatchObject({
    id: 7,
    data: Uint8Array.of(0xab, 0xcd),
  })
  expect(makeMessage({ jsonMessage: '{"kind":"echoReply","id":1}', set: ['seq=9'] }, 4)).toMatchObject({
    id: 1,
    seq: 9,
  })
  expect(() => makeMessage({ set: ['nothing=1'] }, 4)).toThrow(/no such field; there are/)
  expect(() => makeMessage({ set: ['id'] }, 4)).toThrow(/FIELD=VALUE is wanted/)
})
