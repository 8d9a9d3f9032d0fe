import { expect, test } from 'vitest'
import type { Instant } from '../clock.ts'
import type { Arrival, Slot } from '../door.ts'
import { type Ip4, parseIp } from '../wire/addr.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as ip4 from '../wire/ip4.ts'
import { lab } from './lab.ts'

const [A, B] = [parseIp('10.0.0.1')! as Ip4, parseIp('10.0.0.2')! as Ip4]

function scene() {
  const net = lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b']] })
  const door = net.node('a').flowDoor()
  net.clock.leave([door])
  const seen: { from: string; link: Arrival['link']; port: number; time: number }[] = []
  const machine = {
    handlePacket: (_now: Instant, { bytes, at, end, link, port, stamp }: Arrival) => {
      const h = ip4.parse(bytes, at, end)
      if (h.kind === 'ip4') seen.push({ from: h.src === A ? 'a' : 'b', link, port, time: stamp })
      return false
    },
    handleSent: () => {},
    handleUnsent: () => {},
  }
  const socket = net.node('a').node.transport.udp.bind({ family: 4, port: 5000, queue: 100_000 })
  const other = net.node('b').node.transport.udp.bind({ family: 4, port: 6000 })
  other.connect(A, 5000)
  const say = (data = new Uint8Array(3)) => {
    other.send(net.now, data)
    net.node('b').settle(net.now)
  }
  // What hosts say when they begin, and who has which address.
  net.run(20_000)
  say()
  net.run(20_010)
  door.receive(net.now, machine, Number.POSITIVE_INFINITY)
  socket.receive()
  seen.length = 0
  return { net, door, seen, machine, socket, say }
}

test('it sees what comes and what leaves, in that order, with the moment and the port; ARP it does not show', () => {
  const { net, door, seen, machine, socket, say } = scene()
  say()
  net.run(20_020)
  const r = socket.receive()!
  socket.send(net.now, r.data, { address: r.from, port: r.fromPort })
  net.node('a').settle(net.now)
  net.run(20_030)
  expect(door.waiting).toBe(2)
  expect(door.receive(net.now, machine, 1)).toBe(1)
  expect(door.receive(net.now, machine, 10)).toBe(1)
  expect(seen).toMatchObject([
    { from: 'b', link: 'host', port: 1 },
    { from: 'a', link: 'other', port: 1, time: 20_020 },
  ])
  expect(seen[0]!.time - 20_010).toBeLessThan(1)
})

test('what nobody takes is bounded, and what found no room is counted', () => {
  const { net, door, machine, say } = scene()
  for (let i = 0; i < 10_000; i++) {
    say()
    if (i % 100 === 0) net.run(net.now + 1)
  }
  net.run(net.now + 100)
  expect(door.waiting).toBe(8192)
  expect(door.loss.queueOverflow).toBe(10_000 - 8192)
  expect(door.receive(net.now, machine, Number.POSITIVE_INFINITY)).toBe(8192)
  say()
  net.run(net.now + 10)
  expect(door.waiting).toBe(1)
})

test('whole packets leave by the routes of the node, more at once than a port has room for; what has no route is told', () => {
  const { net, door } = scene()
  let left = 1000
  const unsent: string[] = []
  const sender = {
    pollTransmit: (_now: Instant, slot: Slot) => {
      if (left-- <= 0) return false
      const dst = left === 500 ? (parseIp('203.0.113.9')! as Ip4) : B
      const payload = ip4.write({ src: A, dst, protocol: icmp4.PROTOCOL }, slot.bytes, slot.at, 8)
      slot.end = icmp4.write(
        { kind: 'echoRequest', code: 0, id: 1, seq: left, data: new Uint8Array(0) },
        slot.bytes,
        payload,
      )
      slot.tag = 7
      return true
    },
    handleSent: () => {},
    handleUnsent: (_now: Instant, tag: number, why: string) => void unsent.push(`${tag} ${why}`),
  }
  while (door.send(net.now, sender));
  net.run(21_000)
  expect(unsent).toEqual(['7 no-route'])
  expect(net.link('a-b').counts.carried).toBeGreaterThanOrEqual(2 * 999)
})

test('closed, it sees and sends nothing, and holds no time', async () => {
  const { net, door, say } = scene()
  await door[Symbol.asyncDispose]()
  say()
  net.run(20_020)
  expect([door.open, door.waiting]).toEqual([false, 0])
  expect(door.send(net.now, { pollTransmit: () => true, handleSent: () => {}, handleUnsent: () => {} })).toBe(false)
})
