import { describe, expect, test } from 'vitest'
import { ip4, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { datagram, icmp, read } from '../../../../../test/stack/packet4.ts'
import type { Instant } from '../../clock.ts'
import { hex, unhex } from '../../wire/octets.ts'
import type { NodeConfig } from '../index.ts'

/** As scapy makes it: identifier 1234, sequence 1, originate 1000. */
const REQUEST = '45000028000100004001f6d0c0000202c00002010d00dce212340001000003e80000000000000000'
const request = (f: Parameters<typeof datagram>[0] = {}, code = 0) =>
  datagram({ protocol: 1, ...f }, icmp(13, code, '12340001', '000003e80000000000000000'))
const node = (role: 'host' | 'gateway', more: Partial<NodeConfig> = {}) =>
  new OneNode({ role, ports: [port(1, { medium: 'ip', addresses: ['192.0.2.1/24', '192.0.2.5/24'] })], ...more })
const times = (bytes: Uint8Array) => {
  const { payload } = read(bytes)
  const at = (i: number) => new DataView(payload.buffer, payload.byteOffset).getUint32(i)
  return { originate: at(8), receive: at(12), transmit: at(16) }
}

describe.each(['host', 'gateway'] as const)('a %s that is asked for the time', (role) => {
  test('returns identifier, sequence and originate, and says when it was touched first and last (RFC 792) [v4-ts-reply-fields]', () => {
    const n = node(role)
    n.run(1003)
    const [reply] = n.give(REQUEST, { stamp: 1000 as Instant })
    // Octets of scapy: received at 1000 ms, sent at 1003.
    expect(hex(read(reply!).payload)).toBe('0e00d40f12340001000003e8000003e8000003eb')
    expect(read(reply!)).toMatchObject({ src: '192.0.2.1', dst: '192.0.2.2', protocol: 1 })
  })

  test('never says that it sent before it received, whatever the stamp is (RFC 792) [v4-ts-reply-fields]', () => {
    const n = node(role)
    n.run(1000)
    const { receive, transmit } = times(n.give(REQUEST, { stamp: 1007 as Instant })[0]!)
    expect(receive).toBeLessThanOrEqual(transmit)
  })

  test('answers each of a hundred valid requests (RFC 1812 §4.3.3.8) [v4-ts-reply-all]', () => {
    const n = node(role)
    let replies = 0
    for (let i = 0; i < 100; i++) {
      replies += n.give(request({ id: i })).filter((b) => read(b).type === 14).length
      n.run(1)
    }
    expect(replies).toBe(100)
  })

  test('counts milliseconds since midnight UT, from 0 to 86399999 (RFC 792) [v4-ts-units]', () => {
    const n = node(role)
    // Virtual time 0 is midnight of 2026-01-01.
    n.run(86_399_999)
    expect(times(n.give(REQUEST)[0]!)).toMatchObject({ receive: 86_399_999, transmit: 86_399_999 })
    n.run(1)
    expect(times(n.give(REQUEST)[0]!)).toMatchObject({ receive: 0, transmit: 0 })
    n.run(12 * 3_600_000)
    expect(times(n.give(REQUEST)[0]!)).toMatchObject({ receive: 43_200_000 })
  })

  test('says by the top bit that its clock is not UT, where it is told so (RFC 792) [v4-ts-nonstandard]', () => {
    const n = node(role, { ip4: { timestampClock: 'unsynchronised' } })
    n.run(1000)
    expect(times(n.give(REQUEST)[0]!)).toEqual({ originate: 1000, receive: 0x800003e8, transmit: 0x800003e8 })
  })

  test('tells a value that is another 62 ms later, as wall time goes (RFC 1812 §4.3.3.8) [v4-ts-rate] [v4-ts-accuracy]', () => {
    const n = node(role, { wall: (at) => 1767225600_000_000_000n + BigInt(Math.round(at * 1e6)) })
    let before = -1
    for (let i = 0; i < 100; i++) {
      const { transmit } = times(n.give(REQUEST)[0]!)
      expect(transmit).not.toBe(before)
      // What the wall clock shows, to the millisecond.
      expect(transmit).toBe(Math.floor(n.now))
      before = transmit
      n.run(62.5)
    }
  })

  test('takes the same time for each of a thousand requests (RFC 1812 §4.3.3.8) [v4-ts-delay]', () => {
    const n = node(role)
    const delays = new Set<number>()
    for (let i = 0; i < 1000; i++) {
      n.run(13.7)
      const { receive, transmit } = times(n.give(REQUEST)[0]!)
      delays.add(transmit - receive)
    }
    expect(Math.max(...delays) - Math.min(...delays)).toBeLessThanOrEqual(2)
  })

  test('answers from the address that it was asked at (RFC 1122 §3.2.2.8) [v4-ts-source]', () => {
    const n = node(role)
    for (const dst of ['192.0.2.1', '192.0.2.5']) {
      expect(n.give(request({ dst })).map((b) => [read(b).src, read(b).dst])).toEqual([[dst, '192.0.2.2']])
    }
  })

  test('returns record route and timestamp updated (RFC 1122 §3.2.2.8) [v4-ts-options]', () => {
    const n = node(role)
    // Record route of three slots, one taken by 198.51.100.7.
    const [recorded] = n.give(request({ options: '070f08c63364070000000000000000' + '00' }))
    expect(hex(read(recorded!).options)).toBe('070f0cc6336407c000020100000000' + '00')
    // Timestamps with addresses, two slots: ours is written, 1000 ms after midnight.
    n.run(1000)
    const [stamped] = n.give(request({ options: '44140501' + '00'.repeat(16) }))
    expect(hex(read(stamped!).options)).toBe('44140d01' + 'c0000201' + '000003e8' + '00'.repeat(8))
  })

  test('does not answer what went to many (RFC 1122 §3.2.2.8) [v4-ts-bcast]', () => {
    const n = node(role)
    for (const dst of ['255.255.255.255', '192.0.2.255', '224.0.0.1']) expect(n.give(request({ dst }))).toEqual([])
    expect(n.give(REQUEST, { link: 'broadcast' })).toEqual([])
    expect(n.give(REQUEST, { link: 'multicast' })).toEqual([])
  })

  test('does not answer where that is switched off, nor a code but 0 (RFC 1122 §3.2.2.8) [v4-ts-optional]', () => {
    const n = node(role, { ip4: { timestamp: false } })
    expect(n.give(REQUEST)).toEqual([])
    expect(n.node.counters.dropped.disabled).toBe(1)
    expect(node(role).give(request({}, 1))).toEqual([])
  })

  test('hands a timestamp reply to who listens for ICMP, with its three values (RFC 1122 §3.2.2.8) [v4-ts-reply-delivered]', () => {
    const n = node(role)
    const heard: string[] = []
    n.node.transport.raw.add({
      message: (_now, d) => heard.push(hex(d.bytes, d.at, d.end)),
      owns: () => false,
    })
    const reply = '0e00d40f12340001000003e8000003e8000003eb'
    expect(n.give(datagram({ protocol: 1 }, unhex(reply)))).toEqual([])
    expect(heard).toEqual([reply])
  })
})

test('a host turns the source route of a request round in its answer (RFC 1122 §3.2.2.8) [v4-ts-options]', () => {
  const n = node('host')
  // Loose source route, all used: it came by 192.0.2.33 and then 192.0.2.44.
  const [reply] = n.give(request({ options: '830b0c' + 'c0000221' + 'c000022c' + '00' }))
  expect(read(reply!).dst).toBe('192.0.2.44')
  expect(hex(read(reply!).options)).toBe('830b04' + 'c0000221' + 'c0000202' + '00')
})

test('information requests are obsolete: nobody answers or sends them (RFC 6918 §2.2) [v4-mask-info-obsolete]', () => {
  for (const role of ['host', 'gateway'] as const) {
    const n = node(role, { ip4: { addressMask: { agent: true }, routerAdvertisements: { advertise: false } } })
    expect(n.give(datagram({ protocol: 1 }, icmp(15, 0, '00010001')))).toEqual([])
    expect(
      n.give(datagram({ protocol: 1, src: '0.0.0.0', dst: '255.255.255.255' }, icmp(15, 0, '00010001')), {
        link: 'broadcast',
      }),
    ).toEqual([])
    expect(n.run(3_600_000)).toEqual([])
    expect(n.node.ip4.isMine(ip4('192.0.2.1'))).toBe(true)
  }
})
