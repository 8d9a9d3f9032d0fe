import { expect, test } from 'vitest'
import type { Instant } from '../clock.ts'
import type { Lab } from './lab.ts'
import { lab } from './lab.ts'

const two = (): Lab => lab({ nodes: { a: 'host', b: 'host' }, links: [['a', 'b']] })
const at = (ms: number) => ms as Instant
/** Lets everything that promises and the event loop have under way happen. */
const turn = () => new Promise<void>((done) => setImmediate(() => setImmediate(() => setImmediate(done))))

test('time stands still while nobody waits, and goes to the deadline of who waits', async () => {
  const net = two()
  await turn()
  expect(net.now).toBe(0)
  await net.clock.wait(at(250), [], false)
  expect(net.now).toBe(250)
})

test('of two who wait the earlier goes on first, and time waits for it before it goes to the later', async () => {
  const net = two()
  const [a, b] = [net.node('a').door(), net.node('b').door()]
  const order: string[] = []
  const one = async () => {
    await net.clock.wait(at(100), [a], false)
    order.push(`a at ${net.now}`)
    // What takes real time takes no virtual time.
    await turn()
    order.push(`a still at ${net.now}`)
    await net.clock.wait(at(300), [a], false)
    order.push(`a at ${net.now}`)
  }
  const other = async () => {
    await net.clock.wait(at(200), [b], false)
    order.push(`b at ${net.now}`)
    net.clock.leave([b])
  }
  await Promise.all([one(), other()])
  expect(order).toEqual(['a at 100', 'a still at 100', 'b at 200', 'a at 300'])
})

test('an open door that nobody waits for holds time; closing it lets go', async () => {
  const net = two()
  const [a, b] = [net.node('a').door(), net.node('b').door()]
  let over = false
  const waited = net.clock.wait(at(100), [a], false).then(() => {
    over = true
  })
  await turn()
  expect([over, net.now]).toEqual([false, 0])
  await b[Symbol.asyncDispose]()
  await waited
  expect(net.now).toBe(100)
})

test('a wait ends early when its door has something to give', async () => {
  const net = two()
  const door = net.node('a').door()
  const request = Uint8Array.from([
    0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 8, 0, 0xf7, 0xfe, 0, 1, 0, 0,
  ])
  let due = true
  const machine = {
    pollTransmit: (_now: Instant, slot: { bytes: Uint8Array; at: number; end: number }) => {
      if (!due) return false
      due = false
      slot.bytes.set(request, slot.at)
      slot.end = slot.at + request.length
      return true
    },
    handleSent: () => {},
    handleUnsent: () => {},
  }
  door.send(net.now, machine)
  await net.clock.wait(at(1e6), [door], false)
  // ARP there and back, echo there and back: a tenth of a millisecond each.
  expect(net.now).toBeCloseTo(0.4, 9)
  expect(door.waiting).toBe(1)
})

test('wake ends the wait under way, or the next one; an abort ends its own', async () => {
  const net = two()
  const never = net.clock.wait(undefined, [], false)
  net.clock.wake()
  await never
  net.clock.wake()
  await net.clock.wait(undefined, [], false)
  const stop = new AbortController()
  const aborted = net.clock.wait(undefined, [], false, stop.signal)
  stop.abort()
  await aborted
  await net.clock.wait(undefined, [], false, stop.signal)
  expect(net.now).toBe(0)
})

test('run moves time for those who wait, too', async () => {
  const net = two()
  const door = net.node('a').door()
  const held = net.node('b').door()
  const waited = net.clock.wait(at(100), [door], false)
  net.run(150)
  await waited
  expect(net.now).toBe(150)
  expect(held.open).toBe(true)
})

test('the wall clock of virtual time 0 is the given one, and a node may be wrong by so much', () => {
  const net = lab({
    epoch: 1_000_000_000n,
    nodes: { a: { kind: 'host', clockOffset: -250 }, b: 'host' },
    links: [['a', 'b']],
  })
  expect(net.clock.wall(at(1.5))).toBe(1_001_500_000n)
  expect(net.node('a').node.wall(at(0))).toBe(750_000_000n)
})
