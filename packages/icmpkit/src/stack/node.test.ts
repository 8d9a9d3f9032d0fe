import { expect, test } from 'vitest'
import { ip4, OneNode, port } from '../../../../test/stack/one-node.ts'
import type { Instant } from '../clock.ts'
import { hex } from '../wire/octets.ts'

test('an echo request to an address of the node comes back from it, everything else unchanged (RFC 1122 §3.2.2.6)', () => {
  const n = new OneNode({ ports: [port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] })] })
  n.run(10_000)
  // Both packets as scapy makes them.
  const [answer] = n.give('45000020000040004001b6d9c0000202c00002010800f7fd0001000100000000')
  expect(hex(answer!)).toBe('45000020000040004001b6d9c0000201c00002020000fffd0001000100000000')
})

test('of what strangers bring about 500 events are told at once and 20 a second, the rest is counted; its own addresses are always told', () => {
  const n = new OneNode({ ports: [port(1, { addresses: ['192.0.2.1/24'] })] })
  n.events.length = 0
  const flood = (times: number) => {
    for (let i = 0; i < times; i++) {
      n.node.emit({ kind: 'log', at: n.now as Instant, port: 1, what: 'something', about: undefined })
      n.node.pollEvent()
    }
  }
  n.run(60_000)
  flood(10_000)
  expect(n.node.counters.untold).toBe(9500)
  n.run(1000)
  flood(100)
  expect(n.node.counters.untold).toBe(9580)
  n.node.emit({ kind: 'address-gone', at: n.now as Instant, port: 1, address: ip4('192.0.2.1'), why: 'removed' })
  expect(n.node.pollEvent()?.kind).toBe('address-gone')
})
