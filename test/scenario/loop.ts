/** Two gateways that send 198.51.100.0/24 and 2001:db8:51::/48 to each other: me ── r1 ── r2. */
import type { Packet, Scenario } from './scenario.ts'

const echo = (to: string, more: Partial<Packet> = {}): Packet => ({ to, carries: { kind: 'echo' }, ...more })

export const loop: Scenario = {
  name: 'a routing loop',
  network: {
    nodes: {
      me: 'host',
      r1: { kind: 'gateway', routes: { '198.51.100.0/24': '10.0.1.2', '2001:db8:51::/48': '2001:db8:0:1::2' } },
      r2: { kind: 'gateway', routes: { '198.51.100.0/24': '10.0.1.1', '2001:db8:51::/48': '2001:db8:0:1::1' } },
    },
    links: [
      ['me', 'r1'],
      ['r1', 'r2'],
    ],
  },
  cases: [
    {
      name: 'IPv4: a packet in a loop dies of its TTL, and its sender is told once (RFC 1812 §5.3.1)',
      send: echo('198.51.100.1', { ttl: 10 }),
      answers: [{ from: '10.0.1.2', type: 11, code: 0, quotedTtl: 1 }],
    },
    {
      name: 'IPv6: a packet in a loop dies of its hop limit, and its sender is told once (RFC 8200 §3)',
      send: echo('2001:db8:51::1', { ttl: 9 }),
      answers: [{ from: '2001:db8::2', type: 3, code: 0 }],
      linux: {
        answers: [{ from: '2001:db8:0:1::1', type: 3, code: 0 }],
        because:
          'Linux speaks from the port where the packet came in, the more informative choice that RFC 4443 §2.2(b) allows',
      },
    },
    {
      name: 'IPv4: the longest TTL comes to its end too',
      send: echo('198.51.100.1', { ttl: 255 }),
      answers: [{ from: '10.0.0.2', type: 11, code: 0 }],
    },
  ],
}
