import { describe, expect, test } from 'vitest'
import { ip4, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { datagram, icmp, quad, read } from '../../../../../test/stack/packet4.ts'
import { hex } from '../../wire/octets.ts'
import type { AddressMaskSettings } from './control-settings.ts'

type Role = 'host' | 'gateway'
const node = (role: Role, addressMask: Partial<AddressMaskSettings> = {}, addresses = ['192.0.2.1/24'], start = 0) => {
  const n = new OneNode({
    role,
    ports: [port(1, { medium: 'ip', addresses })],
    ip4: { addressMask, routerAdvertisements: { advertise: false } },
  })
  n.run(start)
  return n
}
const request = (f: Parameters<typeof datagram>[0] = {}) =>
  datagram({ protocol: 1, ...f }, icmp(17, 0, '00070001', '00000000'))
const reply = (mask: string, f: Parameters<typeof datagram>[0] = {}) =>
  datagram({ protocol: 1, dst: '255.255.255.255', ...f }, icmp(18, 0, '00000000', quad(mask)))
const BROADCAST = { link: 'broadcast' } as const
/** `to mask` of each reply among the packets. */
const replies = (packets: Uint8Array[]) =>
  packets
    .map((b) => read(b))
    .filter((r) => r.type === 18)
    .map((r) => `${r.dst} ${[...r.rest].join('.')}`)

describe.each(['host', 'gateway'] as const)('a %s', (role) => {
  test('answers no address mask request unless it was made an agent (RFC 6918 §2.4, RFC 1122 §3.2.2.9) [v4-mask-deprecated] [v4-mask-agent-only]', () => {
    const n = node(role)
    expect(n.give(request())).toEqual([])
    expect(n.give(request({ src: '0.0.0.0', dst: '255.255.255.255' }), BROADCAST)).toEqual([])
    expect(n.run(3_600_000)).toEqual([])
  })

  test('that is an agent answers with the mask, by unicast who has an address, by broadcast who has none (RFC 950) [v4-mask-agent-only] [v4-mask-reply-zero-src]', () => {
    const n = node(role, { agent: true })
    const [answer] = n.give(request())
    // As scapy makes it: identifier 7, sequence 1.
    expect(hex(read(answer!).payload)).toBe('1200eef600070001ffffff00')
    expect(read(answer!)).toMatchObject({ src: '192.0.2.1', dst: '192.0.2.2' })
    const [wide] = n.give(request({ src: '0.0.0.0', dst: '255.255.255.255' }), BROADCAST)
    expect(read(wide!)).toMatchObject({ src: '192.0.2.1', dst: role === 'host' ? '255.255.255.255' : '192.0.2.255' })
    expect(hex(read(wide!).payload)).toBe('1200eef600070001ffffff00')
  })

  test('that is an agent answers no other code and no request of another network', () => {
    const n = node(role, { agent: true })
    expect(n.give(datagram({ protocol: 1 }, icmp(17, 1, '00070001', '00000000')))).toEqual([])
    expect(n.give(request({ src: '198.51.100.9' }))).toEqual([])
  })
})

test('a gateway answers with the mask of the subnet that the request came in on, and not for an address that is excepted (RFC 1812 §4.3.3.9) [v4-mask-gw-server]', () => {
  const addresses = ['192.0.2.1/26', '198.51.100.1/28']
  const n = node('gateway', { agent: true }, addresses)
  expect(replies(n.give(request()))).toEqual(['192.0.2.2 255.255.255.192'])
  expect(replies(n.give(request({ src: '198.51.100.2' })))).toEqual(['198.51.100.2 255.255.255.240'])
  const some = node('gateway', { agent: true, agentExcept: [ip4('198.51.100.1')] }, addresses)
  expect(replies(some.give(request()))).toEqual(['192.0.2.2 255.255.255.192'])
  expect(some.give(request({ src: '198.51.100.2' }))).toEqual([])
})

test('a gateway says nothing where it has no mask, or several and cannot know which (RFC 1812 §4.3.3.9) [v4-mask-gw-withhold]', () => {
  const wide = { src: '0.0.0.0', dst: '255.255.255.255' }
  expect(node('gateway', { agent: true }, []).give(request(wide), BROADCAST)).toEqual([])
  const two = node('gateway', { agent: true }, ['192.0.2.1/24', '198.51.100.1/26'])
  expect(two.give(request(wide), BROADCAST)).toEqual([])
  expect(replies(two.give(request({ src: '198.51.100.2' })))).toEqual(['198.51.100.2 255.255.255.192'])
  const alike = node('gateway', { agent: true }, ['192.0.2.1/24', '198.51.100.1/24'])
  expect(replies(alike.give(request(wide), BROADCAST))).toEqual(['192.0.2.255 255.255.255.0'])
})

test("a gateway's broadcast replies go to the network's own broadcast (RFC 1812 §4.3.3.9) [v4-mask-bcast-form]", () => {
  const n = node('gateway', { agent: true })
  expect(replies(n.give(request({ src: '0.0.0.0', dst: '255.255.255.255' }), BROADCAST))).toEqual([
    '192.0.2.255 255.255.255.0',
  ])
})

test('a gateway says its mask unasked only where it was told to, and not where one network holds another (RFC 1812 §4.3.3.9) [v4-mask-gw-gratuitous]', () => {
  const unasked = (settings: Partial<AddressMaskSettings>, addresses?: string[]) =>
    replies(
      node('gateway', settings, addresses)
        .taken()
        .map((s) => s.bytes),
    )
  expect(unasked({ agent: true })).toEqual([])
  expect(unasked({ agentAnnounces: true })).toEqual([])
  expect(unasked({ agent: true, agentAnnounces: true })).toEqual(['192.0.2.255 255.255.255.0'])
  const apart = ['10.0.0.1/8', '192.0.2.1/24']
  expect(unasked({ agent: true, agentAnnounces: true }, apart)).toEqual([
    '10.255.255.255 255.0.0.0',
    '192.0.2.255 255.255.255.0',
  ])
  expect(unasked({ agent: true, agentAnnounces: true }, ['10.0.0.1/8', '10.1.0.1/16'])).toEqual([])
  expect(unasked({ agent: true, agentAnnounces: true }, ['10.1.0.1/16', '10.0.0.1/8'])).toEqual([])
})

test('a gateway takes no mask from a reply, and tells of one that is not its own (RFC 1812 §4.3.3.9) [v4-mask-gw-not-learn] [v4-mask-gw-check-replies]', () => {
  const n = node('gateway', { agent: true, client: true })
  n.give(reply('255.255.255.0'), BROADCAST)
  expect(n.events.filter((e) => e.kind === 'log')).toEqual([])
  for (let i = 0; i < 100; i++) n.give(reply('255.255.0.0', { dst: '192.0.2.1' }))
  const told = n.events.filter((e) => e.kind === 'log')
  expect(told[0]).toMatchObject({
    about: ip4('192.0.2.2'),
    what: '192.0.2.2 says that the address mask is 255.255.0.0, here it is 255.255.255.0',
  })
  expect(told).toHaveLength(10)
  expect(replies(n.give(request()))).toEqual(['192.0.2.2 255.255.255.0'])
})

/** The prefix that the host takes for its network: what of it is sent to without a gateway. */
const onLink = (n: OneNode) => [...n.node.ip4.routes].filter((r) => r.origin === 'connected').map((r) => r.prefixLength)
const asks = (packets: { bytes: Uint8Array; at: number }[]) => packets.filter((s) => read(s.bytes).type === 17)

test('a host that is to ask does so by broadcast when it starts, a few times, and then no more (RFC 1122 §3.2.2.9) [v4-mask-client-request]', () => {
  const n = node('host', { client: true }, ['10.1.1.1/0'])
  n.run(3_600_000)
  const sent = asks(n.taken())
  expect(sent.map((s) => s.at)).toEqual([0, 2000, 4000])
  for (const { bytes } of sent) {
    expect(read(bytes)).toMatchObject({ src: '10.1.1.1', dst: '255.255.255.255', type: 17, code: 0, length: 32 })
    expect(hex(read(bytes).rest)).toBe('00000000')
  }
})

test.each([
  ['10.1.1.1', 8],
  ['127.255.0.1', 8],
  ['172.16.0.1', 16],
  ['191.255.0.1', 16],
  ['192.0.2.1', 24],
  ['223.255.255.1', 24],
])(
  'until a reply comes the mask is the one of the class: %s/%i (RFC 1122 §3.2.2.9) [v4-mask-client-default]',
  (address, length) => {
    expect(onLink(node('host', { client: true }, [`${address}/0`]))).toEqual([length])
  },
)

test('the first reply sets the mask, asked for or not, and ends the asking; later ones change nothing (RFC 1122 §3.2.2.9) [v4-mask-client-first]', () => {
  for (const start of [0, 3_600_000]) {
    const n = node('host', { client: true }, ['10.1.1.1/0'], start)
    n.give(reply('255.255.255.0', { src: '10.1.1.2' }), BROADCAST)
    expect(onLink(n)).toEqual([24])
    n.give(reply('255.255.0.0', { src: '10.1.1.2' }), BROADCAST)
    expect(onLink(n)).toEqual([24])
    expect(asks(n.run(3_600_000))).toEqual([])
    // 10.1.2.9 is on the link no more, 10.1.1.9 is.
    expect(n.node.ip4.hop(n.now as never, ip4('10.1.2.9'))).toBe('no-route')
    expect(n.node.ip4.hop(n.now as never, ip4('10.1.1.9'))).toMatchObject({ nextHop: ip4('10.1.1.9') })
  }
})

test('a host that learned its mask by a reply is no authority on it (RFC 1122 §3.2.2.9) [v4-mask-agent-only]', () => {
  const n = node('host', { client: true }, ['10.1.1.1/0'])
  n.give(reply('255.255.255.0', { src: '10.1.1.2' }), BROADCAST)
  expect(n.give(request({ src: '10.1.1.3', dst: '10.1.1.1' }))).toEqual([])
})

test('a host that is not to ask sends no request and takes no reply; that is the default (RFC 1122 §3.2.2.9) [v4-mask-client-off]', () => {
  const n = node('host')
  expect(n.run(60_000)).toEqual([])
  n.give(reply('255.255.0.0'), BROADCAST)
  expect(onLink(n)).toEqual([24])
  // Nor one about an address whose mask was given.
  const given = node('host', { client: true })
  expect(given.run(60_000)).toEqual([])
  given.give(reply('255.255.0.0'), BROADCAST)
  expect(onLink(given)).toEqual([24])
})

test('a mask of all ones, without its top eight bits, or with holes is refused; the next good one counts (RFC 1122 §3.2.2.9) [v4-mask-client-sane]', () => {
  const n = node('host', { client: true }, ['10.1.1.1/0'])
  for (const mask of ['255.255.255.255', '0.255.255.0', '254.0.0.0', '127.255.255.0', '255.0.255.0', '255.255.255.1']) {
    n.give(reply(mask, { src: '10.1.1.2' }), BROADCAST)
    expect(onLink(n)).toEqual([8])
  }
  n.give(reply('255.255.255.0', { src: '10.1.1.2' }), BROADCAST)
  expect(onLink(n)).toEqual([24])
})

test('a reply that came by another port is about another network', () => {
  const n = new OneNode({
    ports: [
      port(1, { medium: 'ip', addresses: ['10.1.1.1/0'] }),
      port(2, { medium: 'ip', addresses: ['192.0.2.1/24'] }),
    ],
    ip4: { addressMask: { client: true } },
  })
  n.give(reply('255.255.0.0'), { link: 'broadcast', port: 2 })
  expect(onLink(n).sort()).toEqual([24, 8])
})
