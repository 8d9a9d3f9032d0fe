/**
 * One segment with a host and two gateways, of which the host knows the first; a host behind the second:
 *
 *   me 10.0.0.1, r1 10.0.0.2, r2 10.0.0.3 on one Ethernet; r2 ── srv 10.0.1.2, 2001:db8:0:1::2
 */
import type { Packet, Scenario } from './scenario.ts'

const echo = (to: string, more: Partial<Packet> = {}): Packet => ({ to, carries: { kind: 'echo' }, ...more })
const udp = (to: string): Packet => ({ to, carries: { kind: 'udp', port: 9999 } })
/** Link-local addresses are made of the counted MACs. */
const LINK = { r1: 'fe80::ff:fe00:2', r2: 'fe80::ff:fe00:3' } as const
const SRV = { 4: '10.0.1.2', 6: '2001:db8:0:1::2' } as const

export const lan: Scenario = {
  name: 'two gateways on one segment',
  network: {
    nodes: { me: 'host', r1: 'gateway', r2: 'gateway', srv: 'host' },
    links: [
      ['me', 'r1', 'r2'],
      ['r2', 'srv'],
    ],
  },
  cases: [
    {
      name: 'IPv4: a TTL that ends at the wrong gateway is no cause for a redirect',
      send: echo(SRV[4], { ttl: 1 }),
      answers: [{ from: '10.0.0.2', type: 11, code: 0 }],
    },
    {
      name: 'IPv4: both gateways answer',
      send: [echo('10.0.0.2'), echo('10.0.0.3')],
      answers: [
        { from: '10.0.0.2', type: 0, code: 0 },
        { from: '10.0.0.3', type: 0, code: 0 },
      ],
    },
    {
      name: 'IPv4: a gateway forwards what another on the same link is nearer to, and tells the host (RFC 1812 §5.2.7.2)',
      send: echo(SRV[4]),
      answers: [
        { from: '10.0.0.2', type: 5, code: 1, gateway: '10.0.0.3', quotes: 28 },
        { from: SRV[4], type: 0, code: 0, ttl: 63 },
      ],
    },
    {
      name: 'IPv4: the host sends to the other gateway from then on (RFC 1122 §3.2.2.2)',
      send: echo(SRV[4], { ttl: 1 }),
      answers: [{ from: '10.0.0.3', type: 11, code: 0 }],
    },
    {
      name: 'IPv6: a gateway forwards what another on the same link is nearer to, and tells the host (RFC 4861 §8.2)',
      send: echo(SRV[6]),
      answers: [
        { from: LINK.r1, type: 137, code: 0, gateway: LINK.r2, ttl: 255 },
        { from: SRV[6], type: 129, code: 0, ttl: 63 },
      ],
    },
    {
      name: 'IPv6: the host sends to the other gateway from then on (RFC 4861 §8.3)',
      send: echo(SRV[6], { ttl: 1 }),
      answers: [{ from: '2001:db8::3', type: 3, code: 0 }],
    },
    {
      name: 'IPv4: an echo request to a broadcast address is not answered (RFC 1122 §3.2.2.6)',
      send: [echo('10.0.0.255'), echo('255.255.255.255')],
      answers: [],
    },
    {
      name: 'IPv4: an echo request to a group is not answered (RFC 1122 §3.2.2.6)',
      send: echo('224.0.0.1', { ttl: 1 }),
      answers: [],
    },
    {
      name: 'IPv4: no error about a broadcast or a multicast (RFC 1122 §3.2.2)',
      send: [udp('10.0.0.255'), udp('255.255.255.255'), udp('224.0.0.1')],
      answers: [],
    },
    {
      name: 'IPv6: an echo request to all nodes is answered by each from an address of its own (RFC 4443 §4.2)',
      send: echo('ff02::1'),
      answers: [
        { from: '2001:db8::2', type: 129, code: 0 },
        { from: '2001:db8::3', type: 129, code: 0 },
      ],
    },
    {
      name: 'IPv6: no error about a multicast (RFC 4443 §2.4(e.3))',
      send: [udp('ff02::1'), { to: 'ff02::1', carries: { kind: 'protocol', protocol: 253, octets: '01020304' } }],
      answers: [],
    },
    {
      name: 'IPv6: but an option that asks for it is told, to a group too (RFC 4443 §2.4(e.3))',
      send: echo('ff02::1', { extensions: [{ type: 60, octets: '0000 8e04 00000000' }] }),
      answers: [
        { from: '2001:db8::2', type: 4, code: 2, pointer: 42 },
        { from: '2001:db8::3', type: 4, code: 2, pointer: 42 },
      ],
    },
    {
      name: 'IPv6: an option that asks for an error but to groups gets none there (RFC 8200 §4.2)',
      send: echo('ff02::1', { extensions: [{ type: 60, octets: '0000 ce04 00000000' }] }),
      answers: [],
    },
    {
      name: 'IPv4: no error to a source that is a group (RFC 1122 §3.2.2)',
      send: { ...udp('10.0.0.2'), from: '224.0.0.9' },
      answers: [],
    },
  ],
}
