/** What a host does about fragments whose others do not come: me ── b. Linux is told to give up after a second. */
import type { Packet, Scenario } from './scenario.ts'

const first = (to: string, id: number): Packet => ({
  to,
  id,
  fragment: { offset: 0, more: true },
  carries: { kind: 'echo', size: 600, slice: [0, 400] },
})
const last = (to: string, id: number): Packet => ({
  to,
  id,
  fragment: { offset: 400, more: false },
  carries: { kind: 'echo', size: 600, slice: [400, 608] },
})

export const patience: Scenario = {
  name: 'fragments that wait',
  network: { nodes: { me: 'host', b: 'host' }, links: [['me', 'b']] },
  sysctl: { b: { 'ipv4.ipfrag_time': 1, 'ipv6.ip6frag_time': 1 } },
  cases: [
    {
      name: 'IPv4: a datagram that stays incomplete is given up, and its sender told, where the first fragment is there (RFC 792, RFC 1122 §3.3.2)',
      send: first('10.0.0.2', 1),
      answers: [{ from: '10.0.0.2', type: 11, code: 1, quotes: 28 }],
      wait: 130_000,
    },
    {
      name: 'IPv6: a packet that stays incomplete is given up, and its sender told, where the first fragment is there (RFC 8200 §4.5)',
      send: first('2001:db8::2', 1),
      answers: [{ from: '2001:db8::2', type: 3, code: 1, quotes: 48 }],
      wait: 130_000,
    },
    {
      name: 'IPv4: without the first fragment nobody is told (RFC 792)',
      send: last('10.0.0.2', 2),
      answers: [],
      wait: 130_000,
      linuxWait: 1600,
    },
    {
      name: 'IPv6: without the first fragment nobody is told (RFC 8200 §4.5)',
      send: last('2001:db8::2', 2),
      answers: [],
      wait: 130_000,
      linuxWait: 1600,
    },
    {
      name: 'IPv4: fragments of two datagrams are not mixed',
      send: [first('10.0.0.2', 3), last('10.0.0.2', 4)],
      answers: [{ from: '10.0.0.2', type: 11, code: 1 }],
      wait: 130_000,
    },
    {
      name: 'IPv6: a first fragment of a length that is not a multiple of eight is a parameter problem at the length (RFC 8200 §4.5)',
      send: {
        to: '2001:db8::2',
        id: 5,
        fragment: { offset: 0, more: true },
        carries: { kind: 'echo', size: 600, slice: [0, 401] },
      },
      answers: [{ from: '2001:db8::2', type: 4, code: 0, pointer: 4 }],
    },
    {
      name: 'IPv6: a fragment that would make the packet longer than 65,535 octets is a parameter problem at its offset (RFC 8200 §4.5)',
      send: {
        to: '2001:db8::2',
        id: 6,
        fragment: { offset: 65_528, more: false },
        carries: { kind: 'echo', size: 600, slice: [0, 408] },
      },
      answers: [{ from: '2001:db8::2', type: 4, code: 0, pointer: 42 }],
    },
    {
      name: 'IPv6: an atomic fragment is a whole packet (RFC 6946 §4)',
      send: { to: '2001:db8::2', id: 7, fragment: { offset: 0, more: false }, carries: { kind: 'echo', size: 100 } },
      answers: [{ from: '2001:db8::2', type: 129, code: 0, size: 100 }],
    },
  ],
}
