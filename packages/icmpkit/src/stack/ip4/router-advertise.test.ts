import { expect, test } from 'vitest'
import { ip4, OneNode, port, type Sent } from '../../../../../test/stack/one-node.ts'
import { datagram, icmp, read } from '../../../../../test/stack/packet4.ts'
import type { Instant } from '../../clock.ts'
import { hex, unhex } from '../../wire/octets.ts'
import type { NodeConfig } from '../index.ts'
import type { RouterAdvertisementSettings } from './control-settings.ts'
import { advertisingPort } from './router-advertise.ts'

const gateway = (routerAdvertisements: Partial<RouterAdvertisementSettings> = {}, more: Partial<NodeConfig> = {}) => {
  const n = new OneNode({
    role: 'gateway',
    ports: [port(1, { addresses: ['192.0.2.1/24'] })],
    ...more,
    ip4: { arpProbe: { count: 0, announcements: 0 }, routerAdvertisements, ...more.ip4 },
  })
  n.taken()
  return n
}
const isAdvertisement = (s: Sent) => hex(s.bytes, 12, 14) === '0800' && s.bytes[34] === 9
/** Advertisements of the next `ms`: when, how long they hold, `address preference` each. */
const heard = (n: OneNode, ms: number) => n.run(ms).filter(isAdvertisement).map(said)
const said = (s: Sent) => {
  const { payload, ...ip } = read(s.bytes.subarray(14))
  const list: string[] = []
  for (let i = 8; i < payload.length; i += 8)
    list.push(`${[...payload.subarray(i, i + 4)].join('.')} ${hex(payload, i + 4, i + 8)}`)
  expect([payload[4], payload[5]]).toEqual([list.length, 2])
  return { at: s.at, lifetime: payload[6]! * 256 + payload[7]!, list, ...ip, bytes: s.bytes }
}
const solicitation = (f: Parameters<typeof datagram>[0] = {}, code = 0, rest = '', spoil = 0) => {
  const d = datagram(
    { src: '192.0.2.9', dst: '224.0.0.2', ttl: 1, protocol: 1, ...f },
    icmp(10, code, 'ffffffff', rest, spoil),
  )
  const frame = new Uint8Array(14 + d.length)
  frame.set(unhex('01005e0000020200000000090800'))
  frame.set(d, 14)
  return frame
}
/** Other settings while it runs; its ports stay as they are. */
const advertise = (n: OneNode, routerAdvertisements: Partial<RouterAdvertisementSettings>) =>
  n.node.ip4.reconfigure(n.now as Instant, { arpProbe: { count: 0 }, routerAdvertisements }, [])

/** Three initial advertisements have gone out, the next is minutes away. */
const settled = (settings: Partial<RouterAdvertisementSettings> = {}, more: Partial<NodeConfig> = {}) => {
  const n = gateway(settings, more)
  expect(heard(n, 48_000).length).toBeGreaterThan(2)
  return n
}
const ask = (n: OneNode, frame: Uint8Array, how = {}) => n.give(frame, { link: 'multicast', ...how })

test('a gateway advertises each of its addresses by default: to 224.0.0.1, TTL 1, preference 0, for three times the longest interval (RFC 1812 §4.3.3.10) [v4-rd-router-support] [v4-rd-ip-ttl]', () => {
  const [first] = heard(gateway(), 16_000)
  expect(first).toMatchObject({
    at: 16_000,
    lifetime: 1800,
    list: ['192.0.2.1 00000000'],
    src: '192.0.2.1',
    dst: '224.0.0.1',
    ttl: 1,
  })
  // The octets are scapy's, but for the identification.
  expect(hex(first!.bytes, 0, 14)).toBe('01005e0000010200000000010800')
  expect(hex(first!.bytes, 34)).toBe('09002cf401020708c000020100000000')
  expect(advertisingPort({})).toEqual({
    advertisementAddress: ip4('224.0.0.1'),
    maxAdvertisementIntervalSeconds: 600,
    minAdvertisementIntervalSeconds: 450,
    advertisementLifetimeSeconds: 1800,
  })
})

test('intervals and lifetime are bounded as RFC 1256 §4.1 says [v4-rd-config-intervals]', () => {
  const max = (s: number) => () => advertisingPort({ maxAdvertisementIntervalSeconds: s })
  const min = (s: number) => () =>
    advertisingPort({ maxAdvertisementIntervalSeconds: 100, minAdvertisementIntervalSeconds: s })
  const lifetime = (s: number) => () =>
    advertisingPort({ maxAdvertisementIntervalSeconds: 100, advertisementLifetimeSeconds: s })
  for (const refused of [
    max(3),
    max(3.9),
    max(1801),
    max(Number.NaN),
    min(2),
    min(2.9),
    min(101),
    lifetime(99),
    lifetime(9001),
  ])
    expect(refused).toThrow(RangeError)
  expect(max(4)()).toMatchObject({ minAdvertisementIntervalSeconds: 3, advertisementLifetimeSeconds: 12 })
  expect(max(1800)()).toMatchObject({ minAdvertisementIntervalSeconds: 1350, advertisementLifetimeSeconds: 5400 })
  for (const taken of [min(3), min(100), lifetime(100), lifetime(9000)]) expect(taken).not.toThrow()
  expect(() => gateway({ maxAdvertisementIntervalSeconds: 3 })).toThrow(RangeError)
  expect(() => gateway({ ports: [{ port: 2, minAdvertisementIntervalSeconds: 1 }] })).toThrow(RangeError)
})

test('advertisements go to 224.0.0.1 or 255.255.255.255 and nowhere else (RFC 1256 §4.1) [v4-rd-config-adv-address]', () => {
  const [first] = heard(gateway({ advertisementAddress: ip4('255.255.255.255') }), 16_000)
  expect(first).toMatchObject({ dst: '255.255.255.255', ttl: 1 })
  expect(hex(first!.bytes, 0, 6)).toBe('ffffffffffff')
  for (const other of ['224.0.0.2', '192.0.2.255', '192.0.2.9', '0.0.0.0'])
    expect(() => gateway({ advertisementAddress: ip4(other) })).toThrow(RangeError)
})

test('a thousand intervals lie between the bounds, spread over them, in no whole seconds (RFC 1256 §4.3) [v4-rd-periodic]', () => {
  const n = settled()
  const at = heard(n, 1000 * 525_000).map((a) => a.at)
  const gaps = at.slice(1).map((t, i) => (t - at[i]!) / 1000)
  expect(gaps.length).toBeGreaterThan(900)
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(450)
  expect(Math.max(...gaps)).toBeLessThanOrEqual(600)
  for (let from = 450; from < 600; from += 30)
    expect(gaps.filter((g) => g >= from && g < from + 30).length / gaps.length).toBeGreaterThan(0.12)
  expect(gaps.filter((g) => Number.isInteger(g))).toEqual([])
})

test('each port has its own intervals (RFC 1256 §4.3) [v4-rd-periodic]', () => {
  const n = gateway(
    { ports: [{ port: 2, maxAdvertisementIntervalSeconds: 8, minAdvertisementIntervalSeconds: 4 }] },
    { ports: [port(1, { addresses: ['192.0.2.1/24'] }), port(2, { addresses: ['198.51.100.1/24'] })] },
  )
  const sent = n.run(600_000).filter(isAdvertisement)
  expect(sent.filter((s) => s.port === 1).length).toBeLessThan(6)
  expect(sent.filter((s) => s.port === 2).length).toBeGreaterThan(74)
  for (const s of sent) expect(said(s).list).toEqual([s.port === 1 ? '192.0.2.1 00000000' : '198.51.100.1 00000000'])
})

test('the first three come after sixteen seconds at most each (RFC 1256 §4.3, §6) [v4-rd-initial]', () => {
  const at = heard(gateway(), 600_000).map((a) => a.at)
  expect(at.slice(0, 3)).toEqual([16_000, 32_000, 48_000])
  expect(at[3]! - at[2]!).toBeGreaterThanOrEqual(450_000)
})

test('ten hosts that ask within a second get one advertisement between them, within two seconds, by multicast (RFC 1256 §4.3) [v4-rd-solicited]', () => {
  const n = settled()
  const began = n.now
  const answers: Sent[] = []
  for (let i = 0; i < 10; i++) {
    expect(ask(n, solicitation({ src: `192.0.2.${10 + i}` }))).toEqual([])
    answers.push(...n.run(100).filter(isAdvertisement))
  }
  answers.push(...n.run(300_000).filter(isAdvertisement))
  expect(answers).toHaveLength(1)
  expect(answers[0]!.at - began).toBeLessThanOrEqual(2000)
  expect(said(answers[0]!).dst).toBe('224.0.0.1')
})

test('an answer waits a random while, and the interval begins anew with it (RFC 1256 §4.3) [v4-rd-solicited]', () => {
  const waits: number[] = []
  const n = settled()
  for (let i = 0; i < 100; i++) {
    n.run(200_000)
    const asked = n.now
    ask(n, solicitation({ src: '0.0.0.0' }))
    const [answer] = heard(n, 2000)
    waits.push(answer!.at - asked)
    // The next unasked one would have come within 600 s of the one before, but for this one.
    expect(heard(n, 448_000 - waits.at(-1)!)).toEqual([])
  }
  expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(900)
  expect(Math.max(...waits)).toBeLessThanOrEqual(2000)
})

test('a solicitation from a stranger, with a code, a bad checksum or under 8 octets is dropped; octets behind the eighth are ignored (RFC 1256 §4.2) [v4-rd-rs-validate]', () => {
  for (const [frame, answers] of [
    [solicitation(), 1],
    [solicitation({ src: '0.0.0.0' }), 1],
    [solicitation({}, 0, '00112233445566778899aabb'), 1],
    [solicitation({ src: '198.51.100.9' }), 0],
    [solicitation({}, 1), 0],
    [solicitation({}, 0, '', 1), 0],
    [solicitation({}, 0, '').subarray(0, 14 + 20 + 7), 0],
    // The total length says 27.
    [solicitation({ length: 27 }), 0],
  ] as const) {
    const n = settled()
    ask(n, frame)
    expect(heard(n, 2000)).toHaveLength(answers)
  }
})

test('a gateway hears what is sent to 224.0.0.2 on each of its ports (RFC 1256 §4.3) [v4-rd-join-all-routers]', () => {
  const n = settled(
    {},
    { ports: [port(1, { addresses: ['192.0.2.1/24'] }), port(2, { addresses: ['198.51.100.1/24'] })] },
  )
  ask(n, solicitation({ src: '198.51.100.9' }), { port: 2 })
  expect(
    n
      .run(2000)
      .filter(isAdvertisement)
      .map((s) => s.port),
  ).toEqual([2])
  ask(n, solicitation())
  expect(
    n
      .run(2000)
      .filter(isAdvertisement)
      .map((s) => s.port),
  ).toEqual([1])
})

test('all addresses that are advertised are listed with their preferences, in as many messages as the MTU needs, all but the last full (RFC 1256 §4.3) [v4-rd-contents]', () => {
  const addresses = Array.from({ length: 200 }, (_, i) => `192.0.2.${i + 1}/24`)
  const [nobody, low] = [ip4('192.0.2.7'), ip4('192.0.2.8')]
  const n = gateway(
    {
      addresses: [
        { address: nobody, advertise: false },
        { address: low, preferenceLevel: -0x80000000 },
      ],
      preferenceLevel: 5,
    },
    { ports: [port(1, { addresses, mtu: 576 })] },
  )
  const messages = heard(n, 16_000)
  // 68 entries of 8 octets, an ICMP and an IP header.
  expect(messages.map((m) => [m.length, m.list.length])).toEqual([
    [572, 68],
    [572, 68],
    [532, 63],
  ])
  const list = messages.flatMap((m) => m.list)
  expect(new Set<string>(list).size).toBe(199)
  expect(list).not.toContainEqual(expect.stringContaining('192.0.2.7 '))
  expect(list).toContain('192.0.2.8 80000000')
  expect(list).toContain('192.0.2.200 00000005')
})

test('a gateway drops the advertisements of others (RFC 1256 §4.2) [v4-rd-gw-ra-ignore]', () => {
  const n = settled()
  const d = datagram(
    { src: '192.0.2.9', dst: '224.0.0.1', protocol: 1, ttl: 1 },
    icmp(9, 0, '01020708', 'c000020900000005'),
  )
  const before = [...n.node.ip4.routes]
  const frame = new Uint8Array([...unhex('01005e0000010200000000090800'), ...d])
  expect(ask(n, frame)).toEqual([])
  expect(heard(n, 10_000)).toEqual([])
  expect([...n.node.ip4.routes]).toEqual(before)
})

test('a gateway that closes takes back what it advertised (RFC 1256 §4.3) [v4-rd-shutdown]', () => {
  const n = settled()
  n.node.close(n.now as Instant)
  const [last, ...more] = n.collect().map((bytes) => said({ at: n.now, port: 1, bytes }))
  expect(last).toMatchObject({ lifetime: 0, list: ['192.0.2.1 00000000'], dst: '224.0.0.1' })
  expect(more).toEqual([])
  expect(n.node.pollTimeout()).toBeUndefined()
})

test('an address that is advertised no more is taken back alone, the last one ends the advertisements (RFC 1256 §4.3) [v4-rd-shutdown]', () => {
  const n = settled({}, { ports: [port(1, { addresses: ['192.0.2.1/24', '192.0.2.2/24'] })] })
  const off = { address: ip4('192.0.2.1'), advertise: false }
  advertise(n, { addresses: [off] })
  const words = () => n.collect().map((bytes) => said({ at: n.now, port: 1, bytes }))
  expect(words()).toMatchObject([{ lifetime: 0, list: ['192.0.2.1 00000000'] }])
  expect(heard(n, 600_000).map((a) => a.list)).toContainEqual(['192.0.2.2 00000000'])
  advertise(n, { advertise: false })
  expect(words()).toMatchObject([{ lifetime: 0, list: ['192.0.2.2 00000000'] }])
  ask(n, solicitation())
  expect(heard(n, 3_600_000)).toEqual([])
  // It begins again as an interface that is new: soon (RFC 1256 §4.3).
  advertise(n, {})
  expect(heard(n, 48_000)).toHaveLength(3)
})

test('a port that goes down and comes up again advertises soon again (RFC 1256 §4.3) [v4-rd-initial]', () => {
  const n = settled()
  n.node.changePort(n.now as Instant, 1, { up: false })
  expect(heard(n, 3_600_000)).toEqual([])
  n.node.changePort(n.now as Instant, 1, { up: true })
  expect(heard(n, 48_000)).toHaveLength(3)
})

test('a host that asks by broadcast where advertisements are multicast is told of once (RFC 1256 §4.3)', () => {
  const n = settled()
  for (let i = 0; i < 5; i++) {
    ask(n, solicitation({ dst: '255.255.255.255' }), { link: 'broadcast' })
    n.run(3000)
  }
  expect(n.events.filter((e) => e.kind === 'log')).toEqual([
    expect.objectContaining({ port: 1, about: ip4('192.0.2.9'), what: expect.stringContaining('192.0.2.9 asks') }),
  ])
})

test('nothing is advertised on a point-to-point link', () => {
  const n = gateway({}, { ports: [port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] })] })
  expect(n.run(3_600_000)).toEqual([])
})

test('a flood of solicitations makes an advertisement a second in the mean, not one each', () => {
  const n = settled()
  let answers = 0
  for (let i = 0; i < 10_000; i++) {
    ask(n, solicitation({ src: '0.0.0.0' }))
    answers += heard(n, 10).length
  }
  expect(answers).toBeLessThan(101)
  expect(answers).toBeGreaterThan(50)
})
