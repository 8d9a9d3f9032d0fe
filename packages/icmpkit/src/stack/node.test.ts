import { expect, test } from 'vitest'
import { OneNode, port } from '../../../../test/stack/one-node.ts'
import { hex } from '../wire/octets.ts'

test('an echo request to an address of the node comes back from it, everything else unchanged (RFC 1122 §3.2.2.6)', () => {
  const n = new OneNode({ ports: [port(1, { medium: 'ip', addresses: ['192.0.2.1/24'] })] })
  n.run(10_000)
  // Both packets as scapy makes them.
  const [answer] = n.give('45000020000040004001b6d9c0000202c00002010800f7fd0001000100000000')
  expect(hex(answer!)).toBe('45000020000040004001b6d9c0000201c00002020000fffd0001000100000000')
})
