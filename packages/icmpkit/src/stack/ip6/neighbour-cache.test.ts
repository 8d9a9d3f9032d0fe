import { expect, test } from 'vitest'
import { echo, frame, left, na, ns, ofType, slla, tlla } from '../../../../../test/stack/nd-octets.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import { hex, put32 } from '../../wire/octets.ts'
import type { Ip6Settings } from './settings.ts'

const MAC = '0200000000aa'
const REPLY = 129

function started(settings: Partial<Ip6Settings>, role: 'host' | 'gateway' = 'host'): OneNode {
  const n = new OneNode({ role, ip6: settings, ports: [port(1, { addresses: ['2001:db8::1/64'], queue: 8 })] })
  n.run(10_000)
  n.taken()
  return n
}

/** A solicitation from `2001:db8::aa` made over for endless other sources: its low or its high half changes, its sum with it. */
function forger(half: 'low' | 'high'): (i: number) => Uint8Array {
  const template = frame({ from: '2001:db8:0:0:1:2:0:0', to: '2001:db8::1' }, ns('2001:db8::1', slla(MAC)))
  const at = half === 'low' ? 14 + 8 + 12 : 14 + 8 + 4
  const sumAt = 14 + 40 + 2
  const was = ((template[at]! << 8) | template[at + 1]!) + ((template[at + 2]! << 8) | template[at + 3]!)
  const sum = (template[sumAt]! << 8) | template[sumAt + 1]!
  return (i) => {
    const bytes = template.slice()
    put32(bytes, at, i)
    const is = ((bytes[at]! << 8) | bytes[at + 1]!) + ((bytes[at + 2]! << 8) | bytes[at + 3]!)
    let next = (~sum & 0xffff) + is - was
    while (next < 0) next += 0xffff
    while (next > 0xffff) next = (next & 0xffff) + (next >>> 16)
    bytes[sumAt] = (~next >>> 8) & 0xff
    bytes[sumAt + 1] = ~next & 0xff
    return bytes
  }
}

const cacheOf = (n: OneNode) => n.node.ip6.neighbours.link(n.node.ports.get(1)!).cache

test('forged sources that share their high or their low 64 bits fill the cache to its bound, and who is spoken to stays (RFC 6583 §6)', () => {
  for (const half of ['low', 'high'] as const) {
    const n = started({ neighbourLimit: 1000 })
    // Ten neighbours that have answered us, and are spoken to.
    const friends = Array.from({ length: 10 }, (_, i) => `2001:db8::f:${i}`)
    const speak = (from: string) => {
      const out = n.give(frame({ from, to: '2001:db8::1', hop: 64, mac: MAC }, echo()))
      n.taken()
      return out
    }
    for (const from of friends) {
      speak(from)
      n.give(frame({ from, to: '2001:db8::1' }, na(from, 'SO', tlla(MAC))))
    }
    const forge = forger(half)
    for (let i = 1; i <= 6000; i++) {
      n.give(forge(i))
      if (i % 1000 === 0) {
        n.taken()
        for (const from of friends) expect(ofType(speak(from), REPLY)).toHaveLength(1)
      }
    }
    expect(cacheOf(n).size).toBe(1000)
    for (const from of friends) expect(cacheOf(n).get(ip6(from))).toBeDefined()
    n.run(20_000)
    n.taken()
    expect(cacheOf(n).size).toBeLessThanOrEqual(10)
  }
})

test('a cache full of neighbours in use takes no stranger, says so, and goes on', () => {
  const n = started({ neighbourLimit: 50 })
  for (let i = 1; i <= 50; i++) {
    const from = `2001:db8::f:${i.toString(16)}`
    n.give(frame({ from, to: '2001:db8::1', hop: 64, mac: MAC }, echo()))
    n.give(frame({ from, to: '2001:db8::1' }, na(from, 'SO', tlla(MAC))))
  }
  n.taken()
  const stranger = frame({ from: '2001:db8::bad', to: '2001:db8::1' }, ns('2001:db8::1', slla(MAC)))
  for (let i = 0; i < 100; i++) n.give(stranger)
  expect(n.node.counters.dropped['table-full']).toBeGreaterThanOrEqual(100)
  expect(cacheOf(n).size).toBe(50)
  expect(cacheOf(n).get(ip6('2001:db8::bad'))).toBeUndefined()
  // A minute without a word, and there is room.
  n.run(70_000)
  n.taken()
  expect(n.give(stranger).map(left)).toMatchObject([{ type: 136, dst: '2001:db8::bad' }])
})

test('a scan of a whole prefix holds no more packets than its bound, and a live neighbour is still found (RFC 6583 §6)', () => {
  const n = new OneNode({
    role: 'gateway',
    ip6: { unresolvedLimit: 100 },
    ports: [port(1, { addresses: ['2001:db8::1/64'], queue: 8 }), port(2, { addresses: ['2001:db8:2::1/64'] })],
  })
  n.run(10_000)
  n.taken()
  const scan = (to: string) =>
    n.give(frame({ from: '2001:db8:2::5', to, hop: 64, dstMac: '020000000002' }, echo()), { port: 2 })
  for (let i = 0; i < 5000; i++) {
    scan(`2001:db8::${(i >> 8).toString(16)}:${(i & 255).toString(16)}:77`)
    n.taken()
  }
  expect(cacheOf(n).unresolved).toBe(100)
  expect(n.node.counters.dropped.unresolved).toBe(4900)
  // Strangers that speak up themselves push none of them out.
  for (let i = 0; i < 100; i++)
    n.give(frame({ from: `fe80::${i.toString(16)}:5`, to: '2001:db8::1' }, ns('2001:db8::1', slla(MAC))))
  n.taken()
  expect(cacheOf(n).unresolved).toBe(100)
  const asked = scan('2001:db8::aa').map(left)
  expect(asked).toMatchObject([{ type: 135, target: '2001:db8::aa' }])
  for (let i = 0; i < 50; i++) scan(`2001:db8::dead:${i.toString(16)}`)
  const found = n.give(frame({ from: '2001:db8::aa', to: '2001:db8::1' }, na('2001:db8::aa', 'SO', tlla(MAC))))
  expect(ofType(found, 128)).toMatchObject([{ dst: '2001:db8::aa', dstMac: MAC }])
  n.run(10_000)
  expect(cacheOf(n).unresolved).toBe(0)
})

test('a default router is not thrown out by a flood, though it has not answered us yet', () => {
  const n = started({ neighbourLimit: 200 })
  n.give(frame({ from: 'fe80::aa', to: 'ff02::1' }, `8600000000000708${'00'.repeat(8)}${slla(MAC)}`))
  const forge = forger('low')
  for (let i = 1; i <= 5000; i++) n.give(forge(i))
  n.taken()
  expect(hex(cacheOf(n).get(ip6('fe80::aa'))!.mac)).toBe(MAC)
})
