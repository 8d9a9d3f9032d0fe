/** What a gateway answers where it can't forward, or where another would do it better (RFC 1812 §5.2.7). */
import { expect, test } from 'vitest'
import { type Bench, cross, gateway, routes } from '../../../../../test/stack/gateway-bench.ts'
import { type OneNode, port } from '../../../../../test/stack/one-node.ts'
import { packet } from '../../../../../test/stack/transit-packets.ts'
import type { Ip4 } from '../../wire/addr.ts'
import { hex, unhex } from '../../wire/octets.ts'
import type { FilterRule } from '../filter.ts'

/** What goes back by port 1 about `name`: the ICMP messages, behind their IP headers. */
function answers(name: string, bench?: Bench): string[] {
  return cross(gateway(bench), packet(name))
    .filter((c) => c.port === 1)
    .map((c) => c.hex.slice(40))
}

/** Type and code of each answer, as hex. */
const codes = (name: string, bench?: Bench): string[] => answers(name, bench).map((m) => m.slice(0, 4))

const filtered = (...filters: FilterRule[]): Bench => ({ ip4: { gateway: { filters } } })

const BACK: Bench = { ip4: { routes: routes(['10.3.0.0/16', 1, '192.0.2.77'], ['10.4.0.0/16', 1, '192.168.7.77']) } }

test('no route, not even a default: net unreachable (RFC 1812 §4.3.3.1) [v4-du-net-0]', () => {
  expect(answers('nowhere')).toEqual([packet('nowhereNet')])
  const [all] = cross(gateway(), packet('nowhere'))
  // From the port that it leaves by, to the source.
  expect(all!.hex.slice(24, 40)).toBe('c0000201c0000202')
})

test('with a default route there is a way, and no answer (RFC 1812 §4.3.3.1) [v4-du-net-0]', () => {
  expect(answers('nowhere', { ip4: { routes: routes(['0.0.0.0/0', 2, '198.51.100.2']) } })).toEqual([])
})

test.each([
  ['unreachable', ['to10Host']],
  ['prohibit', ['to10Admin']],
  ['blackhole', []],
] as const)(
  'a route of kind %s answers as that of Linux does [v4-du-best-code] [v4-du-admin-13] [v4-du-admin-silent]',
  (kind, expected) => {
    expect(answers('to10', { ip4: { routes: routes(['10.0.0.0/8', kind]) } })).toEqual(expected.map(packet))
  },
)

/** 192.0.2.2 is known on port 1 of a gateway on Ethernet. */
function onEthernet(): OneNode {
  const n = gateway({ medium: 'ethernet' })
  cross(n, '0200000000010200000000990806000108000604000102000000009' + '9c0000202000000000000c0000201')
  return n
}
const FRAME = '0200000000010200000000990800'

test('datagrams that wait for a host that does not answer ARP get host unreachable each, and never net unreachable (RFC 1812 §5.2.7.1) [v4-du-host-1] [v4-du-host-over-net]', () => {
  const n = onEthernet()
  expect(cross(n, FRAME + packet('plain')).map((c) => c.hex.slice(24, 28))).toEqual(['0806'])
  expect(cross(n, FRAME + packet('df'))).toEqual([])
  // Its router advertisements go to everybody.
  const sent = n.run(10_000).filter((s) => s.port === 1 && (s.bytes[0]! & 1) === 0)
  expect(sent.map((s) => hex(s.bytes).slice(68, 72))).toEqual(['0301', '0301'])
  expect(hex(sent[0]!.bytes).slice(0, 28)).toBe('0200000000990200000000010800')
  // Three requests, a second apart, before it is given up.
  expect(sent[0]!.at).toBe(23_000)
  // The quote is of the datagram as it waited, its TTL lowered (RFC 1812 §4.3.2.3).
  expect(hex(sent[0]!.bytes).slice(84)).toBe(packet('plainOut'))
})

test('a host that answers ARP gets what waited for it, its TTL lowered once', () => {
  const n = onEthernet()
  cross(n, FRAME + packet('plain'))
  const answer = '0200000000020200000000aa0806000108000604000202000000' + '00aac6336409020000000002c6336401'
  expect(cross(n, answer, { port: 2 })).toEqual([{ port: 2, hex: `0200000000aa0200000000020800${packet('plainOut')}` }])
  expect(n.run(10_000).filter((s) => (s.bytes[0]! & 1) === 0)).toEqual([])
})

test('a gateway never says that a host is unknown or isolated: ARP silence is code 1, no route code 0 [v4-du-host-unknown-7] [v4-du-isolated-8] [v4-du-net-unknown-6]', () => {
  const n = onEthernet()
  const seen = new Set<string>()
  for (const name of ['plain', 'nowhere', 'to10', 'ttl1', 'bigDf', 'ssrrThrough', 'fromNowhere', 'back']) {
    for (const c of cross(n, FRAME + packet(name))) if (c.hex.slice(24, 28) === '0800') seen.add(c.hex.slice(68, 72))
  }
  for (const s of n.run(10_000)) if (hex(s.bytes).slice(24, 28) === '0800') seen.add(hex(s.bytes).slice(68, 72))
  expect(seen.has('0300')).toBe(true)
  expect(seen.has('0301')).toBe(true)
  for (const never of ['0306', '0307', '0308', '0309', '030a']) expect(seen).not.toContain(never)
})

test('a datagram with DF that does not fit gets code 4 with the MTU of the next link in octets 6 and 7 (RFC 1191 §4) [v4-du-frag-needed-4] [v4-du-frag-needed-mtu]', () => {
  expect(answers('bigDf', { mtu: 1400 })).toEqual([packet('bigDf1400')])
  expect(answers('bigDf')).toEqual([])
})

test('in a flow that the short way knows, what is too big or under the cutoff is answered all the same', () => {
  const n = gateway({ mtu: 1400, ip4: { gateway: { precedenceCutoff: 4 } } })
  expect(cross(n, packet('precedence6'))[0]!.port).toBe(2)
  expect(cross(n, packet('precedence6'))[0]!.port).toBe(2)
  expect(cross(n, packet('precedence2'))[0]!.hex.slice(40)).toBe(packet('precedence2Cutoff'))
  const wide = gateway({ mtu: 1400 })
  cross(wide, packet('plain'))
  expect(cross(wide, packet('bigDf'))[0]!.hex.slice(40)).toBe(packet('bigDf1400'))
})

test('no MTU below 68 is told of (RFC 1191 §4) [v4-du-frag-needed-min68]', () => {
  expect(answers('bigDf', { mtu: 60 })).toEqual([packet('bigDf68')])
})

test('a source route whose next address has no route, or that is strict and leads off the network, fails with code 5 (RFC 1812 §5.2.7.1, RFC 791 §3.1) [v4-du-sr-failed-5] [v4-gw-ssrr-next-connected]', () => {
  const ip4 = { sourceRoutes: 'forward', routes: routes(['10.0.0.0/8', 2, '198.51.100.2']) } as const
  expect(answers('lsrrNoRoute', { ip4 })).toEqual([packet('lsrrNoRouteFailed')])
  expect(answers('ssrrFar', { ip4 })).toEqual([packet('ssrrFarFailed')])
  for (const name of ['lsrrGroup', 'lsrrLoopback', 'lsrrEverybody']) {
    const all = { sourceRoutes: 'forward', routes: routes(['0.0.0.0/0', 2, '198.51.100.2']) } as const
    expect(answers(name, { ip4: all })).toEqual([packet(`${name}Failed`)])
  }
  expect(answers('routeError', { ip4 })).toEqual([])
})

test('what a filter rejects gets code 13, what it drops gets nothing, and both are counted (RFC 1812 §5.3.9) [v4-du-admin-13] [v4-du-admin-silent] [v4-du-admin-9-10]', () => {
  const rule = { protocol: 6, destinationPorts: [80, 80] } as const
  expect(answers('tcp80', filtered({ action: 'reject', ...rule }))).toEqual([packet('tcp80Admin')])
  expect(answers('tcp80', filtered({ action: 'drop', ...rule }))).toEqual([])
  const n = gateway(filtered({ action: 'drop', ...rule }))
  expect(cross(n, packet('tcp80'))).toEqual([])
  expect(n.node.counters.dropped).toEqual({ filtered: 1 })
})

test('the first rule that matches decides, and rules look at prefix, protocol, port and interface (RFC 1812 §5.3.9)', () => {
  const verdicts = (...filters: FilterRule[]): string =>
    ['tcp80', 'tcp81', 'udp80', 'plain']
      .map((name) => cross(gateway(filtered(...filters)), packet(name))[0])
      .map((c) => (c === undefined ? '-' : c.port === 2 ? 'f' : 'r'))
      .join('')
  const b = { prefix: (0xc6336400 | 0) as Ip4, prefixLength: 25 }
  const other = { prefix: (0xc6336480 | 0) as Ip4, prefixLength: 25 }
  expect(verdicts()).toBe('ffff')
  expect(verdicts({ action: 'reject' })).toBe('rrrr')
  expect(verdicts({ action: 'drop', protocol: 6 })).toBe('--ff')
  expect(verdicts({ action: 'accept', protocol: 17 }, { action: 'reject' })).toBe('rrff')
  expect(verdicts({ action: 'reject', destinationPorts: [81, 90] })).toBe('frff')
  expect(verdicts({ action: 'reject', sourcePorts: [1025, 1025] })).toBe('rrrf')
  expect(verdicts({ action: 'reject', destination: b })).toBe('rrrr')
  expect(verdicts({ action: 'reject', destination: other })).toBe('ffff')
  expect(verdicts({ action: 'reject', destination: { prefix: (0xc6336500 | 0) as Ip4, prefixLength: 24 } })).toBe(
    'ffff',
  )
  expect(verdicts({ action: 'reject', source: { prefix: 0 as Ip4, prefixLength: 0 } })).toBe('rrrr')
  expect(verdicts({ action: 'reject', inPort: 1, outPort: 2 })).toBe('rrrr')
  expect(verdicts({ action: 'reject', inPort: 2 })).toBe('ffff')
  expect(verdicts({ action: 'reject', outPort: 3 })).toBe('ffff')
})

test('a flow that the short way knows is filtered by its ports all the same', () => {
  const n = gateway(filtered({ action: 'reject', protocol: 6, destinationPorts: [80, 80] }))
  expect(cross(n, packet('tcp81'))[0]!.port).toBe(2)
  expect(cross(n, packet('tcp81'))[0]!.port).toBe(2)
  expect(cross(n, packet('tcp80'))[0]!.hex.slice(40, 44)).toBe('030d')
})

test('a later fragment has no ports, and one at offset 8 that could overwrite them does not pass where rules read ports (RFC 3128)', () => {
  const rule = filtered({ action: 'reject', protocol: 6, destinationPorts: [0, 65535] })
  expect(cross(gateway(rule), packet('tcpLater'))[0]!.port).toBe(2)
  expect(cross(gateway(rule), packet('tcpTiny'))).toEqual([])
  expect(cross(gateway(filtered({ action: 'accept' })), packet('tcpTiny'))[0]!.port).toBe(2)
})

test('a precedence that a rule refuses gets code 14, one under the cutoff code 15, nothing where that is switched off (RFC 1812 §5.3.3.3) [v4-du-prec-14-15]', () => {
  const five = { precedences: [5, 5] } as const
  expect(answers('precedence5', filtered({ action: 'reject', ...five }))).toEqual([packet('precedence5Violation')])
  expect(answers('precedence4', filtered({ action: 'reject', ...five }))).toEqual([])
  expect(answers('precedence5', filtered({ action: 'drop', ...five }))).toEqual([])
  const cutoff = (precedenceAnswer: 'reject' | 'drop'): Bench => ({
    ip4: { gateway: { precedenceCutoff: 4, precedenceAnswer } },
  })
  expect(answers('precedence2', cutoff('reject'))).toEqual([packet('precedence2Cutoff')])
  expect(cross(gateway(cutoff('drop')), packet('precedence2'))).toEqual([])
  expect(cross(gateway(cutoff('drop')), packet('precedence4'))[0]!.port).toBe(2)
})

test('precedence 6 and 7 pass any cutoff, and no precedence rule stops ICMP errors (RFC 1812 §5.3.3.3 (3)) [v4-du-prec-no-cutoff-6-7]', () => {
  const cutoff: Bench = { ip4: { gateway: { precedenceCutoff: 7 } } }
  for (const i of [6, 7]) expect(cross(gateway(cutoff), packet(`precedence${i}`))[0]!.port).toBe(2)
  expect(codes('precedence5', cutoff)).toEqual(['030f'])
  const rule = filtered({ action: 'drop', precedences: [0, 7] })
  for (const name of ['error3', 'redirect5', 'error11', 'error12']) {
    expect(cross(gateway(rule), packet(name))[0]!.port).toBe(2)
  }
  expect(cross(gateway(rule), packet('precedence5'))).toEqual([])
})

test('when the only port to a network is down, each datagram for it is answered (RFC 1812 §5.3.12.3) [v4-du-if-down]', () => {
  const n = gateway()
  expect(cross(n, packet('plain'))[0]!.port).toBe(2)
  n.node.changePort(n.now as never, 2, { up: false })
  for (let i = 0; i < 3; i++) {
    const [answer, ...more] = cross(n, packet('plain'))
    expect(more).toEqual([])
    expect(['0300', '0301']).toContain(answer!.hex.slice(40, 44))
  }
})

test('when a port is down, another route is taken if there is one (RFC 1812 §5.3.12.3) [v4-du-if-down]', () => {
  const n = gateway({ ip4: { routes: routes(['198.51.0.0/16', 3, '203.0.113.2']) } })
  n.node.changePort(n.now as never, 2, { up: false })
  expect(cross(n, packet('plain'))).toEqual([{ port: 3, hex: packet('plainOut') }])
})

test('a TTL of 1 or 0 gets one time exceeded in transit (RFC 1812 §5.2.7.3) [v4-te-ttl-generate]', () => {
  for (const ttl of [0, 1]) expect(answers(`ttl${ttl}`)).toEqual([packet(`ttl${ttl}Exceeded`)])
})

test('the way is looked for first, then whether it may be taken, then the TTL is looked at (RFC 1812 §5.2.1.2)', () => {
  expect(codes('ttl1', { ip4: { routes: routes(['198.51.100.8/29', 'prohibit']) } })).toEqual(['030d'])
  expect(codes('ttl1', filtered({ action: 'reject' }))).toEqual(['030d'])
  expect(codes('ttl1', filtered({ action: 'drop' }))).toEqual([])
  expect(codes('ttl1', { mtu: 68 })).toEqual(['0b00'])
})

test('a multicast datagram that expires is dropped without a word (RFC 1812 §5.3.1) [v4-te-no-mcast]', () => {
  expect(cross(gateway({ ip4: { routes: routes(['224.0.0.0/4', 2]) } }), packet('multicastTtl1'))).toEqual([])
})

test('time exceeded is on for each port until it is switched off there (RFC 1812 §5.2.7.3) [v4-te-ttl-option-default]', () => {
  const n = gateway({ ip4: { noTimeExceeded: [1], routes: routes(['0.0.0.0/0', 3, '203.0.113.2']) } })
  expect(cross(n, packet('ttl1'))).toEqual([])
  expect(n.node.counters.suppressed).toEqual({ 'switched-off': 1 })
  expect(cross(n, packet('ttl1'), { port: 3 })[0]!.hex.slice(40, 44)).toBe('0b00')
})

test.each(['optionLength1', 'optionOverrun', 'rrShort', 'tsShort', 'rrBadPointer', 'tsBadPointer', 'tsOverflow'])(
  'options that are wrong are answered with a pointer to the octet: %s (RFC 1812 §4.3.3.5) [v4-pp-router-generate]',
  (name) => {
    const n = gateway()
    expect(cross(n, packet(name)).map((c) => [c.port, c.hex.slice(40)])).toEqual([[1, packet(`${name}Problem`)]])
    expect(n.node.counters.dropped).toEqual({ 'bad-options': 1 })
  },
)

test('an error found behind an option that forwarding would fill quotes the option and the TTL as they came (RFC 1812 §4.3.3.5) [v4-pp-field-unchanged]', () => {
  expect(answers('rrThenBad')).toEqual([packet('rrThenBadProblem')])
})

test('an option that is not known, well formed, is forwarded and not answered (RFC 792) [v4-pp-only-if-dropped]', () => {
  expect(cross(gateway(), packet('unknownOption'))).toEqual([{ port: 2, hex: packet('unknownOptionOut') }])
})

test('a datagram shorter than its total length says is dropped with a pointer to that field (RFC 1812 §5.2.2) [v4-pp-truncated-link]', () => {
  expect(cross(gateway(), packet('cutByLink')).map((c) => [c.port, c.hex.slice(40)])).toEqual([
    [1, packet('cutByLinkProblem')],
  ])
})

test('a datagram that only the capture cut is dropped, and its sender hears nothing', () => {
  const whole = packet('bigDf')
  const octets = unhex(whole).subarray(0, 100)
  const n = gateway()
  expect(cross(n, hex(octets), { length: whole.length / 2 })).toEqual([])
  expect(n.node.counters.dropped).toEqual({ cut: 1 })
})

test('a strict source route that passes a gateway it does not name gets a pointer to the destination (RFC 1812 §5.2.2) [v4-pp-ssrr-wrong-node]', () => {
  expect(answers('ssrrThrough', { ip4: { sourceRoutes: 'forward' } })).toEqual([packet('ssrrThroughProblem')])
})

test('two source routes get a pointer to the start of the second (RFC 1812 §5.2.4.1) [v4-pp-two-source-routes]', () => {
  expect(answers('twoSourceRoutes', { ip4: { sourceRoutes: 'forward' } })).toEqual([packet('twoSourceRoutesProblem')])
})

test('a host is told of a gateway on its own network by a host redirect, and its datagram is forwarded (RFC 792, RFC 1812 §5.2.7.2) [v4-redirect-gw-host] [v4-redirect-gw-forwards]', () => {
  const n = gateway(BACK)
  for (let i = 0; i < 2; i++) {
    const out = cross(n, packet('back'))
    expect(out.map((c) => c.port)).toEqual([1, 1])
    expect(out[0]!.hex.slice(40)).toBe(packet('backRedirect'))
    expect(out[1]!.hex).toBe(packet('backOut'))
  }
})

test('no redirect without all three: the same port, a source on the network of the next hop, no source route (RFC 1812 §5.2.7.2) [v4-redirect-gw-conditions]', () => {
  const redirects = (name: string, how = {}): number =>
    cross(gateway({ ip4: { ...BACK.ip4, sourceRoutes: 'forward' } }), packet(name), how).filter(
      (c) => c.hex.slice(40, 42) === '05',
    ).length
  expect(redirects('back')).toBe(1)
  expect(redirects('back', { port: 2 })).toBe(0)
  expect(redirects('backForeign')).toBe(0)
  expect(redirects('backRouted')).toBe(0)
})

test('nobody is redirected to itself (RFC 1812 §5.2.7.2)', () => {
  const toItself = '45000020000100004011f6b9c0000209c00002090fa00051000ca70b61626364'
  const out = cross(gateway(BACK), toItself)
  expect(out.map((c) => c.hex.slice(18, 20))).toEqual(['11'])
})

test('a redirect is of code 1, whatever the TOS, never of code 0 or 2 (RFC 1812 §5.2.7.2) [v4-redirect-gw-no-net] [v4-redirect-gw-tos]', () => {
  for (const name of ['back', 'backTos', 'backSubnet', 'precedence5'])
    for (const c of codes(name, { ...BACK, ports: TWO_NETWORKS })) expect(c).not.toMatch(/^050[023]/)
  expect(answers('backTos', BACK)[0]).toBe(packet('backTosRedirect'))
})

const TWO_NETWORKS = [
  port(1, { medium: 'ip', addresses: ['192.0.2.1/24', '192.168.7.1/24'] }),
  port(2, { medium: 'ip', addresses: ['198.51.100.1/24'] }),
] as const

test('a redirect comes from the address of the gateway in the network of who gets it (RFC 1812 §5.2.7.2) [v4-redirect-gw-source]', () => {
  const n = gateway({ ...BACK, ports: TWO_NETWORKS })
  const first = (name: string): string => cross(n, packet(name))[0]!.hex
  expect(first('back').slice(24, 40)).toBe('c0000201c0000202')
  expect(first('backSubnet').slice(24, 40)).toBe('c0a80701c0a80702')
  expect(first('backSubnet').slice(40)).toBe(packet('backSubnetRedirect'))
})

test('redirects can be switched off; the datagram is forwarded all the same', () => {
  const n = gateway({ ip4: { ...BACK.ip4, gateway: { redirects: false } } })
  expect(cross(n, packet('back'))).toEqual([{ port: 1, hex: packet('backOut') }])
})

test('a flood of datagrams that ask for errors gets no more of them than the limit says (RFC 1812 §4.3.2.8)', () => {
  const n = gateway({ ip4: { errorLimit: { rate: 10, burst: 5 } } })
  let sent = 0
  for (let i = 0; i < 1000; i++) sent += cross(n, packet('nowhere')).length
  expect(sent).toBe(5)
  expect(n.node.counters.suppressed).toEqual({ 'rate-limit': 995 })
})
