import { describe, expect, test } from 'vitest'
import { echo, icmp, octets, packet, pattern, told, zeros } from '../../../../../test/stack/octets6.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { hex } from '../../wire/octets.ts'

const ME = '2001:db8::1'
const PEER = '2001:db8::2'
const MAC = '020000000001'
const PEER_MAC = '020000000099'

/** A node with two global addresses and a link-local one on a point-to-point link. */
function node(role: 'host' | 'gateway' = 'host'): OneNode {
  const n = new OneNode({
    role,
    ports: [port(1, { medium: 'ip', addresses: ['2001:db8::1/64', '2001:db8::5/64', 'fe80::1/64'] })],
  })
  n.run(10_000)
  n.taken()
  return n
}

/** A node on Ethernet that knows where its peer is. */
function onEthernet(): OneNode {
  const mac = Uint8Array.from(octets(PEER_MAC))
  const n = new OneNode({
    ports: [port(1, { addresses: ['2001:db8::1/64'] })],
    ip6: {
      dadTransmits: 0,
      staticNeighbours: [
        { port: 1, address: ip6('2001:db8::2'), mac },
        { port: 1, address: ip6('fe80::99'), mac },
      ],
    },
  })
  n.run(10_000)
  n.taken()
  return n
}

function frame(to: string, ip: Uint8Array, padding = 0): Uint8Array {
  return Uint8Array.from([...octets(to, PEER_MAC, '86dd'), ...ip, ...zeros(padding)])
}

describe('echo', () => {
  test('a request is answered as scapy would answer it (RFC 4443 §4.2)', () => {
    const n = node()
    // IPv6(src='2001:db8::2', dst='2001:db8::1')/ICMPv6EchoRequest(id=0x1234, seq=7, data=b'hello'), and its reply.
    const request =
      '60000000000d3a4020010db800000000000000000000000220010db8000000000000000000000001' + '8000ce351234000768656c6c6f'
    const reply =
      '60000000000d3a4020010db800000000000000000000000120010db8000000000000000000000002' + '8100cd351234000768656c6c6f'
    expect(n.give(request).map((b) => hex(b))).toEqual([reply])
    // The second time it goes the short way, in place.
    expect(n.give(request).map((b) => hex(b))).toEqual([reply])
    expect(n.node.counters.answered).toBe(2)
  })

  test('link-local and global addresses answer, each from itself (RFC 4443 §4.1, §4.2) [v6-echo-responder] [v6-echo-src-unicast]', () => {
    const n = node()
    for (const [src, dst] of [
      [PEER, ME],
      [PEER, '2001:db8::5'],
      ['fe80::2', 'fe80::1'],
    ] as const) {
      for (let twice = 0; twice < 2; twice++) {
        const [a, ...more] = n.give(packet({ src, dst }, 58, echo({ src, dst })))
        expect(told(a!)).toMatchObject({ src: dst, dst: src, type: 129, code: 0, sound: true })
        expect(more).toEqual([])
      }
    }
  })

  test('identifier and sequence come back, zero and all ones too (RFC 4443 §4.2) [v6-echo-id-seq]', () => {
    const n = node()
    const o = { src: PEER, dst: ME }
    for (const word of ['00000000', 'ffffffff', '00010000', '0000ffff']) {
      for (let twice = 0; twice < 2; twice++) {
        expect(told(n.give(packet(o, 58, echo(o, 'aa', word)))[0]!).word).toBe(Number.parseInt(word, 16))
      }
    }
  })

  test('every octet of the data comes back, from none to a full packet, odd lengths too (RFC 4443 §4.2, §2.3) [v6-echo-data] [v6-format-checksum-odd]', () => {
    const n = node()
    const o = { src: PEER, dst: ME }
    for (const octetCount of [0, 1, 3, 1231, 1232, 1233, 1452]) {
      const data = pattern(octetCount)
      for (let twice = 0; twice < 2; twice++) {
        const [a] = n.give(packet(o, 58, echo(o, data)))
        expect(told(a!)).toMatchObject({ rest: data, length: 48 + octetCount, sound: true })
      }
    }
  })

  test('a request that came in fragments is answered in fragments, none of them above the path MTU, nothing lost (RFC 4443 §4.2) [v6-echo-large-reply]', () => {
    const n = new OneNode({ ports: [port(1, { medium: 'ip', mtu: 1280, addresses: ['2001:db8::1/64'] })] })
    n.run(10_000)
    const o = { src: PEER, dst: ME }
    const data = pattern(1452)
    const message = echo(o, data)
    expect(n.give(packet(o, 44, [58, 0, 0, 1, 0, 0, 0, 9], message.slice(0, 1232)))).toEqual([])
    const out = n.give(packet(o, 44, [58, 0, 1232 >> 8, 1232 & 0xff, 0, 0, 0, 9], message.slice(1232)))
    expect(out.length).toBe(2)
    const whole = out.flatMap((b) => [...b.slice(48)])
    for (const b of out) {
      expect(b.length).toBeLessThanOrEqual(1280)
      expect(b[6]).toBe(44)
    }
    expect(whole.slice(0, 2)).toEqual([129, 0])
    expect(whole.slice(4, 8)).toEqual(message.slice(4, 8))
    expect(whole.slice(8)).toEqual(data)
    // Offset 0 and more to come; then where the first one ended, and no more; one identification.
    expect((out[0]![42]! << 8) | out[0]![43]!).toBe(1)
    expect((out[1]![42]! << 8) | out[1]![43]!).toBe(out[0]!.length - 48)
    expect(hex(out[0]!.slice(44, 48))).toBe(hex(out[1]!.slice(44, 48)))
  })

  test('a request to all nodes is answered from a unicast address of the port, unless that is switched off (RFC 4443 §4.2) [v6-echo-mcast]', () => {
    const n = onEthernet()
    const o = { src: 'fe80::99', dst: 'ff02::1' }
    const ask = frame('333300000001', packet(o, 58, echo(o)))
    const [a, ...more] = n.give(ask, { link: 'multicast' })
    expect(hex(a!.slice(0, 12))).toBe(PEER_MAC + MAC)
    expect(told(a!.slice(14))).toMatchObject({ src: 'fe80::ff:fe00:1', dst: 'fe80::99', type: 129, sound: true })
    expect(more).toEqual([])
    const quiet = new OneNode({
      ports: [port(1, { medium: 'ip', addresses: ['fe80::1/64'] })],
      ip6: { echoMulticast: false },
    })
    quiet.run(10_000)
    expect(quiet.give(packet(o, 58, echo(o)), { link: 'multicast' })).toEqual([])
    expect(quiet.node.counters.dropped.disabled).toBe(1)
  })

  test('all routers are a gateway, no host (RFC 4443 §4.2) [v6-echo-mcast-router]', () => {
    const o = { src: 'fe80::2', dst: 'ff02::2' }
    const ask = packet(o, 58, echo(o))
    const [a] = node('gateway').give(ask, { link: 'multicast' })
    expect(told(a!)).toMatchObject({ src: 'fe80::1', dst: 'fe80::2', type: 129 })
    const host = node('host')
    expect(host.give(ask, { link: 'multicast' })).toEqual([])
    expect(host.node.counters.dropped['not-mine']).toBe(1)
  })

  test('the subnet-router anycast address answers, from an address that is the router’s alone (RFC 4291 §2.6.1)', () => {
    const o = { src: PEER, dst: '2001:db8::' }
    const [a] = node('gateway').give(packet(o, 58, echo(o)))
    expect(told(a!)).toMatchObject({ src: ME, dst: PEER, type: 129 })
    expect(node('host').give(packet(o, 58, echo(o)))).toEqual([])
  })

  test(':: and ::1 are nobody on a link, and nothing to them is forwarded (RFC 4291 §2.5.2, §2.5.3) [v6-echo-dst-unspec] [v6-echo-dst-loopback]', () => {
    for (const role of ['host', 'gateway'] as const) {
      const n = node(role)
      for (const dst of ['::', '::1']) {
        const o = { src: PEER, dst }
        expect(n.give(packet(o, 58, echo(o)))).toEqual([])
      }
      expect(n.node.counters.dropped['martian-destination']).toBe(2)
      expect(n.node.counters.forwarded).toBe(0)
    }
  })

  test('nobody answers to ::, to ::1 or to a group (RFC 4291 §2.5.2, §2.7) [v6-echo-bad-source]', () => {
    const n = node()
    for (const src of ['::', '::1', 'ff02::5', 'ff0e::1']) {
      const o = { src, dst: ME }
      expect(n.give(packet(o, 58, echo(o)))).toEqual([])
    }
    expect(n.node.counters.answered).toBe(0)
    expect(n.node.counters.dropped).toEqual({ 'martian-source': 3, 'bad-source': 1 })
  })

  test('a group of interface scope, or of the reserved one, was never on a link (RFC 4291 §2.7)', () => {
    for (const role of ['host', 'gateway'] as const) {
      const n = node(role)
      for (const dst of ['ff01::1', 'ff00::1', 'ff11::2']) {
        const o = { src: PEER, dst }
        expect(n.give(packet(o, 58, echo(o)), { link: 'multicast' })).toEqual([])
      }
      expect(n.node.counters.dropped).toEqual({ 'martian-destination': 3 })
    }
  })

  test('raw listeners see the request, and the peer gets its one reply all the same (RFC 4443 §4.1) [v6-echo-pass-request]', () => {
    const n = node()
    const seen: string[] = []
    n.node.transport.raw.add({
      message: (_now, d) => void seen.push(hex(d.bytes, d.at, d.end)),
      owns: () => false,
    })
    const o = { src: PEER, dst: ME }
    const request = echo(o, 'c0ffee')
    expect(n.give(packet(o, 58, request)).map((b) => told(b).type)).toEqual([129])
    expect(seen).toEqual([hex(Uint8Array.from(request))])
  })

  test('a node asks with code 0 and hears the reply (RFC 4443 §4.1) [v6-echo-api]', () => {
    const n = node()
    const heard: number[] = []
    n.node.transport.raw.add({ message: (_now, d) => void heard.push(d.bytes[d.at]!), owns: () => false })
    const now = n.now as never
    const asked = n.node.ip6.sendMessage(
      now,
      { dst: ip6(PEER) },
      { kind: 'echoRequest', code: 0, id: 7, seq: 1, data: Uint8Array.of(1, 2, 3) },
    )
    expect(asked).toBe('sent')
    const [q] = n.collect()
    expect(told(q!)).toMatchObject({
      src: ME,
      dst: PEER,
      type: 128,
      code: 0,
      word: 0x00070001,
      rest: [1, 2, 3],
      sound: true,
    })
    const back = { src: PEER, dst: ME }
    n.give(packet(back, 58, icmp(back, '8100000000070001010203')))
    expect(heard).toEqual([129])
  })

  test('padding of the link is no part of the message, and what is promised but not there is no message (RFC 8200 §3) [v6-format-payload-bound]', () => {
    const n = onEthernet()
    const o = { src: PEER, dst: ME }
    for (let twice = 0; twice < 2; twice++) {
      const [a] = n.give(frame(MAC, packet(o, 58, echo(o, 'ab')), 6))
      expect(a!.length).toBe(14 + 40 + 9)
      expect(told(a!.slice(14))).toMatchObject({ rest: [0xab], sound: true })
    }
    const message = echo(o, 'ab')
    expect(n.give(frame(MAC, packet({ ...o, length: message.length + 8 }, 58, message)))).toEqual([])
    expect(n.node.counters.malformed.truncated).toBe(1)
  })

  test('a message shorter than its fixed part is dropped, whatever its checksum (RFC 4443 §2.1) [v6-format-layout]', () => {
    const n = node()
    const o = { src: PEER, dst: ME }
    for (const type of ['80', '01', '02', '03', '04', '81']) {
      for (let length = 4; length < 8; length++) {
        expect(n.give(packet(o, 58, icmp(o, type, zeros(length - 1))))).toEqual([])
      }
    }
    for (let length = 0; length < 4; length++) expect(n.give(packet(o, 58, zeros(length)))).toEqual([])
    expect(n.give(packet(o, 58, icmp(o, '80', zeros(7)))).length).toBe(1)
  })

  test('next header 58 is ICMPv6, next header 1 is none of it (RFC 4443 §2.1) [v6-format-nexthdr]', () => {
    const n = node()
    const o = { src: PEER, dst: ME }
    expect(told(n.give(packet(o, 58, echo(o)))[0]!).type).toBe(129)
    expect(told(n.give(packet(o, 1, echo(o)))[0]!)).toMatchObject({ type: 4, code: 1, word: 6 })
  })

  test('a message whose checksum is wrong by one bit changes nothing and answers nothing, whatever its type (RFC 4443 §2.3) [v6-format-checksum-verify]', () => {
    const n = node()
    const o = { src: 'fe80::2', dst: 'fe80::1', hop: 255 }
    const types = [1, 2, 3, 4, 128, 129, 133, 134, 135, 136, 137, 143, 160]
    for (const type of types) {
      const message = icmp(o, [type, 0, 0, 0], zeros(60))
      message[2]! ^= 1
      expect(n.give(packet(o, 58, message))).toEqual([])
    }
    expect(n.node.counters.dropped['bad-checksum']).toBe(types.length)
    expect(n.events.filter((e) => e.kind !== 'address-ready')).toEqual([])
  })

  test('a reply whose checksum is zero is sent with zero (RFC 4443 §2.3) [v6-format-checksum-zero]', () => {
    const n = node()
    const o = { src: PEER, dst: ME }
    // Of the reply with id 0, seq 0 and this word of data all ones' sums are known: pick the word that makes it zero.
    const base = icmp(o, '81000000 00000000 0000')
    const missing = (base[2]! << 8) | base[3]!
    const request = echo(o, [missing >> 8, missing & 0xff], '00000000')
    for (let twice = 0; twice < 2; twice++) {
      const [a] = n.give(packet(o, 58, request))
      expect(hex(a!.slice(40, 44))).toBe('81000000')
      expect(told(a!).sound).toBe(true)
    }
  })

  test('the checksum speaks of the upper layer alone: without the extension headers, and of the address in the header where no segment is left (RFC 8200 §8.1) [v6-format-checksum-length] [v6-format-checksum-rh]', () => {
    const n = node()
    const o = { src: PEER, dst: ME }
    const message = echo(o)
    expect(n.give(packet(o, 60, '3a00010400000000', message)).length).toBe(1)
    const wrong = [...message]
    // Eight octets more in the pseudo-header's length.
    const checksum = (((wrong[2]! << 8) | wrong[3]!) - 8) & 0xffff
    wrong[2] = checksum >> 8
    wrong[3] = checksum & 0xff
    expect(n.give(packet(o, 60, '3a00010400000000', wrong))).toEqual([])
    expect(n.node.counters.dropped['bad-checksum']).toBe(1)
    const routing = octets('3a020000 00000000', 'fd00000000000000 00000000000000aa')
    expect(n.give(packet(o, 43, routing, message)).length).toBe(1)
  })

  test('the short way is not taken where the route back is another port, or the source speaks with another MAC (RFC 4861 §7.2)', () => {
    const mac = Uint8Array.from(octets(PEER_MAC))
    const n = new OneNode({
      role: 'gateway',
      ports: [port(1, { addresses: ['2001:db8::1/64'] }), port(2, { medium: 'ip', addresses: ['2001:db8:2::1/64'] })],
      ip6: { dadTransmits: 0, staticNeighbours: [{ port: 1, address: ip6(PEER), mac }] },
    })
    n.run(10_000)
    n.taken()
    const far = { src: '2001:db8:2::9', dst: ME }
    for (let twice = 0; twice < 3; twice++) {
      n.give(frame(MAC, packet(far, 58, echo(far))))
      expect(n.taken().map((s) => [s.port, told(s.bytes).type])).toEqual([[2, 129]])
    }
    // The same where the question came by a point-to-point link.
    const lines = new OneNode({
      role: 'gateway',
      ports: [1, 2].map((i) => port(i, { medium: 'ip', addresses: [`2001:db8:${i}::1/64`] })),
    })
    lines.run(10_000)
    lines.taken()
    const crossed = { src: '2001:db8:2::9', dst: '2001:db8:1::1' }
    for (let twice = 0; twice < 3; twice++) {
      lines.give(packet(crossed, 58, echo(crossed)))
      expect(lines.taken().map((s) => [s.port, told(s.bytes).type])).toEqual([[2, 129]])
    }
    // A frame from somebody else with the peer's address: the reply goes where the peer is.
    const near = { src: PEER, dst: ME }
    const forged = Uint8Array.from([...octets(MAC, '02000000dead', '86dd'), ...packet(near, 58, echo(near))])
    for (let twice = 0; twice < 3; twice++) {
      const [a] = n.give(forged)
      expect(hex(a!.slice(0, 6))).toBe(PEER_MAC)
    }
  })

  test('traffic class comes back, the flow label does not (RFC 8200 §3, RFC 6437 §2)', () => {
    const n = node()
    const o = { src: PEER, dst: ME, class: '2012345' }
    for (let twice = 0; twice < 2; twice++) {
      const [a] = n.give(packet(o, 58, echo(o)))
      expect(hex(a!.slice(0, 4))).toBe('62000000')
    }
  })

  test('the hop limit of a packet for this node is no reason to refuse it (RFC 8200 §3) [v6-te-endnode-hl0]', () => {
    const n = node()
    const o = { src: PEER, dst: ME, hop: 0 }
    for (let twice = 0; twice < 2; twice++) {
      expect(told(n.give(packet(o, 58, echo(o)))[0]!)).toMatchObject({ type: 129, hop: 64 })
    }
  })
})
