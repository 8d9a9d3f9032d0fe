/** ICMP errors from real routers as `icmp ping` tells them: who, what, about which probe, and what was quoted. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { Family } from '../../packages/icmpkit/src/wire/addr.ts'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { error, hostile, reply } from './hostile-host.ts'
import { events, icmp } from './icmp-command.ts'
import { sharedPair } from './shared-pair.ts'
import { ip, needsRoot } from './testnet.ts'
import { CLIENT, NARROW_MTU, ROUTER, SERVER, type ThreeHosts, threeHosts, UNREACHABLE } from './three-hosts.ts'

const PROHIBITED = { 4: '10.66.8.8', 6: 'fd66:8::8' } as const
/** The router has no route there at all. */
const NOWHERE = { 4: '10.99.0.1', 6: 'fd99::1' } as const
const DOORS = (['ping-socket', 'raw-socket'] as const).flatMap((door) =>
  ([4, 6] as const).map((family) => ({ door, family })),
)

let net: ThreeHosts

beforeAll(() => {
  if (process.getuid?.() !== 0) return
  net = threeHosts()
  net.router.netlink.addRoute({ dst: ip('10.66.8.0'), prefixLength: 24, type: 'prohibit' })
  net.router.netlink.addRoute({ dst: ip('fd66:8::'), prefixLength: 64, type: 'prohibit' })
})
afterAll(() => net?.[Symbol.dispose]())
beforeEach((ctx) => needsRoot(ctx))

/** The one error of one probe. */
async function errorOf(door: string, args: readonly string[]) {
  const done = await icmp(net.client, ['ping', '--json', '-c1', '-W30', '--door', door, ...args])
  const all = events(done)
  expect(all.map((e) => e.kind)).toEqual(['error', 'summary', 'total'])
  expect(all[1]).toMatchObject({ sent: 1, received: 0, lost: 1, errors: 1 })
  expect(done.code).toBe(1)
  return all[0]
}

describe.each(DOORS)('$door, IPv$family', ({ door, family }) => {
  const raw = door === 'raw-socket'

  /** What every quote tells, and what only a door that sees the quoted header does. */
  function checkQuote(e: { quote: unknown }, to: string, ttl: number, octets = 56): void {
    const length = octets + 8
    const four = raw
      ? { ttl, tos: 0, length: length + 20, options: '' }
      : { ttl: null, tos: null, length: null, id: null, checksum: null, options: null }
    const six = raw
      ? { hopLimit: ttl, payloadLength: length, extensions: [] }
      : { hopLimit: null, payloadLength: null, flowLabel: null, extensions: null }
    const protocol = family === 4 ? 1 : 58
    expect(e.quote).toMatchObject({
      ip: { kind: `ip${family}`, protocol, src: CLIENT[family], dst: to, ...(family === 4 ? four : six) },
      transport: { kind: family === 4 ? 'icmp4' : 'icmp6', type: family === 4 ? 8 : 128, code: 0, seq: 1 },
    })
  }

  test('a TTL that ends on the way: time exceeded, from the router', async () => {
    const e = await errorOf(door, ['-t1', SERVER[family]])
    expect(e).toMatchObject({
      ...{ target: SERVER[family], seq: 1, from: ROUTER[family], family, origin: 'icmp', mtu: null, pointer: null },
      ...(family === 4
        ? { type: 11, code: 0, name: 'Time to Live exceeded in Transit' }
        : { type: 3, code: 0, name: 'Hop limit exceeded in transit' }),
    })
    // The hop limit that a router quotes: IPv4 before it is decremented, IPv6 too (net/ipv6/ip6_output.c).
    checkQuote(e, SERVER[family], 1)
  })

  test.each([
    ['an unreachable route', UNREACHABLE, { 4: [3, 1], 6: [1, 0] }],
    ['a prohibited route', PROHIBITED, { 4: [3, 13], 6: [1, 1] }],
    ['no route at all', NOWHERE, { 4: [3, 0], 6: [1, 0] }],
  ] as const)('%s, as the router names it', async (_, to, codes) => {
    const e = await errorOf(door, [to[family]])
    const [type, code] = codes[family]
    expect(e).toMatchObject({ target: to[family], seq: 1, from: ROUTER[family], family, type, code, origin: 'icmp' })
    expect(e.meaning.length).toBeGreaterThan(20)
    checkQuote(e, to[family], 64)
  })

  test("too big: the next hop's MTU, first from the router, then from this machine", async () => {
    // A destination of its own for each door: the kernel remembers the path MTU of each.
    const server = family === 4 ? `10.66.2.${raw ? 11 : 12}` : `fd66:2::1${raw ? 1 : 2}`
    net.server.address('far', `${server}/${family === 4 ? 32 : 128}`)
    const size = 1380
    const e = await errorOf(door, ['-M', 'do', '-s', `${size}`, server])
    expect(e).toMatchObject({ seq: 1, from: ROUTER[family], family, mtu: NARROW_MTU, origin: 'icmp' })
    expect([e.type, e.code]).toEqual(family === 4 ? [3, 4] : [2, 0])
    if (raw) checkQuote(e, server, family === 4 ? 64 : 64, size)

    const again = await errorOf(door, ['-M', 'do', '-s', `${size}`, server])
    expect(again).toMatchObject({
      ...{ seq: 1, from: null, family, origin: 'local', type: null, code: null, quote: null },
      ...{ name: 'Message too long', mtu: NARROW_MTU },
    })
    const done = await icmp(net.client, ['ping', '-c1', '-M', 'do', '-s', `${size}`, '--door', door, server])
    expect(done.err).toBe(`icmp: local error: message too long, mtu=${NARROW_MTU}\n`)
    expect(done.out).toMatch(/^1 packets transmitted, 0 received, \+1 errors, 100% packet loss/m)

    const anyway = await icmp(net.client, ['ping', '-q', '-c1', '-M', 'want', '-s', `${size}`, '--door', door, server])
    expect(anyway.code).toBe(0)
  })

  test('larger than the interface takes, and not to be fragmented: said at once, with the MTU', async () => {
    const e = await errorOf(door, ['-M', 'probe', '-s', '3000', SERVER[family]])
    expect(e).toMatchObject({ origin: 'local', name: 'Message too long', mtu: 1500 })
  })

  test('the text has the words of iputils, who sent it, what it means and what it quotes', async () => {
    const { out, code } = await icmp(net.client, ['ping', '-c1', '-t1', '--door', door, SERVER[family]])
    expect(code).toBe(1)
    const words = family === 4 ? 'Time to live exceeded' : 'Time exceeded: Hop limit'
    const [, said, meaning, quote] = out.split('\n')
    expect(said).toBe(`From ${ROUTER[family]} icmp_seq=1 ${words}`)
    expect(meaning).toMatch(/^ {4}A router threw/)
    expect(quote).toMatch(
      new RegExp(
        `^ {4}It quotes ${CLIENT[family]} > ${SERVER[family]} ICMP echo request id \\d+ seq 1${raw ? `, ttl 1, ${family === 4 ? 84 : 104} octets` : ''}\\.$`,
      ),
    )
    expect(/ttl 1,/.test(quote!)).toBe(raw)
  })
})

describe('errors that a kernel does not make by itself', () => {
  const two = sharedPair()
  const PEER = { 4: '192.0.2.2', 6: '2001:db8::2' } as const

  async function heard(family: Family, door: string, more: readonly string[] = []) {
    const done = await icmp(two.a, ['ping', '--json', '-c1', '-W5', '--door', door, ...more, PEER[family]])
    return events(done)
  }

  test.each(DOORS)(
    'port unreachable, protocol unreachable, source quench, redirect: $door, IPv$family',
    async ({ door, family }) => {
      const codes: readonly (readonly [number, number, string])[] =
        family === 4
          ? [
              [3, 3, 'Port Unreachable'],
              [3, 2, 'Protocol Unreachable'],
              [3, 10, 'Communication with Destination Host is Administratively Prohibited'],
            ]
          : [
              [1, 4, 'Port unreachable'],
              [1, 3, 'Address Unreachable'],
              [1, 5, 'Source address failed ingress/egress policy'],
            ]
      for (const [type, code, name] of codes) {
        const asked = await hostile(two.b, family, (q) => [{ after: 0, packet: error(q, type, code) }])
        const [e] = await heard(family, door)
        expect(asked.asked).toHaveLength(1)
        expect(e).toMatchObject({ kind: 'error', type, code, from: PEER[family], seq: 1 })
        expect(e.name.toLowerCase()).toContain(name.split(' ')[0]!.toLowerCase())
      }
    },
  )

  test.each(DOORS)('a parameter problem tells its pointer: $door, IPv$family', async ({ door, family }) => {
    const rest = family === 4 ? [20, 0, 0, 0] : [0, 0, 0, 6]
    await hostile(two.b, family, (q) => [{ after: 0, packet: error(q, family === 4 ? 12 : 4, 0, { rest }) }])
    const [e] = await heard(family, door)
    expect(e).toMatchObject({ kind: 'error', pointer: family === 4 ? 20 : 6, seq: 1 })
  })

  test.each(DOORS)(
    'MPLS labels behind the quote are told (RFC 4884, RFC 4950): $door, IPv$family',
    async ({ door, family }) => {
      // Version 2, checksum over the structure; one object of 8 octets, class 1, type 1: label 16, TC 0, bottom, TTL 1.
      const mpls = unhex('2000 ddf4 0008 0101 0001 0101')
      const length = family === 4 ? 128 / 4 : 128 / 8
      const rest = family === 4 ? [0, length, 0, 0] : [length, 0, 0, 0]
      await hostile(two.b, family, (q) => {
        const padded = new Uint8Array(128)
        padded.set(q.packet.subarray(0, 128))
        return [{ after: 0, packet: error({ ...q, packet: padded }, family === 4 ? 11 : 3, 0, { rest, behind: mpls }) }]
      })
      const [e] = await heard(family, door)
      expect(e).toMatchObject({ kind: 'error', seq: 1 })
      expect(e.extensions).toMatchObject([{ kind: 'mpls', entries: [{ label: 16, ttl: 1 }] }])

      mpls[2] = 0xcd
      expect((await heard(family, door))[0].extensions, 'the checksum is bad').toBeNull()
    },
  )

  test('an error with eight octets of quote is matched, one about another flow is not (RFC 792; RFC 5927 §4)', async () => {
    for (const door of ['ping-socket', 'raw-socket']) {
      await hostile(two.b, 4, (q) => {
        const forged = q.packet.slice()
        forged[24]! ^= 0xff
        return [
          { after: 0, packet: error({ ...q, packet: forged }, 3, 1, { quoted: 28 }) },
          { after: 20, packet: error(q, 3, 13, { quoted: 28 }) },
        ]
      })
      const all = await heard(4, door)
      expect(all.filter((e) => e.kind === 'error')).toMatchObject([{ code: 13, seq: 1 }])
    }
  })

  test('a redirect is told and the ping goes on', async () => {
    two.a.sysctl('ipv4.conf.all.accept_redirects', 0)
    await hostile(two.b, 4, (q) => [
      { after: 0, packet: error(q, 5, 1, { rest: [192, 0, 2, 3] }) },
      { after: 5, packet: reply(q) },
    ])
    const all = await heard(4, 'raw-socket')
    expect(all.map((e) => e.kind)).toEqual(['error', 'reply', 'summary', 'total'])
    expect(all[0]).toMatchObject({ type: 5, code: 1 })
    expect(all[2]).toMatchObject({ received: 1, lost: 0, errors: 1 })
    onTestFinished(() => two.a.sysctl('ipv4.conf.all.accept_redirects', 1))
  })
})
