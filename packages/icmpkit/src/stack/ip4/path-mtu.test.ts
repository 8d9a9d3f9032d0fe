import { expect, test } from 'vitest'
import { G1, Lan } from '../../../../../test/stack/lan-bench.ts'
import { ip4, port } from '../../../../../test/stack/one-node.ts'
import { datagram, icmp, quad, read } from '../../../../../test/stack/packet4.ts'
import type { Instant } from '../../clock.ts'
import { hex } from '../../wire/octets.ts'
import type { HeardError } from '../transport/transport.ts'

const X = '203.0.113.7'
const Y = '203.0.113.8'
const ROUTER = '198.51.100.1'

const hex16 = (n: number) => n.toString(16).padStart(4, '0')
/** Code 4 about the datagram `quote`. */
const tooBig = (mtu: number, quote: string) =>
  datagram({ src: ROUTER, protocol: 1 }, icmp(3, 4, `0000${hex16(mtu)}`, quote))
/** Sends `length` octets with DF; the datagram as a router quotes it, its Total Length replaced where one is given. */
const sent = (lan: Lan, length: number, dst = X, says = length) => {
  const quote = hex(lan.send(dst, length - 28, { df: true })[0]!, 14, 14 + 28)
  return quote.slice(0, 4) + hex16(says) + quote.slice(8)
}
/** Does a datagram of `length` octets leave, whole and with DF? */
const carries = (lan: Lan, length: number, dst = X) => {
  const frames = lan.send(dst, length - 28, { df: true })
  if (frames.length === 0) expect(lan.last).toBe('too-big')
  else expect(read(frames[0]!.subarray(14))).toMatchObject({ df: true, length })
  return frames.length === 1
}
/** The estimate, seen from outside: so many octets leave, and no more. */
const expectEstimate = (lan: Lan, mtu: number, dst = X) =>
  expect([carries(lan, mtu, dst), carries(lan, mtu + 1, dst)]).toEqual([true, false])
const lanOf = (mtu: number, ip4Settings = {}) =>
  new Lan({ ports: [port(1, { addresses: ['192.0.2.1/24'], mtu })], ip4: { ...route, ...ip4Settings } })
const route = {
  routes: [{ prefix: ip4('0.0.0.0'), prefixLength: 0, kind: 'unicast', nextHop: ip4('192.0.2.254'), port: 1 } as const],
}

test('the first estimate is what the first link carries (RFC 1191 §2, §6.2) [v4-pmtu-first-hop]', () => {
  expectEstimate(new Lan(), 1500)
  expectEstimate(lanOf(4352), 4352)
})

test('a code 4 message lowers the estimate to its Next-Hop MTU, and no larger datagram with DF leaves (RFC 1191 §3) [v4-pmtu-reduce] [v4-pmtu-converge]', () => {
  const lan = new Lan()
  lan.give(tooBig(1400, sent(lan, 1500)))
  expectEstimate(lan, 1400)
  lan.give(tooBig(1280, sent(lan, 1400)))
  expectEstimate(lan, 1280)
  expect(lan.n.events.filter((e) => e.kind === 'path-mtu')).toEqual([
    { kind: 'path-mtu', at: 0, port: 1, destination: ip4(X), mtu: 1400, by: ip4(ROUTER) },
    { kind: 'path-mtu', at: 0, port: 1, destination: ip4(X), mtu: 1280, by: ip4(ROUTER) },
  ])
})

test('every datagram of a flow that discovers its path has DF set, before a decrease and after (RFC 1191 §3) [v4-pmtu-fast-decrease]', () => {
  const lan = new Lan()
  for (const length of [28, 100, 576, 1500]) expect(carries(lan, length)).toBe(true)
  lan.give(tooBig(1400, sent(lan, 1500)))
  for (const length of [28, 100, 576, 1400]) expect(carries(lan, length)).toBe(true)
})

test('what need not go whole is fragmented to the estimate (RFC 1191 §3) [v4-pmtu-converge]', () => {
  const lan = new Lan()
  lan.give(tooBig(1000, sent(lan, 1500)))
  const frames = lan.send(X, 2000)
  expect(frames.map((f) => f.length - 14)).toEqual([996, 996, 76])
})

test('a code 4 message never raises the estimate (RFC 1191 §3) [v4-pmtu-no-raise]', () => {
  const lan = new Lan()
  const first = sent(lan, 1500)
  lan.give(tooBig(1400, first))
  for (const mtu of [1450, 1400, 1500, 9000, 65535]) lan.give(tooBig(mtu, first))
  expectEstimate(lan, 1400)
})

test('a message that says that a datagram was too big for a hop which carries it is a lie (RFC 5927 §7.2)', () => {
  const lan = new Lan()
  lan.give(tooBig(1000, sent(lan, 600)))
  expectEstimate(lan, 1500)
})

test('the estimate never goes under 68 octets, nor under the floor that is set; under the floor datagrams go without DF (RFC 1191 §3, RFC 5927 §7.3) [v4-pmtu-floor-68]', () => {
  for (const mtu of [1, 40, 67, 68]) {
    const lan = new Lan({ ip4: { ...route, pathMtu: { floor: 68 } } })
    lan.give(tooBig(mtu, sent(lan, 1500)))
    const frames = lan.send(X, 100)
    expect(frames.map((f) => f.length - 14)).toEqual([68, 68, 32])
  }
  const lan = new Lan()
  lan.give(tooBig(296, sent(lan, 1500)))
  expect(lan.n.events.at(-1)).toMatchObject({ kind: 'path-mtu', mtu: 552 })
  const [small] = lan.send(X, 500, { df: true })
  expect(read(small!.subarray(14))).toMatchObject({ df: false, mf: false, length: 528 })
  const frames = lan.send(X, 1000, { df: true }).map((f) => read(f.subarray(14)))
  expect(frames.map((f) => [f.df, f.length])).toEqual([
    [false, 548],
    [false, 500],
  ])
  // It stays so: a later message that says less of it changes nothing.
  lan.give(tooBig(500, hex(small!, 14, 42)))
  expect(lan.n.events.filter((e) => e.kind === 'path-mtu')).toHaveLength(1)
  for (const floor of [67, 0, Number.NaN]) expect(() => new Lan({ ip4: { pathMtu: { floor } } })).toThrow(RangeError)
})

test('nothing larger is tried for ten minutes after a decrease, then what the first link carries (RFC 1191 §3, §6.3) [v4-pmtu-raise-timer] [v4-pmtu-age]', () => {
  const lan = new Lan()
  lan.give(tooBig(1400, sent(lan, 1500)))
  lan.n.run(300_000)
  // Another decrease: ten minutes from here.
  lan.arp(G1)
  lan.give(tooBig(1300, sent(lan, 1400)))
  lan.n.run(599_999)
  lan.arp(G1)
  expectEstimate(lan, 1300)
  lan.n.run(1)
  expectEstimate(lan, 1500)
})

test('messages that lower nothing do not keep the estimate down (RFC 1191 §6.3) [v4-pmtu-age]', () => {
  const lan = new Lan()
  const first = sent(lan, 1500)
  for (let minute = 0; minute < 10; minute++) {
    lan.give(tooBig(1400, first))
    lan.n.run(60_000)
  }
  lan.arp(G1)
  expectEstimate(lan, 1500)
})

test('the period may be set from five minutes up to for ever (RFC 1191 §6.3) [v4-pmtu-age] [v4-pmtu-raise-timer]', () => {
  for (const [ageMs, after, mtu] of [
    [300_000, 299_999, 1400],
    [300_000, 300_000, 1500],
    [Number.POSITIVE_INFINITY, 1e10, 1400],
  ] as const) {
    const lan = new Lan({ ip4: { ...route, pathMtu: { ageMs } } })
    lan.give(tooBig(1400, sent(lan, 1500)))
    lan.n.run(after)
    lan.arp(G1)
    expectEstimate(lan, mtu)
  }
  for (const ageMs of [299_999, 0, -1, Number.NaN])
    expect(() => new Lan({ ip4: { pathMtu: { ageMs } } })).toThrow(RangeError)
})

test.each([
  // Estimate, length that was sent, Total Length that is quoted, the estimate then (RFC 1191 §7.1).
  [4352, 1500, 1500, 1492],
  [4352, 4352, 4000, 2002],
  [65535, 40000, 40000, 32000],
  [65535, 20000, 20000, 17914],
  [65535, 17914, 17914, 8166],
  [65535, 5000, 5000, 4352],
  [1500, 1493, 1493, 1492],
  [1500, 1492, 1492, 1006],
  [1500, 1006, 1006, 508],
  [1500, 400, 400, 296],
  [1500, 200, 200, 68],
])(
  'estimate %i, %i octets sent, Total Length %i quoted, Next-Hop MTU 0: the next plateau is %i (RFC 1191 §5, §7) [v4-pmtu-mtu-zero]',
  (link, length, says, mtu) => {
    const lan = lanOf(link, { pathMtu: { floor: 68 } })
    lan.give(tooBig(0, sent(lan, length, X, says)))
    expectEstimate(lan, mtu)
  },
)

test.each([
  [1500, 1520, 1492],
  [1500, 1500, 1006],
  // 1500 with its octets turned round.
  [1500, 0xdc05, 1492],
])(
  'estimate %i, Total Length %i quoted with Next-Hop MTU 0: a gateway changed it, the estimate is %i (RFC 1191 §5) [v4-pmtu-bsd-length] [v4-pmtu-mtu-zero]',
  (link, says, mtu) => {
    const lan = lanOf(link)
    lan.give(tooBig(0, sent(lan, 1500, X, says)))
    expectEstimate(lan, mtu)
  },
)

test('the estimate is the one of that destination, not of its network (RFC 1191 §6.2) [v4-pmtu-per-host]', () => {
  const lan = new Lan()
  lan.give(tooBig(1400, sent(lan, 1500)))
  expectEstimate(lan, 1500, Y)
  expectEstimate(lan, 1500, '203.0.113.6')
  expectEstimate(lan, 1400, X)
})

test('a message whose quote is of nothing that this host sent changes nothing (RFC 5927 §4, RFC 8899 §4.6.1) [v4-pmtu-dplp-validate]', () => {
  const lan = new Lan()
  const quote = sent(lan, 1500)
  for (const forged of [
    quote.replace('13880035', '13890035'),
    quote.replace('13880035', '13880036'),
    quote.replace(quad('192.0.2.1'), quad('192.0.2.2')),
    quote.replace(quad(X), quad(Y)),
    // Protocol 6.
    `${quote.slice(0, 18)}06${quote.slice(20)}`,
  ]) {
    expect(forged).not.toBe(quote)
    lan.give(tooBig(1000, forged))
  }
  for (const dst of [X, Y]) expectEstimate(lan, 1500, dst)
  lan.give(tooBig(1000, quote))
  expectEstimate(lan, 1000)
})

test('what an outsider cannot see must be right too: the sequence number of a connection, identifier and sequence of an echo (RFC 8899 §4.6.1) [v4-pmtu-dplp-hard-guess]', () => {
  const lan = new Lan()
  lan.n.node.transport.tcp.add({
    family: 4,
    local: ip4('192.0.2.1'),
    localPort: 5000,
    remote: ip4(X),
    remotePort: 80,
    state: 'synchronised',
    sndUna: 0x10000000,
    sndNxt: 0x10000600,
    maxSizeSent: 1500,
    maxSizeAcked: 576,
  })
  const header = (protocol: string) => `450005dc000140003f${protocol}0000${quad('192.0.2.1')}${quad(X)}`
  for (const [seq, mtu] of [
    ['0fffffff', 1500],
    ['10000600', 1500],
    ['90000000', 1500],
    ['10000000', 1400],
  ] as const) {
    lan.give(tooBig(1400, `${header('06')}13880050${seq}`))
    expectEstimate(lan, mtu)
  }
  // An echo client that asked Y with identifier 1234 and sequence 7.
  lan.n.node.transport.raw.add({
    message: () => {},
    owns: ({ quote: { transport: t } }: HeardError) => t.kind === 'icmp4' && t.id === 0x1234 && t.seq === 7,
  })
  for (const [idSeq, mtu] of [
    ['12350007', 1500],
    ['12340008', 1500],
    ['12340007', 1400],
  ] as const) {
    lan.give(tooBig(1400, `${header('01').replace(quad(X), quad(Y))}08000000${idSeq}`))
    expectEstimate(lan, mtu, Y)
  }
})

test('each user of the path is told of the decrease, the sender of the datagram that it was lost (RFC 1191 §6.2) [v4-pmtu-notify]', () => {
  const lan = new Lan()
  const udp = lan.n.node.transport.udp
  const other = udp.bind({ family: 4, port: 5001 })
  other.send(0 as Instant, new Uint8Array(10), { address: ip4(X), port: 99 })
  const elsewhere = udp.bind({ family: 4, port: 5002 })
  elsewhere.connect(ip4(Y), 53)
  const tcp = lan.n.node.transport.tcp.add({
    family: 4,
    local: ip4('192.0.2.1'),
    localPort: 6000,
    remote: ip4(X),
    remotePort: 80,
    state: 'synchronised',
    sndUna: 0,
    sndNxt: 1,
    maxSizeSent: 1500,
    maxSizeAcked: 576,
  })
  lan.n.collect()
  lan.give(tooBig(1400, sent(lan, 1500)))
  expect(lan.socket.error()).toMatchObject({
    origin: 'icmp',
    severity: 'size',
    type: 3,
    code: 4,
    mtu: 1400,
    toPort: 53,
  })
  expect(lan.socket.error()).toMatchObject({ origin: 'path', severity: 'size', mtu: 1400, to: ip4(X) })
  expect(lan.socket.error()).toBeUndefined()
  expect(other.error()).toMatchObject({ origin: 'path', severity: 'size', mtu: 1400, to: ip4(X) })
  expect(other.error()).toBeUndefined()
  expect(elsewhere.error()).toBeUndefined()
  expect(tcp.events).toEqual([{ kind: 'path-mtu', mtu: 1400 }])
})

test('ten messages about what was under way lower the size once, so that one retransmission follows (RFC 1191 §6.4) [v4-pmtu-no-retransmit-each]', () => {
  const lan = new Lan()
  const tcp = lan.n.node.transport.tcp.add({
    family: 4,
    local: ip4('192.0.2.1'),
    localPort: 5000,
    remote: ip4(X),
    remotePort: 80,
    state: 'synchronised',
    sndUna: 0,
    sndNxt: 15000,
    maxSizeSent: 1500,
    maxSizeAcked: 576,
  })
  for (let i = 0; i < 10; i++) {
    const segment = `450005dc${hex16(i)}40003f060000${quad('192.0.2.1')}${quad(X)}13880050${(i * 1460).toString(16).padStart(8, '0')}`
    lan.give(tooBig(1400, segment))
  }
  expect(tcp.events).toEqual([{ kind: 'path-mtu', mtu: 1400 }])
})

test('an application may send above the estimate, whole and with DF, as much as the first link carries (RFC 4821 §9) [v4-pmtu-plp-probe-df]', () => {
  const lan = new Lan()
  lan.give(tooBig(1400, sent(lan, 1500)))
  expect(carries(lan, 1500)).toBe(false)
  const [probe] = lan.send(X, 1472, { probe: true })
  expect(read(probe!.subarray(14))).toMatchObject({ df: true, mf: false, offset: 0, length: 1500 })
  expect(lan.send(X, 1473, { probe: true })).toEqual([])
  expect(lan.last).toBe('too-big')
  // It changes nothing about the rest.
  expectEstimate(lan, 1400)
  // Also where DF is off for the others.
  const narrow = new Lan()
  narrow.give(tooBig(300, sent(narrow, 1500)))
  expect(read(narrow.send(X, 572, { probe: true })[0]!.subarray(14))).toMatchObject({ df: true, length: 600 })
})

test('a gateway uses what it learned for its own datagrams (RFC 1812 §4.2.3.3) [v4-pmtu-router-originated]', () => {
  const lan = new Lan({ role: 'gateway' })
  lan.give(tooBig(1400, sent(lan, 1500)))
  expectEstimate(lan, 1400)
})

test('messages about more destinations than there is room for: the table keeps its bound', () => {
  const lan = new Lan({ ip4: { ...route, pathMtu: { entries: 100 } } })
  for (let i = 0; i < 1000; i++) {
    const dst = `10.9.${i >> 8}.${i & 255}`
    lan.give(tooBig(1400, sent(lan, 1500, dst)))
    expectEstimate(lan, 1400, dst)
  }
  expect(lan.n.node.ip4.control.paths.size).toBe(100)
})
