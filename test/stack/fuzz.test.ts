/**
 * Frames by the hundred thousand into a host and a gateway, Ethernet and point-to-point, with time passing now and then:
 * random ones, real ones, real ones changed. Seeds repeat: a failure names the frame.
 */
import { expect, test } from 'vitest'
import type { Arrival } from '../../packages/icmpkit/src/door.ts'
import { hex, icmp4, icmp6, ip4, ip6, readIp6, showIp } from '../../packages/icmpkit/src/wire/index.ts'
import { u16 } from '../../packages/icmpkit/src/wire/octets.ts'
import { Random } from '../fuzz/random.ts'
import { FRAME_ROOM, HostileFrames } from '../soak/hostile-frames.ts'
import { ip4 as a4, ip6 as a6, OneNode, port } from './one-node.ts'

const FRAMES = 50_000
const OWN = ['192.0.2.77', '198.51.100.77', '2001:db8:5::77', '2001:db8:6::77']
const LINKS: readonly Arrival['link'][] = ['host', 'host', 'host', 'host', 'multicast', 'broadcast']

const cases = (['host', 'gateway'] as const).flatMap((role) =>
  (['ethernet', 'ip'] as const).map((medium) => ({ role, medium })),
)

test.each(cases)(
  '$role, $medium: hostile frames make nothing throw, whatever leaves parses and has right checksums, and no error is about an error (RFC 1122 §3.2.2, RFC 4443 §2.4(e))',
  ({ role, medium }) => {
    const n = new OneNode({
      role,
      ports: [
        port(1, { medium, addresses: ['192.0.2.77/24', '2001:db8:5::77/64'] }),
        port(2, { medium, addresses: ['198.51.100.77/24', '2001:db8:6::77/64'], mtu: 1280 }),
      ],
      ip4: {
        routes: [
          { prefix: a4('203.0.113.0'), prefixLength: 24, kind: 'unicast', nextHop: a4('198.51.100.9'), port: 2 },
        ],
      },
      ip6: {
        routes: [
          { prefix: a6('2001:db8:a::'), prefixLength: 48, kind: 'unicast', nextHop: a6('2001:db8:6::9'), port: 2 },
        ],
      },
    })
    n.run(20_000)
    n.taken()
    const random = new Random(role === 'host' ? 1 : 2)
    const frames = [1, 2].map(
      (i) =>
        new HostileFrames(random, {
          mac: n.node.ports.get(i)!.mac,
          to: [...OWN, '203.0.113.7', '192.0.2.255', '2001:db8:a::7', 'ff02::1'],
          from: ['192.0.2.9', '198.51.100.9', '2001:db8:5::9', '2001:db8:6::9', 'fe80::9'],
          mtu: 1500,
        }),
    )
    const buffer = new Uint8Array(FRAME_ROOM)
    let left = 0
    let middle = 0
    for (let i = 0; i < FRAMES; i++) {
      const index = random.below(2)
      const end = frames[index]!.next(buffer, 0)
      const given = buffer.slice(0, end)
      const link = random.pick(LINKS)
      n.give(given, { port: 1 + index, link })
      if (i % 50 === 0) n.run(random.below(100) === 0 ? 30_000 : 20)
      for (const { bytes } of n.taken()) {
        left++
        const fault = faultOf(bytes, medium)
        if (fault !== undefined) expect.fail(`${fault}: ${hex(bytes)} after ${link} ${hex(given)}`)
      }
      n.events.length = 0
      if (i === FRAMES >> 1) middle = heap()
    }
    expect(n.node.counters.received).toBe(FRAMES)
    expect(left).toBeGreaterThan(FRAMES / 200)
    // Tables fill up in the first half, and grow no more.
    expect(heap() - middle).toBeLessThan(16 << 20)
    expect(n.node.timers.size).toBeLessThan(20_000)
  },
)

/** What is wrong with a frame that left; undefined: nothing. What was only forwarded may be as broken as it came. */
function faultOf(bytes: Uint8Array, medium: 'ethernet' | 'ip'): string | undefined {
  let at = 0
  if (medium === 'ethernet') {
    const type = u16(bytes, 12)
    if (type === 0x0806) return bytes.length >= 42 ? undefined : 'a short ARP message'
    if (type !== 0x0800 && type !== 0x86dd) return `EtherType ${type}`
    at = 14
  }
  return bytes[at]! >> 4 === 4 ? fault4(bytes, at) : fault6(bytes, at)
}

function fault4(bytes: Uint8Array, at: number): string | undefined {
  const h = ip4.parse(bytes, at, bytes.length)
  if (h.kind === 'malformed') return `malformed: ${h.why}`
  if (ip4.verify(bytes, at, bytes.length) !== 'ok') return 'a bad header checksum'
  if (!OWN.includes(showIp(h.src)) || h.protocol !== 1 || h.mf || h.offset > 0) return undefined
  if (icmp4.verify(bytes, h.payload, h.end, h.end - h.payload) !== 'ok') return 'a bad checksum'
  const m = icmp4.parse(bytes, h.payload, h.end)
  if (m.kind === 'malformed') return `malformed: ${m.why}`
  if (!('quote' in m) || m.quote[9] !== 1 || (u16(m.quote, 6) & 0x1fff) !== 0) return undefined
  const about = m.quote[(m.quote[0]! & 15) * 4]!
  return [3, 4, 5, 11, 12].includes(about) ? 'an error about an error' : undefined
}

function fault6(bytes: Uint8Array, at: number): string | undefined {
  const h = ip6.parse(bytes, at, bytes.length)
  if (!OWN.includes(showIp(readIp6(bytes, at + 8)))) return undefined
  if (h.kind === 'malformed') return `malformed: ${h.why}`
  if (h.protocol !== 58 || h.fragment !== undefined) return undefined
  if (icmp6.verify(bytes, h.payload, h.end, h.end - h.payload, h.src, h.dst) !== 'ok') return 'a bad checksum'
  const m = icmp6.parse(bytes, h.payload, h.end)
  if (m.kind === 'malformed') return `malformed: ${m.why}`
  if (!('quote' in m) || m.quote[6] !== 58 || m.quote.length <= 40) return undefined
  return m.quote[40]! < 128 ? 'an error about an error' : undefined
}

function heap(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
}
