import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ip4, ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import { hex, unhex } from '../../wire/octets.ts'
import type { ConnectionConfig } from './tcp-table.ts'
import type { Delivery, HeardError, Protocol } from './transport.ts'

/** Made by scapy: transport-packets.py. */
const P = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../../../../test/stack/transport-packets.json'), 'utf8'),
) as Packets
interface Packets {
  [name: string]: unknown
  du: string[]
  tcp: Record<string, string>
  tcpptb: Record<string, string>
  v6: Record<string, string> & {
    du: string[]
    te: string[]
    pp: string[]
    unk: string[]
    short: string[]
    echo: string[]
  }
  echoreply: string[]
}
const p = (name: string): string => P[name] as string
const v6 = (name: string): string => P.v6[name] as string

const NOW = 0 as Instant
const ME = ip4('192.0.2.1')
const PEER = ip4('198.51.100.9')
const ROUTER = ip4('203.0.113.7')
const PEER6 = ip6('2001:db8:9::9')

/** A node with 192.0.2.1 and 2001:db8::1 on a point-to-point link, with a default route by it. */
function node(role: 'host' | 'gateway' = 'host'): OneNode {
  const any = { prefixLength: 0, kind: 'unicast', nextHop: undefined, port: 1 } as const
  const n = new OneNode({
    role,
    ports: [port(1, { medium: 'ip', addresses: ['192.0.2.1/24', '2001:db8::1/64'] })],
    ip4: { routes: [{ prefix: ip4('0.0.0.0'), ...any }] },
    ip6: { routes: [{ prefix: ip6('::'), ...any }] },
  })
  n.run(20_000)
  n.taken()
  return n
}

/** A UDP socket that has sent "hi" from port 5000 to the peer's port 53. */
function sender(n: OneNode, family: 4 | 6 = 4) {
  const socket = n.node.transport.udp.bind({ family, port: 5000 })
  expect(socket.send(n.now as Instant, unhex('6869'), { address: family === 4 ? PEER : PEER6, port: 53 })).toBe('sent')
  return socket
}

describe('UDP', () => {
  test("a datagram of which a part is lost is nobody's and nothing is said of it, where no checksum tells (RFC 768)", () => {
    const n = node()
    expect(n.give('4500001c000100004011f628c00002a6c00002011388829b000c0000')).toEqual([])
    expect(n.node.counters.malformed).toEqual({ truncated: 1 })
    expect(n.give('45000020000100004011f624c00002a6c00002011388829b000c000061626364')).toHaveLength(1)
  })

  test('a datagram leaves with the ports, length and checksum of RFC 768', () => {
    const n = node()
    sender(n)
    const [datagram] = n.collect()
    expect(hex(datagram!.subarray(20))).toBe(p('sentudp'))
    expect(hex(datagram!.subarray(12, 20))).toBe('c0000201c6336409')
  })

  test('a datagram for a bound port waits in the socket, with who sent it', () => {
    const n = node()
    const socket = n.node.transport.udp.bind({ family: 4, port: 5000 })
    expect(n.give(p('udpin'))).toEqual([])
    expect(socket.receive()).toEqual({ data: unhex('796f'), from: PEER, fromPort: 53, to: ME, port: 1 })
    expect(socket.receive()).toBeUndefined()
  })

  test('a wrong checksum is dropped, none at all is fine over IPv4 and not over IPv6 (RFC 768, RFC 8200 §8.1)', () => {
    const n = node()
    const socket = n.node.transport.udp.bind({ family: 4, port: 5000 })
    const socket6 = n.node.transport.udp.bind({ family: 6, port: 5000 })
    n.give(p('udpbad'))
    n.give(v6('udpzero'))
    expect(n.node.counters.dropped['bad-checksum']).toBe(2)
    expect([socket.receive(), socket6.receive()]).toEqual([undefined, undefined])
    n.give(p('udpzero'))
    n.give(v6('udpin'))
    expect(socket.receive()?.data).toEqual(unhex('796f'))
    expect(socket6.receive()?.from).toBe(PEER6)
  })

  test('a connected socket takes datagrams of its peer only', () => {
    const n = node()
    const socket = n.node.transport.udp.bind({ family: 4, port: 5000 })
    socket.connect(PEER, 53)
    n.give(p('udpother'))
    expect(socket.receive()).toBeUndefined()
    n.give(p('udpin'))
    expect(socket.receive()?.from).toBe(PEER)
  })

  test('a port is bound once; a closed one is free again, and nobody listens there', () => {
    const { udp } = node().node.transport
    const socket = udp.bind({ family: 4, port: 5000 })
    expect(() => udp.bind({ family: 4, port: 5000 })).toThrow(RangeError)
    expect(udp.bind({ family: 6, port: 5000 }).port).toBe(5000)
    socket.close()
    expect(udp.bind({ family: 4, port: 5000 }).port).toBe(5000)
  })

  test('a socket that nobody reads keeps its bound of datagrams and of errors', () => {
    const n = node()
    const socket = n.node.transport.udp.bind({ family: 4, port: 5000, queue: 3 })
    socket.send(NOW, unhex('6869'), { address: PEER, port: 53 })
    for (let i = 0; i < 100; i++) {
      n.give(p('udpin'))
      n.give(P.du[3]!)
    }
    let datagrams = 0
    while (socket.receive() !== undefined) datagrams++
    let errors = 0
    while (socket.error() !== undefined) errors++
    expect([datagrams, errors]).toEqual([3, 3])
    expect(n.node.counters.dropped['receive-queue-full']).toBe(97)
  })

  test('an unconnected socket remembers a bounded number of destinations', () => {
    const n = node()
    const socket = sender(n)
    for (let i = 0; i < 1000; i++) socket.send(NOW, unhex('00'), { address: PEER, port: 1000 + i })
    n.give(P.du[3]!)
    expect(socket.error()).toBeUndefined()
    expect(n.node.counters.dropped['not-in-flight']).toBe(1)
  })
})

describe('an ICMPv4 error', () => {
  test('of each unreachable code reaches the UDP socket that sent what it quotes (RFC 1122 §3.2.2.1, §4.1.3.3) [v4-recv-du-pass] [v4-recv-udp-pass]', () => {
    const n = node()
    const socket = sender(n)
    n.collect()
    for (const [code, packet] of P.du.entries()) {
      expect(n.give(packet)).toEqual([])
      expect(socket.error()).toMatchObject({ origin: 'icmp', type: 3, code, from: ROUTER, to: PEER, toPort: 53 })
    }
    n.give(p('du4'))
    expect(socket.error()).toMatchObject({ code: 4, mtu: 1280, severity: 'size' })
    n.give(p('te'))
    expect(socket.error()).toMatchObject({ type: 11, code: 0, severity: 'soft' })
    n.give(p('pp'))
    expect(socket.error()).toMatchObject({ type: 12, code: 0, pointer: 8 })
    n.give(p('sq'))
    expect(socket.error()).toBeUndefined()
  })

  test('comes with the quoted header and all quoted octets (RFC 1122 §3.4) [v4-recv-pass-whole]', () => {
    const n = node()
    const socket = sender(n)
    n.give(P.du[1]!)
    // The packet: 20 octets of IP, 8 of ICMP, then the quote.
    expect(hex(socket.error()!.quote)).toBe(P.du[1]!.slice(56))
  })

  test('is given to the protocol that the quote names, and to no other (RFC 1122 §3.2.2) [v4-recv-demux-proto]', () => {
    const n = node()
    const heard: string[] = []
    const listen = (name: string): Protocol => ({
      deliver: () => 'taken',
      heard: () => heard.push(name) > 0,
      failed: () => {},
    })
    n.node.transport.register(132, listen('sctp'))
    n.node.transport.register(17, listen('udp'))
    n.node.transport.register(6, listen('tcp'))
    n.node.transport.register(1, listen('icmp'))
    n.give(p('sctp'))
    n.give(P.du[3]!)
    n.give(p('tcp2'))
    n.give(p('icmpq'))
    expect(heard).toEqual(['sctp', 'udp', 'tcp', 'icmp'])
  })

  test('whose quote has a foreign source is dropped, whoever sends the right one is believed (RFC 5927 §4.3) [v4-recv-quoted-source]', () => {
    const n = node()
    const socket = sender(n)
    n.give(p('foreign'))
    expect(socket.error()).toBeUndefined()
    expect(n.node.counters.dropped.unsolicited).toBe(1)
    n.give(P.du[3]!)
    expect(socket.error()?.from).toBe(ROUTER)
  })

  test('about a datagram that the socket never sent is not told (RFC 8085 §5.2) [v4-recv-udp-validate]', () => {
    const n = node()
    const socket = sender(n)
    n.give(p('otherPort'))
    n.give(p('otherPeer'))
    n.give(p('frag'))
    expect(socket.error()).toBeUndefined()
    expect(n.node.counters.dropped['not-in-flight']).toBe(3)
  })

  test('that says host unreachable does not stop the next datagram, nor change its gateway (RFC 1122 §3.2.2.1) [v4-recv-du-hint] [v4-recv-du-not-dead-gw]', () => {
    const n = node()
    const socket = sender(n)
    n.collect()
    for (const code of [0, 1, 5]) n.give(P.du[code]!)
    expect(socket.send(NOW, unhex('6869'), { address: PEER, port: 53 })).toBe('sent')
    const [again] = n.collect()
    expect(hex(again!.subarray(20))).toBe(p('sentudp'))
  })
})

describe('TCP, by a table of connections', () => {
  test('a segment for a group or a broadcast is not answered, not by a reset either (RFC 9293 §3.9.2.3, RFC 1122 §4.2.3.10)', () => {
    const n = node()
    const forMany = [
      '600000000014064020010db8000000000000000000000009ff0200000000000000000000000000010fa0005100000064000000005002200052c80000',
      '45000028000100004006f5c6c0000209c00002ff0fa00051000000640000000050022000fa840000',
      '45000028000100004006d8c4c0000209e00000010fa00051000000640000000050022000dd820000',
    ]
    for (const segment of forMany) expect(n.give(segment)).toEqual([])
    expect(n.node.counters.dropped).toMatchObject({ 'no-listener': 3 })
    const one =
      '600000000014064020010db800000000000000000000000920010db80000000000000000000000010fa0005100000064000000005002200024120000'
    expect(n.give(one)).toHaveLength(1)
  })

  const CONNECTION: ConnectionConfig = {
    family: 4,
    local: ME,
    localPort: 6000,
    remote: PEER,
    remotePort: 80,
    state: 'synchronised',
    sndUna: 1000,
    sndNxt: 2000,
    maxSizeSent: 1500,
    maxSizeAcked: 576,
  }
  const kinds = (c: { events: { kind: string }[] }) => c.events.splice(0).map((e) => e.kind)

  test('codes 0, 1, 5, time exceeded and parameter problem are soft: the connection lives and is told (RFC 9293 §3.9.2.2) [v4-recv-tcp-soft]', () => {
    const n = node()
    const c = n.node.transport.tcp.add({ ...CONNECTION, state: 'syn-sent' })
    for (const which of ['3/0', '3/1', '3/5', '11/0', '12/0']) n.give(P.tcp[`${which}/1000`]!)
    expect(kinds(c)).toEqual(['soft', 'soft', 'soft', 'soft', 'soft'])
    expect(c.state).toBe('syn-sent')
  })

  test('codes 2 and 3 end a connection in SYN-SENT, as a reset would (RFC 9293 §3.9.2.2, RFC 1122 §3.2.2.1) [v4-recv-tcp-hard] [v4-recv-port-for-tcp]', () => {
    for (const code of [2, 3]) {
      const n = node()
      const c = n.node.transport.tcp.add({ ...CONNECTION, state: 'syn-sent' })
      n.give(P.tcp[`3/${code}/1000`]!)
      expect(kinds(c)).toEqual(['abort'])
      expect(c.state).toBe('aborted')
    }
  })

  test('codes 2 and 3 are soft for a synchronised connection (RFC 5927 §5.2) [v4-recv-tcp-sync-soft]', () => {
    const n = node()
    const c = n.node.transport.tcp.add(CONNECTION)
    n.give(P.tcp['3/2/1000']!)
    n.give(P.tcp['3/3/1000']!)
    expect(kinds(c)).toEqual(['soft', 'soft'])
    expect(c.state).toBe('synchronised')
  })

  test('a quoted sequence number counts from SND.UNA up to, not including, SND.NXT (RFC 5927 §4.1) [v4-recv-tcp-seq]', () => {
    const n = node()
    const c = n.node.transport.tcp.add(CONNECTION)
    n.give(P.tcp['3/1/999']!)
    n.give(P.tcp['3/1/2000']!)
    expect(kinds(c)).toEqual([])
    expect(n.node.counters.dropped['out-of-window']).toBe(2)
    n.give(P.tcp['3/1/1000']!)
    n.give(P.tcp['3/1/1999']!)
    expect(kinds(c)).toEqual(['soft', 'soft'])
  })

  test('an error concerns the connection with the quoted addresses and ports, and no other of the peer (RFC 9293 §3.9.2.2, RFC 5927 §5.2) [v4-recv-tcp-act] [v4-recv-tcp-no-spread]', () => {
    const n = node()
    const { tcp } = n.node.transport
    const one = tcp.add({ ...CONNECTION, state: 'syn-sent' })
    const other = tcp.add({ ...CONNECTION, localPort: 6001, state: 'syn-sent' })
    n.give(p('tcp2'))
    expect([kinds(one), kinds(other)]).toEqual([[], ['abort']])
  })

  test('a path MTU above what was sent is a lie, above what was acknowledged believed, below it believed after a time-out (RFC 5927 §7.2) [v4-recv-tcp-ptb-bounds]', () => {
    const n = node()
    const believed: number[] = []
    const c = n.node.transport.tcp.add(CONNECTION, (_, e) => believed.push(e.mtu))
    n.give(P.tcpptb['1600']!)
    expect(c.events).toEqual([])
    n.give(P.tcpptb['1400']!)
    expect(c.events.splice(0)).toEqual([{ kind: 'path-mtu', mtu: 1400 }])
    n.give(P.tcpptb['500']!)
    expect(c.events).toEqual([])
    c.acked(2000, 576)
    c.timedOut(NOW)
    expect(c.events).toEqual([])
    c.sndUna = 1000
    n.give(P.tcpptb['500']!)
    c.timedOut(NOW)
    expect(c.events.splice(0)).toEqual([{ kind: 'path-mtu', mtu: 500 }])
    expect(believed).toEqual([500])
  })

  test('a segment that no connection is there for is answered by a reset, never by ICMP (RFC 9293 §3.10.7.1)', () => {
    const n = node()
    const [rst] = n.give(p('syn'))
    expect(hex(rst!.subarray(20))).toBe(p('rst'))
    const [rst2] = n.give(p('ackin'))
    expect(hex(rst2!.subarray(20))).toBe(p('rst2'))
    expect(n.give(p('rstin'))).toEqual([])
    expect(n.node.counters.errorsSent).toEqual({})
  })
})

describe('replies', () => {
  test.each(['host', 'gateway'] as const)(
    'a reply is shown to the raw listeners of a %s and yields no octets (RFC 1122 §3.2.2.6, RFC 1812 §4.3.3.6) [v4-echo-reply-delivered] [v4-recv-unsolicited-reply]',
    (role) => {
      const n = node(role)
      const seen: Delivery[] = []
      n.node.transport.raw.add({ message: (_, d) => seen.push({ ...d }), owns: () => false })
      expect(n.give(P.echoreply[0]!)).toEqual([])
      expect(seen).toHaveLength(1)
      expect(seen[0]).toMatchObject({ family: 4, src: PEER, dst: ME })
    },
  )

  test('an error quoting what a raw listener sent is believed by it alone (RFC 792) [v4-recv-client-match]', () => {
    const n = node()
    const heard: HeardError[] = []
    const client = (id: number) => ({
      message: () => {},
      owns: (e: HeardError) => {
        const { transport } = e.quote
        const mine = transport.kind === 'icmp4' && transport.type === 8 && transport.id === id
        if (mine) heard.push(e)
        return mine
      },
    })
    n.node.transport.raw.add(client(77))
    n.node.transport.raw.add(client(78))
    n.give(p('icmpq'))
    expect(heard.map((e) => [e.type, e.from])).toEqual([[11, ROUTER]])
  })
})

describe('an ICMPv6 error', () => {
  test('of type 1, each code, reaches the flow that the quote names (RFC 4443 §3.1) [v6-du-notify]', () => {
    const n = node()
    const socket = sender(n, 6)
    for (const [code, packet] of P.v6.du.entries()) {
      n.give(packet)
      expect(socket.error()).toMatchObject({ type: 1, code, from: ip6('2001:db8:7::7'), to: PEER6, toPort: 53 })
    }
  })

  test('packet too big, time exceeded and parameter problem reach it with MTU and pointer (RFC 4443 §3.2–3.4) [v6-ptb-notify] [v6-te-notify] [v6-pp-notify]', () => {
    const n = node()
    const socket = sender(n, 6)
    n.give(v6('ptb'))
    expect(socket.error()).toMatchObject({ type: 2, mtu: 1280, severity: 'size' })
    for (const [code, packet] of P.v6.te.entries()) {
      n.give(packet)
      expect(socket.error()).toMatchObject({ type: 3, code })
    }
    for (const [code, packet] of P.v6.pp.entries()) {
      n.give(packet)
      expect(socket.error()).toMatchObject({ type: 4, code, pointer: 40 })
    }
  })

  test('of an unknown type below 128 reaches it too (RFC 4443 §2.4(a)) [v6-recv-unknown-error]', () => {
    const n = node()
    const socket = sender(n, 6)
    for (const [i, packet] of P.v6.unk.entries()) {
      n.give(packet)
      expect(socket.error()).toMatchObject({ type: [5, 100][i] })
    }
  })

  test('names its flow behind the extension headers of the quote (RFC 4443 §2.4(d)) [v6-recv-demux]', () => {
    const n = node()
    const socket = sender(n, 6)
    n.give(v6('chain'))
    expect(socket.error()).toMatchObject({ type: 1, code: 4, toPort: 53 })
  })

  test('whose quote does not show the transport is dropped in silence (RFC 4443 §2.4(d)) [v6-recv-demux-fail] [v6-recv-short-quote]', () => {
    const n = node()
    const socket = sender(n, 6)
    n.collect()
    for (const packet of [v6('cut40'), v6('cutchain'), v6('esp'), v6('later'), ...P.v6.short, v6('v4nibble')]) {
      expect(n.give(packet)).toEqual([])
    }
    expect(socket.error()).toBeUndefined()
  })

  test('about another port, from a foreign source, or outside the window of TCP is not believed (RFC 4443 §5.2) [v6-recv-validate]', () => {
    const n = node()
    const socket = sender(n, 6)
    n.give(v6('otherPort'))
    n.give(v6('foreign'))
    expect(socket.error()).toBeUndefined()
    expect(n.node.counters.dropped).toMatchObject({ unsolicited: 1, 'not-in-flight': 1 })
  })

  test('leaves an established TCP connection alive, the error readable (RFC 5927 §5) [v6-recv-soft]', () => {
    const n = node()
    const c = n.node.transport.tcp.add({
      family: 6,
      local: ip6('2001:db8::1'),
      localPort: 6000,
      remote: PEER6,
      remotePort: 80,
      state: 'synchronised',
      sndUna: 1000,
      sndNxt: 2000,
      maxSizeSent: 1500,
      maxSizeAcked: 1280,
    })
    const { tcp } = P.v6 as unknown as { tcp: Record<string, string> }
    n.give(tcp['999']!)
    expect(c.events).toEqual([])
    n.give(tcp['1000']!)
    expect(c.events.map((e) => e.kind)).toEqual(['soft'])
    expect(c.state).toBe('synchronised')
  })
})

test('each echo client sees the replies that bear its identifier, an unknown one is nobody’s (RFC 4443 §4.2) [v6-echo-deliver]', () => {
  const n = node()
  const seen: number[][] = [[], []]
  for (const [i, id] of [7, 9].entries()) {
    n.node.transport.raw.add({
      message: (_, d) => {
        const its = (d.bytes[d.at + 4]! << 8) | d.bytes[d.at + 5]!
        if (its === id) seen[i]!.push(its)
      },
      owns: () => false,
    })
  }
  for (const packet of P.v6.echo) expect(n.give(packet)).toEqual([])
  expect(seen).toEqual([[7], []])
})
