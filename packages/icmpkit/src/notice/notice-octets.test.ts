import { describe, expect, test } from 'vitest'
import { packet } from '../../../../test/notice/notice-packets.ts'
import { datagram, ETH0, LOOPBACK, Scene, SHOP } from '../../../../test/notice/scene.ts'
import { hex } from '../wire/octets.ts'
import * as outageObject from '../wire/outage-object.ts'
import type { Signer } from './notice-template.ts'

/** The identification of ours counts from a random number: 1 in scapy's packet. */
function withId(octets: string, p: Uint8Array | undefined): string {
  if (p === undefined) return 'nothing was sent'
  const copy = p.slice()
  const sum = ((copy[4]! << 8) | copy[5]!) - 1 + ((copy[10]! << 8) | copy[11]!)
  copy.set([0, 1], 4)
  const folded = (sum & 0xffff) + (sum >>> 16)
  copy.set([folded >>> 8, folded & 255], 10)
  expect(octets).toMatch(/^45/)
  return hex(copy)
}

const signer = (
  algorithm: number,
  size: number,
  octet: number,
  perWorkstation: boolean,
  seen: string[] = [],
): Signer => ({
  algorithm,
  keyId: new Uint8Array([1, 2, 3, 4]),
  size,
  perWorkstation,
  sign: (octets) => {
    seen.push(hex(octets))
    return new Uint8Array(size).fill(octet)
  },
})

const OFFLINE = { reason: 'maintenance', backAt: 1_800_003_600 }

function told(options: ConstructorParameters<typeof Scene>[0], into = packet('in4')): Uint8Array | undefined {
  const s = new Scene(options)
  s.confirm(into, packet('out4'))
  s.notifier.offline(s.now, 'shop', OFFLINE)
  return s.collect()[0]
}

describe('a notice is octet for octet what scapy makes of the same', () => {
  test('port unreachable with quote and outage object over IPv4 (RFC 792, RFC 1812 §4.3.2.3, RFC 4884 §4.1)', () => {
    const want = hex(packet('notice4'))
    expect(withId(want, told({}))).toBe(want)
  })

  test('over IPv6, of a program that is gone (RFC 4443 §3.1, RFC 4884 §4.4)', () => {
    const s = new Scene({}, [{ ...SHOP, grace: 0, backAt: 1_800_003_600 }])
    s.confirm(packet('in6'), packet('out6'))
    s.holders.set('shop', 0)
    s.notifier.sign(s.now, 'shop', { kind: 'lost' })
    expect(s.collect().map((p) => hex(p))).toEqual([hex(packet('gone6'))])
  })

  test('drained, it says prohibited: 3/13 and 1/1 (RFC 1812 §5.2.7.1, RFC 4443 §3.1)', () => {
    const s = new Scene()
    s.confirm(packet('in4'), packet('out4'))
    s.confirm(packet('in6'), packet('out6'))
    s.notifier.drain(s.now, 'shop', OFFLINE)
    const [four, six] = s.collect()
    const want = hex(packet('draining4'))
    expect(withId(want, four)).toBe(want)
    expect(hex(six!)).toBe(hex(packet('draining6')))
  })

  test('signed for each workstation: the signature covers its address and port', () => {
    const seen: string[] = []
    const want = hex(packet('noticeHmac'))
    expect(withId(want, told({ signer: signer(1, 16, 0xbb, true, seen) }))).toBe(want)
    expect(seen).toEqual([hex(packet('signed'))])
  })

  test('signed for all: one signature an outage, and no workstation in it', () => {
    const seen: string[] = []
    const s = new Scene({ signer: signer(2, 64, 0xaa, false, seen) })
    s.confirm(packet('in4'), packet('out4'))
    for (let port = 1; port <= 20; port++)
      s.confirm(datagram('198.51.100.8', port, '192.0.2.1', 5000), datagram('192.0.2.1', 5000, '198.51.100.8', port))
    s.notifier.offline(s.now, 'shop', OFFLINE)
    const sent = s.collect()
    const want = hex(packet('noticeEd25519'))
    expect(withId(want, sent[0])).toBe(want)
    expect([sent.length, seen.length]).toEqual([21, 1])
  })

  test('a header with options is quoted without them, its lengths and checksum made anew, and said to be rebuilt', () => {
    const want = hex(packet('noticeRebuilt4'))
    expect(withId(want, told({}, packet('options4')))).toBe(want)
  })

  test('IPv6 extension headers are left out of the quote: the kernel looks for the ports right behind the header', () => {
    const s = new Scene()
    s.confirm(packet('options6'), packet('out6'))
    s.notifier.offline(s.now, 'shop')
    const [p] = s.collect()
    expect(hex(p!, 48, 96)).toBe(hex(packet('in6'), 0, 48))
    const o = outageObject.parse(p!, 48 + 128 + 8)
    expect(o).toMatchObject({ kind: 'outage', rebuilt: true, state: outageObject.State.offline })
  })
})

test('it is no longer than an error may be, whatever it says: 576 and 1280 octets (RFC 1812 §4.3.2.3, RFC 4443 §2.4(c))', () => {
  const s = new Scene({ signer: signer(2, 64, 1, true) }, [{ ...SHOP, name: 'n'.repeat(32) }])
  s.confirm(packet('in4'), packet('out4'))
  s.confirm(packet('in6'), packet('out6'))
  s.notifier.offline(s.now, 'n'.repeat(32), { reason: 'r'.repeat(64), backAt: 1 })
  const [four, six] = s.collect()
  expect(four!.length).toBeLessThanOrEqual(576)
  expect(six!.length).toBeLessThanOrEqual(1280)
})

test('it leaves from the address that the workstation talked to, of a server that has several', () => {
  const s = new Scene()
  for (const server of ['192.0.2.1', '192.0.2.2', '203.0.113.9'])
    s.confirm(datagram('198.51.100.7', 40_000, server, 5000), datagram(server, 5000, '198.51.100.7', 40_000))
  s.notifier.offline(s.now, 'shop')
  expect(s.collect().map((p) => hex(p, 12, 16))).toEqual(['c0000201', 'c0000202', 'cb007109'])
})

test('a door of one family gets the notices of that family only', () => {
  const s = new Scene()
  s.confirm(packet('in4'), packet('out4'))
  s.confirm(packet('in6'), packet('out6'))
  s.notifier.offline(s.now, 'shop')
  expect(s.collect(6).map((p) => p[0]! >>> 4)).toEqual([6])
  expect(s.collect(4).map((p) => p[0]! >>> 4)).toEqual([4])
})

test('a link-local workstation is told by the interface that it spoke on', () => {
  const s = new Scene()
  s.confirm(datagram('fe80::7', 40_000, 'fe80::1', 5000), datagram('fe80::1', 5000, 'fe80::7', 40_000), { port: 9 })
  s.notifier.offline(s.now, 'shop')
  const slot = { bytes: new Uint8Array(2048), at: 0, limit: 2048, end: 0, family: undefined, port: 0, tag: 0 }
  s.look()
  expect(s.notifier.pollTransmit(s.now, slot)).toBe(true)
  expect(slot.port).toBe(9)
})

test('the quote is the latest that a flow sent, a second old at most', () => {
  const s = new Scene()
  s.confirm(packet('in4'), packet('out4'))
  s.run(5000)
  const later = datagram('198.51.100.7', 40_000, '192.0.2.1', 5000, 77)
  s.give(later)
  s.notifier.offline(s.now, 'shop')
  expect(hex(s.collect()[0]!, 28, 56)).toBe(hex(later, 0, 28))
})

test('what comes by loopback from this machine itself is told as well', () => {
  const s = new Scene({ mine: () => true })
  const [into, out] = [
    datagram('127.0.0.1', 40_000, '127.0.0.1', 5000),
    datagram('127.0.0.1', 5000, '127.0.0.1', 40_000),
  ]
  s.confirm(into, out, { port: ETH0 })
  s.notifier.offline(s.now, 'shop')
  expect(s.collect()).toEqual([])
  const t = new Scene({ mine: () => true })
  t.confirm(into, out, { port: LOOPBACK })
  t.notifier.offline(t.now, 'shop')
  expect(t.collect()).toHaveLength(1)
})
