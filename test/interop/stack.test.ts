/**
 * Everything that nodes of the stack send, as tshark reads it: the scenarios over the lab, their links tapped, and a link
 * where nodes announce, probe, advertise, redirect and answer questions about themselves. No packet is malformed, no
 * checksum bad, nothing an expert's error.
 */
import { expect, test } from 'vitest'
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import { type Lab, type LabConfig, lab } from '../../packages/icmpkit/src/lab/index.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import type { Ip6 } from '../../packages/icmpkit/src/wire/addr.ts'
import { parseIp, showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { CaptureWriter } from '../../packages/icmpkit/src/wire/capture.ts'
import { scenarios } from '../scenario/all.ts'
import { Exchange } from '../scenario/exchange.ts'
import { familyOfPacket, octetsOf } from '../scenario/packet.ts'
import type { Packet } from '../scenario/scenario.ts'
import { type Reading, readCapture } from './tshark.ts'

const LINK_TYPE = { ethernet: 1, ip: 101 } as const
const PROTOCOLS =
  'eth,ethertype,arp,ip,ipv6,icmp,icmpv6,icmp_extension,udp,tcp,igmp,ipv6.hopopts,ipv6.dstopts,ipv6.routing,ipv6.fraghdr'
const FIELDS = ['arp.opcode', 'icmp.type', 'icmp.code', 'icmpv6.type', 'icmpv6.code', 'icmpv6.opt.type']

/** What passes all links of a network, as a pcapng file. */
class Tap {
  readonly #writer = new CaptureWriter({ linkType: LINK_TYPE.ethernet, name: 'ethernet' })
  readonly #parts: Uint8Array[]
  readonly #raw: number
  packets = 0

  constructor() {
    const { block, port } = this.#writer.interface({ linkType: LINK_TYPE.ip, name: 'ip' })
    this.#parts = [this.#writer.head, block]
    this.#raw = port
  }

  on(net: Lab): void {
    for (const link of net.links) {
      net.tap(link.name, ({ time, bytes, at, end }) => {
        const seconds = Math.floor(time / 1000)
        const port = link.medium === 'ip' ? this.#raw : 0
        const nanoseconds = Math.round((time - seconds * 1000) * 1e6)
        this.#parts.push(this.#writer.packet({ seconds, nanoseconds, port, data: bytes.slice(at, end) }))
        this.packets++
      })
    }
  }

  get file(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#parts))
  }
}

/** `me` sends them, and waits for what comes. */
async function send(net: Lab, packets: readonly Packet[], wait: number): Promise<void> {
  const family = familyOfPacket(packets[0]!)
  const [eth0] = net.node('me').node.ports.values()
  const own = eth0!.addresses.find((a) => (typeof a.address === 'bigint') === (family === 6))!
  await using door = net.node('me').door()
  const octets = packets.map((p) => octetsOf(p, showIp(own.address)))
  await drive(new Exchange(octets, [], wait, 1), [door], net.clock, () => {})
}

function typesOf(readings: readonly Reading[], field: string): number[] {
  // The first of a packet is its own; the others are quoted.
  const all = readings.map((r) => r.shown[field]!.split(',')[0]!).filter((t) => t !== '')
  return [...new Set(all.map(Number))].sort((a, b) => a - b)
}

function complaints(readings: readonly Reading[]): string[] {
  return readings.flatMap((r, i) => r.complaints.map((c) => `packet ${i + 1}: ${c}`))
}

test('tshark finds nothing wrong with anything that is sent in the scenarios', async (ctx) => {
  const tap = new Tap()
  for (const { network, cases } of scenarios) {
    const net = lab(network)
    tap.on(net)
    for (const c of cases) {
      await send(net, Array.isArray(c.send) ? (c.send as Packet[]) : [c.send as Packet], c.wait ?? 2000)
    }
  }
  const readings = readCapture(ctx, tap.file, tap.packets, FIELDS, PROTOCOLS, ['ip', 'udp', 'tcp'])
  expect(complaints(readings)).toEqual([])
  expect(typesOf(readings, 'arp.opcode')).toEqual([1, 2])
  expect(typesOf(readings, 'icmp.type')).toEqual(expect.arrayContaining([0, 3, 5, 8, 11, 12, 14, 43]))
  expect(typesOf(readings, 'icmpv6.type')).toEqual(expect.arrayContaining([1, 2, 3, 4, 129, 135, 136, 137, 143, 161]))
})

const PREFIX = parseIp('2001:db8:0:64::') as Ip6
const EVERYTHING: LabConfig = {
  nodes: {
    me: { kind: 'host', ip4: { routerDiscovery: { perform: true } }, makeRoutes: false },
    r: {
      kind: 'gateway',
      ip4: { routerAdvertisements: { advertise: true }, addressMask: { agent: true, agentAnnounces: true } },
      ip6: {
        nodeInformation: { name: 'r.example.net', global: true },
        advertise: [
          {
            port: 1,
            linkMtu: 1400,
            reachableTimeMs: 30_000,
            preference: 1,
            routes: [{ prefix: PREFIX, prefixLength: 56, lifetimeSeconds: 600 }],
            dnsServers: [parseIp('2001:db8::53') as Ip6],
            dnsSearch: ['example.net', 'a.example.org'],
            captivePortal: 'https://portal.example.net/',
            pref64: { prefix: parseIp('64:ff9b::') as Ip6, prefixLength: 96, lifetimeSeconds: 600 },
          },
        ],
      },
      errorExtensions: {
        incoming: ['index', 'address', 'name', 'mtu'],
        outgoing: ['index', 'address', 'name', 'mtu'],
        nextHop: true,
        identification: 'name',
      },
      extendedEcho: { enabled: true, byName: 'any', byAddress: 'any', byIndex: 'any' },
    },
    far: 'host',
  },
  links: [
    ['me', 'r'],
    ['r', 'far', { medium: 'ip', mtu: 1280 }],
  ],
}
const QUERY = '8b00 0000'
const NONCE = '0102030405060708'
const SUBJECT = '20010db8000000000000000000000002'

/** Of both families: closed ports, no way on, too big, no hop left; then questions. */
const ASKED: readonly (readonly Packet[])[] = [
  ...(['10.0.1.2', '2001:db8:0:1::2'] as const).flatMap((to): Packet[][] => [
    [{ to, carries: { kind: 'udp', port: 9 } }],
    [{ to, ttl: 1, carries: { kind: 'udp', port: 9, size: 600 } }],
    [{ to, ttl: 1, carries: { kind: 'udp', port: 9 } }],
    [{ to, df: true, carries: { kind: 'udp', port: 9, size: 1400 } }],
    [{ to, carries: { kind: 'protocol', protocol: 200, octets: '00' } }],
    [{ to, carries: { kind: 'echo', size: 1400 } }],
    [{ to, carries: { kind: 'echo', size: 100 } }],
  ]),
  ...(['203.0.113.9', '2001:db8:ffff::9'] as const).map((to): Packet[] => [{ to, carries: { kind: 'udp', port: 9 } }]),
  [{ to: '10.0.0.2', carries: { kind: 'timestamp' } }],
  [{ to: '10.0.0.2', carries: { kind: 'icmp', octets: '1100 0000 00070001 00000000' } }],
  [{ to: '10.0.0.2', options: '07040400', carries: { kind: 'echo' } }],
  [{ to: '10.0.0.2', options: '070b04000000000000000000', carries: { kind: 'echo' } }],
  [{ to: '10.0.1.2', options: '440c05000000000000000000', carries: { kind: 'echo' } }],
  ...['0000 0000', '0002 0000', '0003 003e', '0004 0000'].map((what): Packet[] => [
    { to: '2001:db8::2', carries: { kind: 'icmp', octets: `${QUERY} ${what} ${NONCE} ${SUBJECT}` } },
  ]),
]

test('tshark finds nothing wrong with what nodes say of themselves: advertisements with all options, probes, reports, errors with objects, answers to all questions', async (ctx) => {
  const net = lab(EVERYTHING)
  const tap = new Tap()
  tap.on(net)
  net.run(60_000)
  for (const packets of ASKED) await send(net, packets, 5000)
  net.node('r').node.close(net.now as Instant)
  net.run(net.now + 10_000)
  const readings = readCapture(ctx, tap.file, tap.packets, FIELDS, PROTOCOLS, ['ip', 'udp', 'tcp'])
  expect(complaints(readings)).toEqual([])
  expect(typesOf(readings, 'arp.opcode')).toEqual([1, 2])
  expect(typesOf(readings, 'icmp.type')).toEqual(expect.arrayContaining([0, 3, 9, 10, 11, 12, 14, 18]))
  expect(typesOf(readings, 'icmpv6.type')).toEqual(
    expect.arrayContaining([1, 2, 3, 4, 129, 133, 134, 135, 136, 140, 143]),
  )
})
