import { expect, test } from 'vitest'
import type { Instant } from '../clock.ts'
import type { Arrival, Slot } from '../door.ts'
import { finish, pseudo6, sum } from '../wire/checksum.ts'
import { hex, u16, unhex } from '../wire/octets.ts'
import { type Lab, lab } from './lab.ts'
import type { LabDoor } from './lab-door.ts'

/** Sends what it is given, answers nothing, writes down what it is told. */
class Scribe {
  readonly told: string[] = []
  readonly got: { bytes: Uint8Array; origin: string; stamp: number }[] = []
  #due: Uint8Array[] = []
  #port = 0

  send(net: Lab, door: LabDoor, packet: string, port = 0): this {
    this.#due = [unhex(packet)]
    this.#port = port
    door.send(net.now, this)
    return this
  }

  pollTransmit(_now: Instant, slot: Slot): boolean {
    const packet = this.#due.shift()
    if (packet === undefined) return false
    slot.bytes.set(packet, slot.at)
    slot.end = slot.at + packet.length
    slot.port = this.#port
    slot.tag = 7
    return true
  }

  handlePacket(_now: Instant, a: Arrival): boolean {
    this.got.push({ bytes: a.bytes.slice(a.at, a.end), origin: a.origin, stamp: a.stamp })
    return false
  }

  handleSent(_now: Instant, tag: number, stamp: Instant, clock: string): void {
    this.told.push(`sent ${tag} ${stamp} ${clock}`)
  }

  handleUnsent(_now: Instant, tag: number, why: string, mtu: number): void {
    this.told.push(`unsent ${tag} ${why} ${mtu}`)
  }
}

/** The checksum of ECHO6 to that address, from the unspecified one. */
function sumOf6(to: string): string {
  const icmp = unhex('8000000000010001')
  const header = unhex(`${'00'.repeat(24)}${to}`)
  return finish(sum(icmp, 0, icmp.length, pseudo6(header, 0, 58, icmp.length)))
    .toString(16)
    .padStart(4, '0')
}

const line = () =>
  lab({
    nodes: { a: { kind: 'host', routes: { '198.51.100.0/24': 'prohibit' } }, r: 'gateway', b: 'host' },
    links: [
      ['a', 'r', { mtu: 1280 }],
      ['r', 'b'],
    ],
  })

// Echo requests as scapy makes them: from 0.0.0.0 and no identification, to 10.0.1.2 and to 2001:db8:0:1::2 from ::.
const ECHO4 = '4500001c000000004001 0000 00000000 0a000102 0800f7fd00010001'
const ECHO6 = '6000000000083a40 00000000000000000000000000000000 20010db8000000010000000000000002 8000 51ff 0001 0001'

test('what is the host to choose is filled in: source, identification, checksums; the reply comes to the door', () => {
  const net = line()
  const door = net.node('a').door()
  const out: string[] = []
  net.tap('a-r', (p) => {
    const own = p.from === 'a' && p.bytes[p.at + 13] !== 6
    if (own && (p.bytes[p.at + 12] === 8 ? p.bytes[p.at + 23] === 1 : p.bytes[p.at + 54] === 128))
      out.push(hex(p.bytes, p.at + 14, p.end))
  })
  const m = new Scribe().send(net, door, ECHO4).send(net, door, ECHO6)
  net.run(100)
  // As scapy fills in the same headers with the source and identification.
  expect(out).toEqual([
    '4500001c00010000400165de0a0000010a0001020800f7fd00010001',
    '6000000000083a4020010db800000000000000000000000120010db80000000100000000000000028000244500010001',
  ])
  expect(m.told).toEqual(['sent 7 0 virtual', 'sent 7 0 virtual'])
  door.receive(net.now, m, 10)
  const types = m.got.map((g) => g.bytes[g.bytes[0]! >>> 4 === 4 ? 20 : 40])
  // With the neighbour advertisement of r, which is for the host and of its messages.
  expect(types.toSorted((x, y) => x! - y!)).toEqual([0, 129, 136])
})

test('a packet that cannot leave says why: no route, a prohibited one, too big for the link where it may not be fragmented', () => {
  const net = line()
  const door = net.node('a').door()
  const m = new Scribe()
  const big = `4500 0514 0001 4000 4001 0000 0a000001 0a000102 ${'00'.repeat(1280)}`
  m.send(net, door, ECHO4.replace('0a000102', 'c6336401'))
  m.send(net, door, big)
  m.send(net, door, ECHO4, 9)
  m.send(net, door, '45')
  expect(m.told).toEqual([
    'unsent 7 not-permitted 0',
    'unsent 7 too-big 1280',
    'unsent 7 no-route 0',
    'unsent 7 other 0',
  ])
  const alone = lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b']] })
  expect(new Scribe().send(alone, alone.node('a').door(), ECHO4).told).toEqual(['unsent 7 no-route 0'])
})

test('a node that asks itself is answered, of both families and at each of its addresses, and no link sees it', () => {
  const net = line()
  const door = net.node('r').door()
  let packets = 0
  net.run(1000)
  for (const link of ['a-r', 'r-b']) net.tap(link, () => packets++)
  const m = new Scribe()
  for (const to of ['0a000002', '0a000101']) m.send(net, door, ECHO4.replace('0a000102', to))
  for (const to of ['20010db8000000000000000000000002', '20010db8000000010000000000000001'])
    m.send(net, door, ECHO6.replace('20010db8000000010000000000000002', to).replace('51ff', sumOf6(to)))
  net.run(1001)
  door.receive(net.now, m, 20)
  expect(m.told).toEqual(Array.from({ length: 4 }, () => 'sent 7 0 virtual'.replace('0', '1000')))
  const replies = m.got.flatMap(({ bytes }) =>
    bytes[0]! >>> 4 === 4
      ? bytes[20] === 0
        ? [hex(bytes, 12, 20)]
        : []
      : bytes[40] === 129
        ? [hex(bytes, 8, 24)]
        : [],
  )
  expect(replies.toSorted()).toEqual([
    '0a0000020a000002',
    '0a0001010a000101',
    '20010db8000000000000000000000002',
    '20010db8000000010000000000000001',
  ])
  expect(packets).toBe(0)
})

test('what may be fragmented is, and its reply comes as a whole', () => {
  const net = line()
  const door = net.node('a').door()
  const m = new Scribe().send(
    net,
    door,
    `4500 0594 0001 0000 4001 0000 0a000001 0a000102 0800f7fd00010001 ${'00'.repeat(1400)}`,
  )
  net.run(100)
  door.receive(net.now, m, 10)
  expect(m.told).toEqual(['sent 7 0 virtual'])
  expect(m.got.map((g) => [g.bytes[20], g.bytes.length])).toEqual([[0, 1428]])
})

test('IPv6 is cut in two at its source unless it is to stay whole: then the host says that it is too long, and how long it may be', () => {
  const net = line()
  const door = net.node('a').door()
  const long = `6000 0000 0580 3a40 ${'00'.repeat(16)} 20010db8000000010000000000000002 8000000000010001 ${'00'.repeat(1400)}`
  const m = new Scribe().send(net, door, long)
  door.keepWhole()
  m.send(net, door, long)
  expect(m.told).toEqual(['sent 7 0 virtual', 'unsent 7 too-big 1280'])
})

test('the sender has the first place in a route and in timestamps that are recorded, as Linux gives it, and no second one', () => {
  const net = line()
  const door = net.node('a').door()
  const seen: string[] = []
  net.tap('a-r', (p) => {
    if (p.from === 'a' && u16(p.bytes, p.at + 12) === 0x0800) seen.push(hex(p.bytes, p.at + 14 + 20, p.end - 8))
  })
  const echo = (octets: string, options: string) =>
    `4${octets} 0000 0001 4000 4001 0000 00000000 0a000102 ${options} 0800f7fd00010001`
  const m = new Scribe()
  m.send(net, door, echo('800', `01 070b04 ${'00'.repeat(8)}`))
  m.send(net, door, echo('900', `440c 05 01 ${'00'.repeat(8)} ${'00'.repeat(4)}`))
  // Somebody else was here before: a datagram that is only handed on.
  m.send(net, door, echo('800', '01 070b08 c0000201 00000000'))
  net.run(100)
  // Epoch of the lab: midnight, and nothing has gone by.
  expect(seen).toEqual(['01070b080a00000100000000', '440c0d010a0000010000000000000000', '01070b08c000020100000000'])
  expect(m.told).toEqual(Array.from({ length: 3 }, () => 'sent 7 0 virtual'))
})

test('a neighbour that does not answer is told by the host itself, in an error that was on no wire', () => {
  const net = line()
  const door = net.node('a').door()
  const m = new Scribe().send(net, door, ECHO4.replace('0a000102', '0a00004d'))
  net.run(10_000)
  door.receive(net.now, m, 10)
  expect(m.got).toHaveLength(1)
  const { bytes, origin } = m.got[0]!
  expect([origin, hex(bytes, 12, 22), hex(bytes, 28 + 12, 28 + 20)]).toEqual([
    'rebuilt',
    '0a0000010a0000010301',
    '0a0000010a00004d',
  ])
})

test('every door of a node hears every ICMP message for it; a closed one hears and sends nothing', async () => {
  const net = line()
  const [one, two] = [net.node('a').door(), net.node('a').door()]
  new Scribe().send(net, one, ECHO4)
  net.run(100)
  expect([one.waiting, two.waiting]).toEqual([1, 1])
  await two[Symbol.asyncDispose]()
  const m = new Scribe().send(net, one, ECHO4).send(net, two, ECHO4)
  net.run(200)
  expect(m.told).toHaveLength(1)
  expect([one.waiting, two.waiting]).toEqual([2, 0])
})

test('what nobody takes is dropped and counted: the queue is bounded', () => {
  const net = lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b', { medium: 'ip', delay: 0 }]] })
  const door = net.node('a').door()
  const reply = unhex('4500001c0001000040010000 0a000002 0a000001 0000fffd00010001')
  reply.set([0x66, 0xde], 10)
  for (let i = 0; i < 5000; i++) {
    net.node('b').inject(net.now, 1, reply)
    net.run(i)
  }
  expect(door.waiting).toBe(4096)
  expect(door.loss.queueOverflow).toBe(5000 - 4096)
})

test('a machine that always has something to send does not stop time: the door is full after a while', () => {
  const net = line()
  const door = net.node('a').door()
  let polled = 0
  const endless = {
    pollTransmit: (_now: Instant, slot: Slot) => {
      polled++
      slot.bytes.set(unhex(ECHO4), slot.at)
      slot.end = slot.at + 28
      return true
    },
    handleSent: () => {},
    handleUnsent: () => {},
  }
  expect(door.send(net.now, endless)).toBe(true)
  expect(polled).toBe(1024)
})
