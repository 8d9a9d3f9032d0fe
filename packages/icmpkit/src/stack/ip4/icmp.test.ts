import { describe, expect, test } from 'vitest'
import { port } from '../../../../../test/stack/one-node.ts'
import { datagram, echo, fragment, icmp, pattern, quad, read, udp } from '../../../../../test/stack/packet4.ts'
import { node, one, ROLES } from '../../../../../test/stack/two-ports4.ts'
import { hex } from '../../wire/octets.ts'

describe.each(ROLES)('a %s that is asked for an echo', (role) => {
  test('sends exactly one reply, from the address asked to who asked, its checksum right (RFC 1122 §3.2.2.6) [v4-echo-server] [v4-echo-reply-dest]', () => {
    // Both as scapy makes them, the identification of the reply apart.
    const n = node(role)
    const [answer, ...more] = n.give('45000027000100004001f6d1c0000202c00002010800a4360001000168692e2e7061796c6f6164')
    expect(more).toEqual([])
    expect(hex(answer!, 0, 4)).toBe('45000027')
    expect(hex(answer!, 12)).toBe('c0000201c00002020000ac360001000168692e2e7061796c6f6164')
    expect(read(answer!).protocol).toBe(1)
  })

  test('returns identifier and sequence number as they came (RFC 792) [v4-echo-id-seq-copied]', () => {
    for (const idSeq of ['00000000', 'ffffffff', 'a55a1234']) {
      const n = node(role)
      const request = echo({}, 8, idSeq)
      expect(hex(one(n.give(request)).word)).toBe(idSeq)
      // The short way too.
      expect(hex(one(n.give(request)).word)).toBe(idSeq)
    }
  })

  test('returns all data octets (RFC 1122 §3.2.2.6) [v4-echo-data-complete]', () => {
    for (const octets of [0, 1, 2, 56, 1472]) {
      const n = node(role)
      for (const _ of ['long way', 'short way'])
        expect(hex(one(n.give(echo({}, octets))).rest)).toBe(hex(pattern(octets)))
    }
  })

  test('answers from the address asked, whichever port it is on (RFC 1122 §3.2.2.6) [v4-echo-reply-source]', () => {
    const n = node(role, { echoBroadcast: true })
    for (const dst of ['192.0.2.1', '192.0.2.9', '198.51.100.1']) expect(one(n.give(echo({ dst }))).src).toBe(dst)
    expect(one(n.give(echo({ dst: '224.0.0.1' }), { link: 'multicast' })).src).toBe('192.0.2.1')
    const toTwo = { src: '198.51.100.7', dst: '224.0.0.1' }
    expect(one(n.give(echo(toTwo), { link: 'multicast', port: 2 })).src).toBe('198.51.100.1')
  })

  test('says nothing to broadcasts and groups, unless the switch is on: then one reply from a unicast address (RFC 1122 §3.2.2.6) [v4-echo-bcast-option]', () => {
    for (const dst of ['255.255.255.255', '192.0.2.255', '224.0.0.1']) {
      const off = node(role)
      expect(off.give(echo({ dst }), { link: 'broadcast' })).toEqual([])
      expect(off.node.counters.dropped.disabled).toBe(1)
      expect(one(node(role, { echoBroadcast: true }).give(echo({ dst }), { link: 'broadcast' })).src).toBe('192.0.2.1')
    }
  })

  test('copies the whole TOS octet, precedence and TOS bits (RFC 1812 §4.3.2.5) [v4-echo-tos]', () => {
    const n = node(role)
    for (const tos of [0, 0xb0, 0xb0, 0x10, 0xe0]) expect(one(n.give(echo({ tos }))).tos).toBe(tos)
  })

  test('copies a code that nobody has defined: ANSWERED, as Linux does (RFC 792) [v4-echo-code-nonzero]', () => {
    const n = node(role)
    for (const _ of ['long way', 'short way']) {
      const { type, code } = one(n.give(datagram({ protocol: 1 }, icmp(8, 1, '00010002'))))
      expect([type, code]).toEqual([0, 1])
    }
  })

  test('gives the reply a TTL of its own, whatever that of the request was (RFC 1812 §4.3.2.2) [v4-format-ttl-not-copied] [v4-te-local-ttl]', () => {
    const n = node(role)
    for (const ttl of [0, 0, 1, 3, 255]) expect(one(n.give(echo({ ttl }))).ttl).toBe(64)
  })

  test('begins with the TTL that it was told, never zero (RFC 1812 §4.2.2.9) [v4-format-ttl-originate]', () => {
    for (const ttl of [1, 64, 255]) {
      const n = node(role, { ttl })
      for (const _ of ['long way', 'short way']) expect(one(n.give(echo({}))).ttl).toBe(ttl)
      expect(one(n.give(udp({}))).ttl).toBe(ttl)
    }
    for (const ttl of [0, 256, -1, 1.5]) expect(() => node(role, { ttl })).toThrow(RangeError)
  })

  test('leaves out what the link added behind the datagram (RFC 791 §3.1) [v4-recv-length-from-ip]', () => {
    const eth = node(role, { arpProbe: { count: 0, announcements: 0 } }, [port(1, { addresses: ['192.0.2.1/24'] })])
    eth.give(`ffffffffffff020000000022080600010800060400010200000000 22c0000202000000000000c0000201`)
    const frame = new Uint8Array(60).fill(0xee)
    frame.set([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0x22, 8, 0])
    frame.set(echo({}), 14)
    for (const _ of ['long way', 'short way']) {
      const [reply] = eth.give(frame)
      const { length, rest } = read(reply!.subarray(14))
      expect([length, rest.length]).toEqual([28, 0])
      expect(hex(reply!, 42)).not.toContain('ee')
    }
  })

  test('does not count a request that is damaged: no octets out, one in the counter (RFC 1122 §3.2.2) [v4-format-checksum-verify]', () => {
    const n = node(role)
    n.give(echo({}, 8))
    const damaged = datagram({ protocol: 1 }, icmp(8, 0, '12340001', pattern(8), 0x0100))
    expect(n.give(damaged)).toEqual([])
    expect(n.node.counters.dropped['bad-checksum']).toBe(1)
    expect(n.give(echo({}, 8))).toHaveLength(1)
  })

  test('answers fragmented requests, in whatever order their fragments come (RFC 1122 §3.3.2) [v4-echo-fragmented-request]', () => {
    const whole = echo({ id: 77 }, 548)
    const parts = [fragment(whole, 0, 200), fragment(whole, 200, 400), fragment(whole, 400, 1000)]
    for (const order of ['012', '021', '102', '120', '201', '210']) {
      const n = node(role)
      const answers = [...order].flatMap((i) => n.give(parts[Number(i)]!))
      const { length, rest } = one(answers)
      expect(length).toBe(576)
      expect(hex(rest)).toBe(hex(pattern(548)))
    }
  })
})

describe('a reply with DF that is too big for the way back', () => {
  const request = echo({ df: true, src: '203.0.113.9' }, 1400, 'abcd0007')
  const tooBig = (reply: Uint8Array, octets = 64) =>
    datagram({ src: '192.0.2.254', protocol: 1 }, icmp(3, 4, '00000400', reply.subarray(0, octets)))

  test.each(['long way', 'short way'])(
    'on the %s is fragmented the next time, once a router has said so (RFC 1191 §3)',
    (way) => {
      const n = node('host')
      const [first] = n.give(request)
      const [reply] = way === 'long way' ? [first] : n.give(request)
      expect(read(reply!)).toMatchObject({ df: true, length: 1428 })
      n.give(tooBig(reply!))
      expect(n.node.counters.errorsReceived).toEqual({ 'v4 unreachable 4': 1 })
      const again = n.give(request)
      expect(again.map((b) => read(b).length <= 1024 && !read(b).df)).toEqual([true, true])
      expect(hex(join(again).subarray(8))).toBe(hex(pattern(1400)))
    },
  )

  test('is believed of no reply that was not sent, and of none that was forgotten (RFC 5927 §4)', () => {
    const n = node('host')
    const [reply] = n.give(request)
    const other = reply!.slice()
    other[27] = other[27]! ^ 1
    n.give(tooBig(other))
    n.give(tooBig(reply!, 27))
    for (let i = 0; i < 256; i++)
      n.give(echo({ df: true, src: '203.0.113.9' }, 1000, `abce00${i.toString(16).padStart(2, '0')}`))
    n.give(tooBig(reply!))
    expect(n.node.counters.errorsReceived).toEqual({})
    expect(n.give(request)).toHaveLength(1)
  })
})

/** The datagram whose fragments these are. */
function join(parts: Uint8Array[]): Uint8Array {
  const views = parts.map(read)
  const payload = new Uint8Array(views.reduce((sum, v) => sum + v.payload.length, 0))
  const seen = new Set<number>()
  for (const v of views) {
    payload.set(v.payload, v.offset)
    seen.add(v.id)
  }
  expect(seen.size).toBe(1)
  expect(views.filter((v) => !v.mf).map((v) => v.offset + v.payload.length)).toEqual([payload.length])
  return payload
}

test('the largest request there can be comes back in full, in fragments that the link takes (RFC 1122 §3.2.2.6) [v4-echo-data-complete]', () => {
  const n = node('host')
  const whole = echo({ id: 5 }, 65507)
  const answers: Uint8Array[] = []
  for (let at = 0; at < 65515; at += 1480) answers.push(...n.give(fragment(whole, at, at + 1480)))
  expect(answers).toHaveLength(45)
  for (const a of answers) expect(a.length).toBeLessThanOrEqual(1500)
  expect(hex(join(answers).subarray(8))).toBe(hex(pattern(65507)))
})

test('a gateway echoes requests as large as the largest MTU of its networks, whole and in fragments (RFC 1812 §4.3.3.6) [v4-echo-size-router]', () => {
  const ports = [
    port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] }),
    port(2, { medium: 'ip', mtu: 9000, addresses: ['198.51.100.1/24'] }),
  ]
  const n = node('gateway', {}, ports)
  const reply = one(n.give(echo({ src: '198.51.100.7', dst: '198.51.100.1' }, 8972), { port: 2 }))
  expect([reply.length, hex(reply.rest) === hex(pattern(8972))]).toEqual([9000, true])
  const whole = echo({}, 8972)
  const parts = [0, 1480, 2960, 4440, 5920, 7400, 8880].map((at) => fragment(whole, at, at + 1480))
  const answers = parts.flatMap((p) => n.give(p))
  expect(answers).toHaveLength(7)
  expect(hex(join(answers).subarray(8))).toBe(hex(pattern(8972)))
})

test('a gateway answers until somebody tells it not to, then says nothing (RFC 1812 §4.3.3.6) [v4-echo-ignore-option]', () => {
  expect(node('gateway').give(echo({}))).toHaveLength(1)
  const silent = node('gateway', { echo: false })
  expect(silent.give(echo({}))).toEqual([])
  expect(silent.node.counters.dropped.disabled).toBe(1)
})

test('a host that does not fragment cuts its reply to what goes in one piece (RFC 1122 §3.2.2.6) [v4-echo-truncate-no-frag]', () => {
  const n = node('host', { fragment: false }, [port(1, { medium: 'ip', mtu: 576, addresses: ['192.0.2.1/24'] })])
  const whole = echo({}, 1972)
  const answers = [0, 552, 1104, 1656].flatMap((at) => n.give(fragment(whole, at, at + 552)))
  const { length, rest, mf } = one(answers)
  expect([length, mf]).toEqual([576, false])
  expect(hex(rest)).toBe(hex(pattern(548)))
})

test.each(ROLES)(
  'a %s says nothing to types that are a name and no more (RFC 6918 §2) [v4-registry-raw-only]',
  (role) => {
    const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)
    const types = [6, ...range(19, 29), ...range(31, 39), 255]
    const n = node(role)
    for (const type of types)
      for (const octets of [0, 4, 40])
        expect(n.give(datagram({ protocol: 1 }, icmp(type, 0, '12340001', pattern(octets)))), `${type}`).toEqual([])
    expect(n.node.counters.dropped).toEqual({ 'unknown-type': 3 * types.length })
  },
)

test('ten thousand requests get ten thousand replies: echo has no limit (RFC 1812 §4.3.2.8) [v4-rate-echo]', () => {
  const n = node('host')
  let replies = 0
  for (let i = 0; i < 10_000; i++) replies += n.give(echo({ src: `192.0.2.${2 + (i % 5)}` }, 0)).length
  expect(replies).toBe(10_000)
})

test('a host with nothing to send sends no echo, though it has a default gateway (RFC 1122 §3.3.1.4) [v4-echo-no-continuous-gw-ping]', () => {
  const n = node('host')
  expect(n.run(3_600_000).filter((s) => s.bytes[0]! >> 4 === 4)).toEqual([])
})

describe('identification (RFC 6864 §4.3)', () => {
  test('a thousand replies that are fragmented have a thousand identifications [v4-format-ip-id-nonatomic]', () => {
    const n = node('host')
    const ids = new Set<number>()
    const whole = echo({ id: 9 }, 3972)
    for (let i = 0; i < 1000; i++) {
      const answers = [0, 1480, 2960].flatMap((at) => n.give(fragment(whole, at, at + 1480)))
      ids.add(read(answers[0]!).id)
    }
    expect(ids.size).toBe(1000)
  })

  test('so have replies to requests without DF, on the short way too; a reply to one with DF has DF itself', () => {
    const n = node('host')
    const ids = new Set<number>()
    for (let i = 0; i < 1000; i++) ids.add(one(n.give(echo({ id: 4 }))).id)
    expect(ids.size).toBe(1000)
    for (const _ of ['long way', 'short way']) expect(one(node('host').give(echo({ df: true }))).df).toBe(true)
  })
})

test('nothing that a node begins has the reserved flag or the lowest TOS bit, though what it is about had (RFC 1812 §4.2.2.3) [v4-format-ip-reserved-bits]', () => {
  const n = node('gateway')
  const begun = [
    ...n.give(echo({})),
    ...n.give(udp({ tos: 0x1f })),
    ...n.give(datagram({ protocol: 253, tos: 1 })),
    ...n.give(udp({ src: '198.51.100.7', dst: '203.0.113.9', ttl: 1, tos: 0xff }), { port: 2 }),
  ]
  expect(begun).toHaveLength(4)
  for (const bytes of begun) {
    const { reserved, tos } = read(bytes)
    expect([reserved, tos & 1]).toEqual([false, 0])
  }
})

test('whatever is asked, the answer comes from an address of the node (RFC 1122 §3.2.1.3) [v4-format-ip-source-own]', () => {
  for (const role of ROLES) {
    const n = node(role, { echoBroadcast: true })
    const all = [
      ...['192.0.2.1', '192.0.2.9', '198.51.100.1', '192.0.2.255', '224.0.0.1', '255.255.255.255'].flatMap((dst) =>
        n.give(echo({ dst }), { link: 'host' }),
      ),
      ...n.give(udp({})),
      ...n.give(datagram({ protocol: 253, dst: '192.0.2.9' })),
      ...n.give(datagram({ options: '0701ff00' })),
      ...n.give(udp({ src: '198.51.100.7', dst: '203.0.113.9', ttl: 1 }), { port: 2 }),
    ]
    expect(all.length).toBeGreaterThanOrEqual(9)
    for (const bytes of all) expect(['192.0.2.1', '192.0.2.9', '198.51.100.1']).toContain(read(bytes).src)
  }
})

describe.each(ROLES)('options of an echo request to a %s', (role) => {
  const NINE = `07270d${quad('203.0.113.1')}${quad('203.0.113.2')}${'00000000'.repeat(7)}`

  test('record route comes back in full length with this node behind the others (RFC 1122 §3.2.2.6) [v4-echo-rr-ts-update]', () => {
    // 9 slots; the pointer says that two are used.
    const request = echo({ options: `${NINE.replace('0d', '0c')}00` })
    const { options } = one(node(role).give(request))
    const own = quad('192.0.2.1')
    expect(hex(options)).toBe(`072710${quad('203.0.113.1')}${quad('203.0.113.2')}${own}${'00000000'.repeat(6)}00`)
  })

  test('a route with all slots used comes back as it is, and nothing is said of it (RFC 791 §3.1) [v4-echo-rr-ts-update]', () => {
    const full = `070b0c${quad('203.0.113.1')}${quad('203.0.113.2')}00`
    expect(hex(one(node(role).give(echo({ options: full }))).options)).toBe(full)
  })

  test('a timestamp comes back with the time at which this node saw it (RFC 1122 §3.2.2.6) [v4-echo-rr-ts-update]', () => {
    // 2026-01-01T00:00:10Z, 10 s of virtual time after the start: 10,000 ms after midnight.
    const withAddress = one(node(role).give(echo({ options: `440c0501${'00'.repeat(8)}` })))
    expect(hex(withAddress.options)).toBe(`440c0d01${quad('192.0.2.1')}00002710`)
    const timeOnly = one(node(role).give(echo({ options: `440c0900${'0000002a'}${'00'.repeat(4)}` })))
    expect(hex(timeOnly.options)).toBe('440c0d000000002a00002710')
    const forOthers = one(node(role).give(echo({ options: `440c0503${quad('203.0.113.1')}00000000` })))
    expect(hex(forOthers.options)).toBe(`440c0503${quad('203.0.113.1')}00000000`)
  })

  test('a source route that was followed is turned round (RFC 1122 §3.2.2.6) [v4-echo-source-route]', () => {
    const options = `830b0c${quad('203.0.113.1')}${quad('203.0.113.2')}00`
    const reply = one(node(role, { sourceRoutes: 'reject' }).give(echo({ src: '198.51.100.77', options })))
    expect(reply.dst).toBe('203.0.113.2')
    expect(hex(reply.options)).toBe(`830b04${quad('203.0.113.1')}${quad('198.51.100.77')}00`)
  })

  test('are left alone where nobody knows them: answered without them (RFC 1122 §3.2.1.8) [v4-recv-options-pass]', () => {
    for (const options of ['de040102', '01010101', '94040000', 'de02de02', '00ffffff']) {
      expect(one(node(role).give(echo({ options }))).options.length).toBe(0)
    }
  })

  test('whose length is wrong end in no loop and no reply (RFC 1122 §3.2.1.8) [v4-recv-options-pass]', () => {
    for (const options of ['de000000', 'de010000', 'deff0000', '010101de']) {
      const types = node(role)
        .give(echo({ options }))
        .map((b) => read(b).type)
      expect(types).toEqual([12])
    }
  })
})

test('by default a gateway lets no source route choose the way of its answer, a host does (RFC 7126 §4.3) [v4-echo-source-route]', () => {
  const request = echo({ src: '198.51.100.77', options: `83070 8${quad('203.0.113.1')}00`.replace(' ', '') })
  const reply = one(node('gateway').give(request))
  expect([reply.dst, reply.options.length]).toEqual(['198.51.100.77', 0])
  expect(one(node('host').give(request)).dst).toBe('203.0.113.1')
})

test('raw listeners get an ICMP message with all its options (RFC 1122 §3.2.1.8) [v4-recv-options-pass]', () => {
  const n = node('host')
  const heard: string[] = []
  n.node.transport.raw.add({
    message: (_, d) => void heard.push(hex(d.bytes, d.ip + 20, d.at)),
    owns: () => false,
  })
  n.give(echo({ options: '94040000de040102' }))
  expect(heard).toEqual(['94040000de040102'])
})
