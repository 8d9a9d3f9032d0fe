/** Whatever goes into a network, no node of it says what the RFCs forbid to say. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { u16 } from '../../packages/icmpkit/src/wire/octets.ts'
import { HostileNetwork, type SeenError } from './hostile-network.ts'
import { type Hostile, hostile } from './hostile-packets.ts'

test('no error answers an error, a broadcast, a multicast (two IPv6 exceptions aside), a later fragment or nobody, whatever comes in (RFC 1122 §3.2.2, RFC 4443 §2.4(e))', () => {
  const kinds = new Map<string, number>()
  fc.assert(
    fc.property(fc.array(hostile, { minLength: 1, maxLength: 40, size: 'max' }), (packets) => {
      const n = new HostileNetwork()
      for (const p of packets) n.give(p)
      // Until reassembly and neighbour discovery have given up too.
      n.net.run(n.net.now + 70_000)
      for (const e of n.errors) {
        const kind = `v${e.family} ${e.type}/${e.code}`
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      }
      expect(n.errors.flatMap(faultOf)).toEqual([])
    }),
    { numRuns: 500 },
  )
  // Else it would be about nothing.
  expect(kinds.size).toBeGreaterThan(12)
})

test('the checks above see what they forbid', () => {
  const about = (packet: number[], to: Hostile['to'] = 'host'): SeenError['about'] => ({
    hostile: { family: 4, to, packet: Uint8Array.from(packet) },
    packet: Uint8Array.from(packet),
  })
  const error = (a: SeenError['about'], family: 4 | 6 = 4, type = 3, code = 3): SeenError => ({
    at: 0,
    by: 'h',
    link: '',
    family,
    type,
    code,
    length: 56,
    quote: a!.packet,
    about: a,
  })
  const udp = [0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0]
  const change = (at: number, ...octets: number[]) => udp.map((o, i) => octets[i - at] ?? o)
  expect(faultOf(error(about(udp)))).toEqual([])
  expect(faultOf(error(about(udp, 'broadcast')))).toHaveLength(1)
  expect(faultOf(error(about(change(16, 224, 0, 0, 1))))).toHaveLength(1)
  expect(faultOf(error(about(change(16, 10, 0, 0, 255))))).toHaveLength(1)
  expect(faultOf(error(about(change(12, 0, 0, 0, 0))))).toHaveLength(1)
  expect(faultOf(error(about(change(6, 0, 100))))).toHaveLength(1)
  expect(faultOf(error(about(change(9, 1).map((o, i) => (i === 20 ? 11 : o)))))).toHaveLength(1)
})

/** Why this error must not be; empty where it may. Judged by the packet that it is about, or by its quote where a node sent that. */
function faultOf(e: SeenError): string[] {
  const whole = e.about?.packet ?? e.quote
  // What is behind the length that it says is the link's padding, and none of it.
  const packet = whole.subarray(0, e.family === 4 ? u16(whole, 2) : 40 + u16(whole, 4))
  const to = e.about?.hostile.to ?? 'host'
  const what = `${e.by} sent v${e.family} ${e.type}/${e.code} about ${Buffer.from(packet).toString('hex').slice(0, 160)}, which came to ${to}: `
  const why = e.family === 4 ? fault4(packet, to, BROADCASTS[e.by]!) : fault6(e, packet, to)
  return why === undefined ? [] : [what + why]
}

function fault4(p: Uint8Array, to: Hostile['to'], broadcasts: readonly string[]): string | undefined {
  const dst = [...p.subarray(16, 20)].join('.')
  const src = [...p.subarray(12, 16)].join('.')
  const header = (p[0]! & 15) * 4
  if ((u16(p, 6) & 0x1fff) !== 0) return 'a later fragment'
  if (p[9] === 1 && [3, 4, 5, 11, 12].includes(p[header] ?? -1)) return 'an error'
  if (p[16]! >= 224 || broadcasts.includes(dst)) return 'a group or broadcast'
  if (to === 'broadcast' || to === 'multicast') return 'a link-layer group'
  if (p[12] === 0 || p[12] === 127 || p[12]! >= 224 || broadcasts.includes(src)) return 'from nobody'
  return undefined
}

function fault6(e: SeenError, p: Uint8Array, to: Hostile['to']): string | undefined {
  const excepted = e.type === 2 || (e.type === 4 && e.code === 2)
  const type = icmp6Type(p)
  if (type !== undefined && (type < 128 || type === 137)) return 'an error or a redirect'
  if (p[24] === 0xff && !excepted) return 'a group'
  if ((to === 'broadcast' || to === 'multicast') && !excepted) return 'a link-layer group'
  if (p[8] === 0xff || p.subarray(8, 24).every((o) => o === 0)) return 'from nobody'
  return undefined
}

/** The ICMPv6 type behind the extension headers; undefined where there is none to be found. */
function icmp6Type(p: Uint8Array): number | undefined {
  let next = p[6]!
  let at = 40
  for (let n = 0; n < 20 && [0, 43, 44, 60, 135, 139, 140].includes(next); n++) {
    if (next === 44 && (u16(p, at + 2) & 0xfff8) !== 0) return undefined
    const length = next === 44 ? 8 : ((p[at + 1] ?? 0) + 1) * 8
    if (n > 0 && next === 0) return undefined
    if (at + length > p.length) return undefined
    next = p[at]!
    at += length
  }
  return next === 58 ? p[at] : undefined
}

/** Those that a node can know: nobody sees from outside where a network ends (RFC 1122 §3.2.1.3). */
const BROADCASTS: Readonly<Record<string, readonly string[]>> = {
  x: ['10.0.0.255', '255.255.255.255'],
  h: ['10.0.0.255', '255.255.255.255'],
  r: ['10.0.0.255', '10.0.1.255', '255.255.255.255'],
  s: ['10.0.1.255', '255.255.255.255'],
}
