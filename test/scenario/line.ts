/**
 * Three gateways in a row, the middle link narrower:
 *
 *   me 10.0.0.1 ── r1 ──(1400)── r2 ── r3 ── srv 10.0.3.2, 2001:db8:0:3::2
 */
import type { Case, Packet, Scenario } from './scenario.ts'

const SRV = { 4: '10.0.3.2', 6: '2001:db8:0:3::2' } as const
/** The addresses of r1, r2, r3 that face `me`. */
const HOPS = {
  4: ['10.0.0.2', '10.0.1.2', '10.0.2.2'],
  6: ['2001:db8::2', '2001:db8:0:1::2', '2001:db8:0:2::2'],
} as const

const echo = (to: string, more: Partial<Packet> & { size?: number; seq?: number } = {}): Packet => {
  const { size, seq, ...rest } = more
  return {
    to,
    carries: { kind: 'echo', ...(size === undefined ? {} : { size }), ...(seq === undefined ? {} : { seq }) },
    ...rest,
  }
}

/** An echo request of 2,000 octets of data in two fragments, in this order. */
const fragments = (f: 4 | 6, id: number, order: readonly (0 | 1)[]): Packet[] =>
  order.map((i) => ({
    to: SRV[f],
    id,
    fragment: { offset: i * 1200, more: i === 0 },
    carries: { kind: 'echo', size: 2000, slice: i === 0 ? [0, 1200] : [1200, 2008] },
  }))

/** Both families: what each calls the same thing. */
const both = (make: (family: 4 | 6) => Case): Case[] => [make(4), make(6)]
const v = (family: 4 | 6) => `IPv${family}`
const REPLY = { 4: { type: 0, code: 0 }, 6: { type: 129, code: 0 } } as const
const EXPIRED = { 4: { type: 11, code: 0 }, 6: { type: 3, code: 0 } } as const

export const line: Scenario = {
  name: 'three gateways in a row',
  network: {
    nodes: {
      me: 'host',
      r1: {
        kind: 'gateway',
        routes: {
          '198.51.100.0/24': 'unreachable',
          '2001:db8:51::/48': 'unreachable',
          '203.0.113.0/24': 'prohibit',
          '2001:db8:113::/48': 'prohibit',
          '192.0.2.0/24': 'blackhole',
          '2001:db8:2::/48': 'blackhole',
        },
      },
      r2: 'gateway',
      r3: 'gateway',
      srv: 'host',
    },
    links: [
      ['me', 'r1'],
      ['r1', 'r2', { mtu: 1400 }],
      ['r2', 'r3'],
      ['r3', 'srv'],
    ],
  },
  cases: [
    ...both((f) => ({
      name: `${v(f)}: an echo crosses three gateways and comes back, each hop counted`,
      send: echo(SRV[f]),
      answers: [{ from: SRV[f], ...REPLY[f], ttl: 61, size: 56 }],
    })),
    ...both((f) => ({
      name: `${v(f)}: an echo to the nearest gateway is answered by it (RFC 1812 §4.3.3.6, RFC 4443 §4.2)`,
      send: echo(HOPS[f][0]),
      answers: [{ from: HOPS[f][0], ...REPLY[f], ttl: 64 }],
    })),
    ...both((f) => ({
      name: `${v(f)}: a gateway answers from the address that was asked, not the nearest (RFC 1812 §4.3.3.6)`,
      send: echo(f === 4 ? '10.0.2.1' : '2001:db8:0:2::1'),
      answers: [{ from: f === 4 ? '10.0.2.1' : '2001:db8:0:2::1', ...REPLY[f], ttl: 63 }],
    })),
    ...[1, 2, 3].flatMap((ttl) =>
      both((f) => ({
        name: `${v(f)}: a TTL of ${ttl} ends at gateway ${ttl}, which says so from the address that faces the sender (RFC 1812 §4.3.3.4)`,
        send: echo(SRV[f], { ttl }),
        answers: [{ from: HOPS[f][ttl - 1]!, ...EXPIRED[f], ttl: 65 - ttl, ...(f === 4 ? { quotedTtl: 1 } : {}) }],
      })),
    ),
    ...both((f) => ({
      name: `${v(f)}: a TTL that reaches the host is enough`,
      send: echo(SRV[f], { ttl: 4 }),
      answers: [{ from: SRV[f], ...REPLY[f] }],
    })),
    ...both((f) => ({
      name: `${v(f)}: a closed UDP port is unreachable, says the host (RFC 1122 §4.1.3.1, RFC 4443 §3.1)`,
      send: { to: SRV[f], carries: { kind: 'udp', port: 9999 } },
      answers: [
        { from: SRV[f], ...(f === 4 ? { type: 3, code: 3 } : { type: 1, code: 4 }), quotes: f === 4 ? 28 : 48 },
      ],
    })),
    ...both((f) => ({
      name: `${v(f)}: a reply has the TOS of the request (RFC 1122 §3.2.1.6 for ICMP, RFC 1349 §5.1)`,
      send: echo(SRV[f], { tos: 0x10 }),
      answers: [{ from: SRV[f], ...REPLY[f], tos: 0x10 }],
    })),
    {
      name: 'IPv4: an error has precedence 6 and the other bits of what it is about (RFC 1812 §4.3.2.5)',
      send: echo(SRV[4], { ttl: 1, tos: 0x10 }),
      answers: [{ from: HOPS[4][0], ...EXPIRED[4], tos: 0xd0 }],
    },
    {
      name: 'IPv4: a protocol that the host lacks is unreachable (RFC 1122 §3.2.2.1)',
      send: { to: SRV[4], carries: { kind: 'protocol', protocol: 253, octets: '0102030405060708' } },
      answers: [{ from: SRV[4], type: 3, code: 2 }],
    },
    {
      name: 'IPv6: a next header that the host does not know is a parameter problem at its field (RFC 4443 §3.4)',
      send: { to: SRV[6], carries: { kind: 'protocol', protocol: 253, octets: '0102030405060708' } },
      answers: [{ from: SRV[6], type: 4, code: 1, pointer: 6 }],
    },
    {
      name: 'IPv4: what may not be fragmented and does not fit the second link is refused with its MTU (RFC 1191 §4)',
      send: echo(SRV[4], { size: 1472, df: true }),
      answers: [{ from: HOPS[4][0], type: 3, code: 4, mtu: 1400 }],
    },
    {
      name: 'IPv6: what does not fit the second link is refused with its MTU (RFC 4443 §3.2)',
      send: echo(SRV[6], { size: 1452 }),
      answers: [{ from: HOPS[6][0], type: 2, code: 0, mtu: 1400 }],
    },
    {
      name: 'IPv6: an error is never longer than the minimum MTU (RFC 4443 §2.4(c))',
      // Not to srv: the path MTU to it is known by now.
      send: echo(HOPS[6][2], { size: 1452, ttl: 1 }),
      answers: [{ from: HOPS[6][0], ...EXPIRED[6], quotes: 1280 - 48 }],
    },
    {
      name: 'IPv4: what may be fragmented is, on the second link, and put together at its end (RFC 791)',
      send: echo(SRV[4], { size: 1472 }),
      answers: [{ from: SRV[4], ...REPLY[4], size: 1472 }],
    },
    {
      name: 'IPv6: the first reply too long for the narrow link dies there, and its sender is told (RFC 8201 §4)',
      send: fragments(6, 70, [0, 1]),
      answers: [],
    },
    ...both((f) => ({
      name: `${v(f)}: a datagram that comes in fragments is answered as a whole`,
      send: fragments(f, 77, [0, 1]),
      answers: [{ from: SRV[f], ...REPLY[f], size: 2000 }],
    })),
    ...both((f) => ({
      name: `${v(f)}: its fragments may come in any order`,
      send: fragments(f, 78, [1, 0]),
      answers: [{ from: SRV[f], ...REPLY[f], size: 2000 }],
    })),
    {
      name: 'IPv4: no error about a fragment that is not the first (RFC 1122 §3.2.2)',
      send: {
        to: SRV[4],
        ttl: 1,
        fragment: { offset: 1200, more: false },
        carries: { kind: 'echo', size: 1600, slice: [1200, 1608] },
      },
      answers: [],
    },
    ...both((f) => ({
      name: `${v(f)}: no error about an error (RFC 1122 §3.2.2, RFC 4443 §2.4(e.1))`,
      send: {
        to: SRV[f],
        ttl: 1,
        carries: {
          kind: 'icmp',
          octets:
            f === 4
              ? '03030000 00000000 45000024 00010000 401163c6 0a000302 0a000001 03e80000 00100000'
              : `01040000 00000000 60000000 00081140 20010db8000000030000000000000002 20010db8000000000000000000000001 03e80035 00080000`,
        },
      },
      answers: [],
    })),
    ...both((f) => ({
      name: `${v(f)}: where the gateway has no route, it says so (RFC 1812 §5.2.7.1, RFC 4443 §3.1)`,
      send: echo(f === 4 ? '172.16.1.1' : 'fd00::1'),
      answers: [{ from: HOPS[f][0], ...(f === 4 ? { type: 3, code: 0 } : { type: 1, code: 0 }) }],
    })),
    {
      name: "IPv4: a route that is 'unreachable' makes the host unreachable",
      send: echo('198.51.100.1'),
      answers: [{ from: HOPS[4][0], type: 3, code: 1 }],
    },
    {
      name: "IPv6: a route that is 'unreachable' is a reject route (RFC 4443 §3.1)",
      send: echo('2001:db8:51::1'),
      answers: [{ from: HOPS[6][0], type: 1, code: 6 }],
      linux: {
        answers: [{ from: HOPS[6][0], type: 1, code: 0 }],
        because: 'Linux tells a reject route as no route; RFC 4443 §3.1 has code 6 for it',
      },
    },
    ...both((f) => ({
      name: `${v(f)}: a route that is prohibited is told as administratively prohibited (RFC 1812 §5.2.7.1, RFC 4443 §3.1)`,
      send: echo(f === 4 ? '203.0.113.1' : '2001:db8:113::1'),
      answers: [{ from: HOPS[f][0], ...(f === 4 ? { type: 3, code: 13 } : { type: 1, code: 1 }) }],
    })),
    ...both((f) => ({
      name: `${v(f)}: a black hole says nothing`,
      send: echo(f === 4 ? '192.0.2.1' : '2001:db8:2::1'),
      answers: [],
    })),
    ...both((f) => ({
      name: `${v(f)}: who does not answer ARP or neighbour discovery is an unreachable host, says the last gateway (RFC 1812 §3.3.2, RFC 4443 §3.1)`,
      send: echo(f === 4 ? '10.0.3.77' : '2001:db8:0:3::77'),
      answers: [{ from: HOPS[f][2], ...(f === 4 ? { type: 3, code: 1 } : { type: 1, code: 3 }) }],
      wait: 30_000,
    })),
    {
      name: 'IPv4: a timestamp request is answered with the times of its way (RFC 1122 §3.2.2.8)',
      send: { to: SRV[4], carries: { kind: 'timestamp' } },
      answers: [{ from: SRV[4], type: 14, code: 0, ttl: 61 }],
    },
    {
      name: 'IPv4: gateways write themselves into a record route option, and the reply brings it back (RFC 1812 §4.2.2.2, RFC 1122 §3.2.2.6)',
      // Nine slots.
      send: echo(SRV[4], { options: `0727 04 ${'00000000'.repeat(9)} 00` }),
      answers: [
        {
          from: SRV[4],
          ...REPLY[4],
          recorded: ['10.0.0.1', '10.0.1.1', '10.0.2.1', '10.0.3.1', '10.0.3.2', '10.0.2.2', '10.0.1.2', '10.0.0.2'],
        },
      ],
      linux: {
        answers: [
          {
            from: SRV[4],
            ...REPLY[4],
            recorded: [
              '10.0.1.1',
              '10.0.2.1',
              '10.0.3.1',
              '10.0.3.2',
              '10.0.3.2',
              '10.0.2.2',
              '10.0.1.2',
              '10.0.0.2',
              '10.0.0.1',
            ],
          },
        ],
        because:
          'Linux gives the asker no place where it brings its own header, writes itself in when the request comes and again when the reply leaves, and the asker in on arrival; RFC 1122 §3.2.2.6 has the answering host update the option to include itself',
      },
    },
    {
      name: 'IPv4: a source route is not followed by default (RFC 7126 §4.3)',
      send: echo('10.0.0.2', { options: '8307 04 0a000302 00' }),
      answers: [],
    },
    {
      name: 'IPv4: an option longer than the header is a parameter problem at its length (RFC 1812 §4.2.2.1, RFC 1122 §3.2.2.5)',
      send: echo(SRV[4], { options: '070f 04 00' }),
      answers: [{ from: HOPS[4][0], type: 12, code: 0, pointer: 21 }],
      linux: {
        answers: [{ from: HOPS[4][0], type: 12, code: 0, pointer: 20 }],
        because: 'Linux points at the option, not at the octet of it where the error was detected (RFC 792)',
      },
    },
    {
      name: 'IPv6: what is beyond the scope of its source is refused (RFC 4443 §3.1)',
      // Link-local addresses are made of the counted MACs.
      send: echo(SRV[6], { from: 'fe80::ff:fe00:1' }),
      answers: [{ from: 'fe80::ff:fe00:2', type: 1, code: 2 }],
    },
    {
      name: 'IPv6: a destination option that asks for it is a parameter problem at its type (RFC 8200 §4.2)',
      send: echo(SRV[6], { extensions: [{ type: 60, octets: '0000 8e04 00000000' }] }),
      answers: [{ from: SRV[6], type: 4, code: 2, pointer: 42 }],
    },
    {
      name: 'IPv6: an option that asks to be skipped is skipped (RFC 8200 §4.2)',
      send: echo(SRV[6], { extensions: [{ type: 60, octets: '0000 0e04 00000000' }] }),
      answers: [{ from: SRV[6], ...REPLY[6] }],
    },
    {
      name: 'IPv6: an option that asks for silence gets it (RFC 8200 §4.2)',
      send: echo(SRV[6], { extensions: [{ type: 60, octets: '0000 4e04 00000000' }] }),
      answers: [],
    },
    {
      name: 'IPv6: a routing header of type 0 is refused at its type (RFC 5095 §3)',
      send: echo(SRV[6], {
        extensions: [{ type: 43, octets: '0002 00 01 00000000 20010db8000000030000000000000002' }],
      }),
      answers: [{ from: SRV[6], type: 4, code: 0, pointer: 42 }],
    },
  ],
}
