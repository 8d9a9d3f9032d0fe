/** Frames that leave in the buffer that they came in; what else a gateway does with a flow is in forward.test.ts. */
import { expect, test } from 'vitest'
import { OneNode, port } from '../../../../../test/stack/one-node.ts'
import { packet } from '../../../../../test/stack/transit-packets.ts'
import type { Instant } from '../../clock.ts'
import { hex, unhex } from '../../wire/octets.ts'
import type { ArpSettings } from './arp-settings.ts'
import type { Way } from './ways.ts'

/** From 192.0.2.2 by port 1 to 198.51.100.9 on port 2, as scapy makes it. */
const CAME = `02000000000102000000002208 00${packet('plain')}`.replace(' ', '')
const leaves = (mac: string) => `${mac}0200000000020800${packet('plainOut')}`
const NEIGHBOUR = '020000000099'
const OTHER = '0200000000aa'

/** A gateway that has forwarded the datagram once, and whose neighbour on port 2 said its address at 0. */
function gateway(arp: Partial<ArpSettings> = {}): OneNode {
  const n = new OneNode({
    role: 'gateway',
    ports: [port(1, { addresses: ['192.0.2.1/24'] }), port(2, { addresses: ['198.51.100.1/24'] })],
    ip4: { arpProbe: { count: 0, announcements: 0 }, arp },
  })
  says(n, NEIGHBOUR, 'c6336409')
  expect(n.give(CAME).map((b) => hex(b))).toEqual([leaves(NEIGHBOUR)])
  settle(n)
  return n
}

/** 198.51.100.… asks the gateway for its address, which tells its own. */
function says(n: OneNode, mac: string, address: string): void {
  n.give(`ffffffffffff${mac}08060001080006040001${mac}${address}000000000000c6336401`, { port: 2 })
  settle(n)
}

/** As who drives a node does: what waits is taken, its timers are looked at. */
function settle({ node }: OneNode): void {
  for (let p = node.takeWaiting(); p !== undefined; p = node.takeWaiting()) p.queue.clear()
  node.changes.toSettle = false
}

function wayOf(n: OneNode, frame = CAME): Way | undefined {
  return n.node.ip4.forward.wayOf(n.now as Instant, frameOf(frame), n.node.ports.get(1)!)
}

function frameOf(octets: string): { bytes: Uint8Array; end: number } {
  const bytes = unhex(octets)
  return { bytes, end: bytes.length }
}

/** What the frame is then; undefined where it is not relayed, and nothing of it has changed. */
function relayed(n: OneNode, way: Way | undefined, octets = CAME): string | undefined {
  const frame = frameOf(octets)
  if (way?.isOf(frame, n.node.ports.get(1)!) === true && way.relay(n.now, frame)) return hex(frame.bytes, 0, frame.end)
  expect(hex(frame.bytes)).toBe(octets)
  return undefined
}

test('a frame of a known flow becomes the one that the gateway would send, padding left out, and is counted as it would be', () => {
  const n = gateway()
  const { received, forwarded } = n.node.counters
  const way = wayOf(n)
  expect(relayed(n, way)).toBe(leaves(NEIGHBOUR))
  expect(relayed(n, way, `${CAME}000000000000`)).toBe(leaves(NEIGHBOUR))
  expect(n.node.counters).toMatchObject({ received: received + 2, forwarded: forwarded + 2 })
})

test.each([
  ['for another station', CAME.replace('020000000001', '020000000003')],
  ['for all', CAME.replace('020000000001', 'ffffffffffff')],
  ['of another type', CAME.replace('0800', '86dd')],
  ['whose TTL ends', `${CAME.slice(0, 28)}${packet('ttl1')}`],
  ['with a wrong checksum', `${CAME.slice(0, 28)}${packet('badChecksum')}`],
  ['that is cut', CAME.slice(0, -2)],
  ['that is cut in its header', CAME.slice(0, 66)],
  ['with options', CAME.replace('45000020', '46000020')],
])('a frame %s is none to relay', (_what, frame) => {
  const n = gateway()
  const way = wayOf(n)
  expect(relayed(n, way)).toBe(leaves(NEIGHBOUR))
  expect(relayed(n, way, frame)).toBe(undefined)
})

test('a neighbour that says another link-layer address has the next frame there (RFC 826)', () => {
  const n = gateway()
  const way = wayOf(n)
  says(n, OTHER, 'c6336409')
  expect(relayed(n, way)).toBe(undefined)
  expect(relayed(n, wayOf(n))).toBe(leaves(OTHER))
})

test('a neighbour whose row another took is asked for again', () => {
  const n = gateway({ entries: 1 })
  const way = wayOf(n)
  n.node.ip4.send(n.now as Instant, { dst: 0xc6336407 as never, protocol: 253, payload: new Uint8Array(8) })
  settle(n)
  expect(n.node.ip4.arp.entries().map((e) => e.mac)).toEqual([undefined])
  expect(relayed(n, way)).toBe(undefined)
  expect(wayOf(n)).toBe(undefined)
})

test('a neighbour that is out of date is polled first, to the millisecond (RFC 1122 §2.3.2.1)', () => {
  const n = gateway({ timeoutMs: 1500.5 })
  n.now = 1000
  const way = wayOf(n)
  n.now = 1499
  expect(relayed(n, way)).toBe(leaves(NEIGHBOUR))
  n.now = 1500.4
  expect(relayed(n, wayOf(n))).toBe(undefined)
  expect(n.give(CAME).map((b) => hex(b))).toEqual([leaves(NEIGHBOUR)])
  n.now = 1500.5
  expect(wayOf(n)).toBe(undefined)
  // The poll by unicast, and the datagram behind it.
  const [poll, datagram] = n.give(CAME)
  expect(hex(poll!, 0, 14)).toBe(`${NEIGHBOUR}0200000000020806`)
  expect(hex(datagram!)).toBe(leaves(NEIGHBOUR))
})

test('a neighbour to which frames are relayed is in use, and keeps its row when another is needed', () => {
  const n = gateway({ entries: 2 })
  says(n, OTHER, 'c6336407')
  for (n.now = 100; n.now < 5000; n.now += 100)
    if (relayed(n, wayOf(n)) === undefined) throw new Error('it is not relayed')
  n.node.ip4.send(n.now as Instant, { dst: 0xc6336408 as never, protocol: 253, payload: new Uint8Array(8) })
  expect(n.node.ip4.arp.entries().map((e) => hex(e.mac ?? new Uint8Array(0)))).toEqual([NEIGHBOUR, ''])
})

test('no frame passes what waits in the gateway to be sent, or to be told', () => {
  const n = gateway()
  const way = wayOf(n)
  n.node.ip4.send(n.now as Instant, { dst: 0xc6336409 as never, protocol: 253, payload: new Uint8Array(8) })
  n.node.changes.toSettle = false
  expect(relayed(n, way)).toBe(undefined)
  settle(n)
  expect(relayed(n, way)).toBe(leaves(NEIGHBOUR))
  n.node.emit({ kind: 'log', at: n.now as Instant, port: 1, what: 'something', about: undefined } as never)
  expect(relayed(n, way)).toBe(undefined)
})

test.each([
  ['an MTU', { mtu: 31 }],
  ['another card', { mac: unhex('0200000000bb') }],
  ['no carrier', { up: false }],
])('a port that has %s from now on counts from the next frame on', (_what, change) => {
  for (const index of [1, 2]) {
    const n = gateway()
    const way = wayOf(n)
    n.node.changePort(n.now as Instant, index, change)
    n.events.length = 0
    settle(n)
    expect(relayed(n, way)).toBe(undefined)
    expect(wayOf(n)).toBe(undefined)
  }
})
