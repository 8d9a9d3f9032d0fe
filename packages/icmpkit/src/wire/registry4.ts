/** ICMPv4 types and codes as IANA lists them (December 2025), and what each tells a person. */
import type { CodeEntry, TypeEntry } from './registry.ts'

const NO_CODE: readonly CodeEntry[] = [{ code: 0, name: 'No Code' }]

/** RFC 6918 took these out of use; nobody says what they would mean today. */
function retired(type: number, name: string, meaning: string, more: Partial<TypeEntry> = {}): TypeEntry {
  return { type, name, status: 'deprecated', class: 'query', rfc: [6918], meaning, codes: [], ...more }
}

function reserved(type: number, name: string, meaning: string): TypeEntry {
  return { type, name, status: 'reserved', class: 'unknown', rfc: [], meaning, codes: [] }
}

export const TYPES4: readonly TypeEntry[] = [
  {
    type: 0,
    name: 'Echo Reply',
    status: 'current',
    class: 'query',
    rfc: [792],
    meaning: 'The host that was pinged answers: it is up, and packets pass in both directions.',
    codes: NO_CODE,
  },
  {
    type: 3,
    name: 'Destination Unreachable',
    status: 'current',
    class: 'error',
    rfc: [792, 1122, 1812],
    meaning: 'A router or the destination itself could not deliver the datagram and threw it away.',
    codes: [
      {
        code: 0,
        name: 'Net Unreachable',
        meaning: 'A router has no route to the destination network: a missing or withdrawn route, or a wrong address.',
      },
      {
        code: 1,
        name: 'Host Unreachable',
        meaning:
          'The last router got no answer from the host on its link: the host is off, unplugged, or the address is unused.',
      },
      {
        code: 2,
        name: 'Protocol Unreachable',
        meaning: 'The destination is up, but does not speak the protocol that the IP header names.',
      },
      {
        code: 3,
        name: 'Port Unreachable',
        meaning: 'The destination is up, but no program listens on that UDP port, or its firewall says so.',
      },
      {
        code: 4,
        name: "Fragmentation Needed and Don't Fragment was Set",
        rfc: [792, 1191],
        meaning:
          'The datagram is too big for the next link and may not be split; the sender should send at most the MTU given.',
      },
      {
        code: 5,
        name: 'Source Route Failed',
        meaning: 'The datagram asked for a path by source route, and the next hop on it could not be reached.',
      },
      {
        code: 6,
        name: 'Destination Network Unknown',
        rfc: [1122],
        meaning: 'The destination network does not exist, as far as the router knows; today routers send code 0.',
      },
      {
        code: 7,
        name: 'Destination Host Unknown',
        rfc: [1122],
        meaning: 'The link layer told the last router that there is no such host on its network.',
      },
      {
        code: 8,
        name: 'Source Host Isolated',
        rfc: [1122],
        meaning: 'The sender itself is cut off from the network; a message of old packet switches that nobody sends.',
      },
      {
        code: 9,
        name: 'Communication with Destination Network is Administratively Prohibited',
        rfc: [1122, 1108],
        meaning: 'A filter forbids traffic to that network, on purpose; newer routers send code 13.',
      },
      {
        code: 10,
        name: 'Communication with Destination Host is Administratively Prohibited',
        rfc: [1122, 1108],
        meaning: 'A firewall forbids traffic to that host, on purpose: typically a REJECT rule.',
      },
      {
        code: 11,
        name: 'Destination Network Unreachable for Type of Service',
        rfc: [1122],
        meaning: 'There is a route to the network, but none for the type of service that the datagram asks for.',
      },
      {
        code: 12,
        name: 'Destination Host Unreachable for Type of Service',
        rfc: [1122],
        meaning: 'There is a route to the host, but none for the type of service that the datagram asks for.',
      },
      {
        code: 13,
        name: 'Communication Administratively Prohibited',
        rfc: [1812],
        meaning: 'A router or firewall filters this traffic on purpose: an access list or a REJECT rule.',
      },
      {
        code: 14,
        name: 'Host Precedence Violation',
        rfc: [1812],
        meaning: 'The first router does not allow this host to use the precedence that the datagram carries.',
      },
      {
        code: 15,
        name: 'Precedence cutoff in effect',
        rfc: [1812],
        meaning: 'The network only carries traffic above a precedence that the operator has set, and this was below.',
      },
    ],
  },
  {
    type: 4,
    name: 'Source Quench',
    status: 'deprecated',
    class: 'error',
    rfc: [792, 6633],
    meaning:
      'An old request to send more slowly; it is obsolete, receivers ignore it, and one seen today may be forged.',
    codes: NO_CODE,
  },
  {
    type: 5,
    name: 'Redirect',
    status: 'current',
    class: 'error',
    rfc: [792],
    meaning: 'A router on the same link forwarded the datagram and says which other router is the better first hop.',
    codes: [
      {
        code: 0,
        name: 'Redirect Datagram for the Network (or subnet)',
        meaning: 'A router names a better first hop for a whole network; routers must no longer send this.',
      },
      {
        code: 1,
        name: 'Redirect Datagram for the Host',
        meaning:
          'A router on the same link names a better first hop for this host: two routers share the link with the sender.',
      },
      {
        code: 2,
        name: 'Redirect Datagram for the Type of Service and Network',
        meaning:
          'A router names a better first hop for a network and type of service; routers must no longer send this.',
      },
      {
        code: 3,
        name: 'Redirect Datagram for the Type of Service and Host',
        meaning: 'A router names a better first hop for this host and type of service.',
      },
    ],
  },
  retired(6, 'Alternate Host Address', 'An old proposal to name another address of a host; nobody sends it.', {
    class: 'error',
    codes: [{ code: 0, name: 'Alternate Address for Host' }],
  }),
  {
    type: 8,
    name: 'Echo',
    status: 'current',
    class: 'query',
    rfc: [792],
    meaning: 'A ping: the receiver is asked to send the same octets back.',
    codes: NO_CODE,
  },
  {
    type: 9,
    name: 'Router Advertisement',
    status: 'current',
    class: 'query',
    rfc: [1256, 5944],
    meaning:
      'A router tells the hosts on its link that it is there, how long to believe it, and how much to prefer it.',
    codes: [
      { code: 0, name: 'Normal router advertisement', rfc: [1256] },
      {
        code: 16,
        name: 'Does not route common traffic',
        rfc: [5944],
        meaning: 'A mobility agent announces itself to mobile nodes and does not want to be used as a default router.',
      },
    ],
  },
  {
    type: 10,
    name: 'Router Solicitation',
    status: 'current',
    class: 'query',
    rfc: [1256],
    meaning: 'A host that has just started asks the routers on its link to announce themselves now.',
    codes: NO_CODE,
  },
  {
    type: 11,
    name: 'Time Exceeded',
    status: 'current',
    class: 'error',
    rfc: [792],
    meaning:
      'The datagram was thrown away because its time was up, on the way or while its fragments were put together.',
    codes: [
      {
        code: 0,
        name: 'Time to Live exceeded in Transit',
        meaning: 'A router threw the datagram away because its TTL ran out: how traceroute works, or a routing loop.',
      },
      {
        code: 1,
        name: 'Fragment Reassembly Time Exceeded',
        meaning: 'The destination waited in vain for the other fragments of the datagram: at least one was lost.',
      },
    ],
  },
  {
    type: 12,
    name: 'Parameter Problem',
    status: 'current',
    class: 'error',
    rfc: [792, 1122],
    meaning: 'A router or the destination found the IP header wrong and threw the datagram away.',
    codes: [
      {
        code: 0,
        name: 'Pointer indicates the error',
        meaning: 'The octet of the IP header that the pointer names is wrong: usually a damaged or unsupported option.',
      },
      {
        code: 1,
        name: 'Missing a Required Option',
        rfc: [1122, 1108],
        meaning: 'The network demands an IP option, mostly the security label, that the datagram does not carry.',
      },
      {
        code: 2,
        name: 'Bad Length',
        meaning: 'A length in the datagram does not fit: it was cut on the way, or built wrong.',
      },
    ],
  },
  {
    type: 13,
    name: 'Timestamp',
    status: 'current',
    class: 'query',
    rfc: [792],
    meaning: "Someone asks for this host's time of day, to compare clocks or to measure delay in each direction.",
    codes: NO_CODE,
  },
  {
    type: 14,
    name: 'Timestamp Reply',
    status: 'current',
    class: 'query',
    rfc: [792],
    meaning: 'A host tells its time of day when the request came and when this answer left.',
    codes: NO_CODE,
  },
  retired(15, 'Information Request', 'A diskless host of the 1980s asks for its network number; DHCP replaced it.', {
    rfc: [792, 6918],
    codes: NO_CODE,
  }),
  retired(16, 'Information Reply', 'The answer to an information request; DHCP replaced it.', {
    rfc: [792, 6918],
    codes: NO_CODE,
  }),
  retired(17, 'Address Mask Request', 'A host asks for the subnet mask of its link; DHCP replaced it.', {
    rfc: [950, 6918],
    codes: NO_CODE,
  }),
  retired(18, 'Address Mask Reply', 'A router tells the subnet mask of the link; DHCP replaced it.', {
    rfc: [950, 6918],
    codes: NO_CODE,
  }),
  reserved(19, 'Reserved (for Security)', 'Set aside for security long ago; nobody sends it.'),
  ...Array.from({ length: 10 }, (_, i) =>
    reserved(
      20 + i,
      'Reserved (for Robustness Experiment)',
      'Set aside for an experiment of the 1980s; nobody sends it.',
    ),
  ),
  retired(
    30,
    'Traceroute',
    'A router reports how far an outbound or return packet with the traceroute option has come; never widely used.',
    {
      rfc: [1393, 6918],
      codes: [
        {
          code: 0,
          name: 'Outbound Packet successfully forwarded',
          meaning: 'A router reports that it has forwarded a packet with the traceroute option, and over which link.',
        },
        {
          code: 1,
          name: 'No route for Outbound Packet',
          meaning: 'A router reports that it had no route for a packet with the traceroute option and threw it away.',
        },
      ],
    },
  ),
  retired(31, 'Datagram Conversion Error', 'A gateway to the TP/IX protocol could not convert the datagram.', {
    class: 'error',
    rfc: [1475, 6918],
  }),
  retired(32, 'Mobile Host Redirect', 'An early mobile-host protocol tells where a host has moved; nobody sends it.', {
    class: 'unknown',
  }),
  retired(33, 'IPv6 Where-Are-You', 'A draft of IPv6 asks for a link address; neighbor discovery replaced it.'),
  retired(34, 'IPv6 I-Am-Here', 'A draft of IPv6 tells a link address; neighbor discovery replaced it.'),
  retired(35, 'Mobile Registration Request', 'An early mobile-host protocol asks to register; Mobile IP replaced it.'),
  retired(36, 'Mobile Registration Reply', 'An early mobile-host protocol confirms; Mobile IP replaced it.'),
  retired(37, 'Domain Name Request', 'Someone asks a host directly for its domain name; the DNS does this.', {
    rfc: [1788, 6918],
  }),
  retired(38, 'Domain Name Reply', 'A host tells its domain name directly; the DNS does this.', { rfc: [1788, 6918] }),
  retired(39, 'SKIP', 'An early key-management protocol negotiates its algorithms; IKE replaced it.', {
    class: 'unknown',
  }),
  {
    type: 40,
    name: 'Photuris',
    status: 'experimental',
    class: 'error',
    rfc: [2521],
    meaning: 'A security gateway could not accept a protected datagram: the two ends do not share the same keys.',
    codes: [
      {
        code: 0,
        name: 'Bad SPI',
        meaning: 'The datagram names a security association that the receiver does not have, or no longer has.',
      },
      {
        code: 1,
        name: 'Authentication Failed',
        meaning: 'The datagram failed its integrity check: wrong key, or it was changed on the way.',
      },
      {
        code: 2,
        name: 'Decompression Failed',
        meaning: 'The payload of the protected datagram could not be decompressed.',
      },
      {
        code: 3,
        name: 'Decryption Failed',
        meaning: 'The payload of the protected datagram could not be decrypted.',
      },
      {
        code: 4,
        name: 'Need Authentication',
        meaning: 'The receiver takes only authenticated datagrams from this sender, and this one was not.',
      },
      {
        code: 5,
        name: 'Need Authorization',
        meaning: 'The security association is valid, but does not permit this kind of traffic.',
      },
    ],
  },
  {
    type: 41,
    name: 'ICMP messages utilized by experimental mobility protocols such as Seamoby',
    status: 'experimental',
    class: 'query',
    rfc: [4065],
    meaning: 'Access routers of an experimental mobility protocol exchange data about a roaming host.',
    codes: [],
  },
  {
    type: 42,
    name: 'Extended Echo Request',
    status: 'current',
    class: 'query',
    rfc: [8335],
    meaning: 'Someone asks a node about the state of one of its interfaces, or of a neighbour on its link.',
    codes: [{ code: 0, name: 'No Error' }],
  },
  {
    type: 43,
    name: 'Extended Echo Reply',
    status: 'current',
    class: 'query',
    rfc: [8335],
    meaning: 'The node tells the state of the interface, or of the neighbour, that it was asked about.',
    codes: [
      { code: 0, name: 'No Error' },
      {
        code: 1,
        name: 'Malformed Query',
        meaning: 'The node did not understand which interface it was asked about.',
      },
      {
        code: 2,
        name: 'No Such Interface',
        meaning: 'The node has no interface of that name, index or address.',
      },
      {
        code: 3,
        name: 'No Such Table Entry',
        meaning: 'The node has no such address in its ARP table or neighbour cache.',
      },
      {
        code: 4,
        name: 'Multiple Interfaces Satisfy Query',
        meaning: 'More than one interface, or neighbour, of the node fits the question.',
      },
    ],
  },
  {
    type: 253,
    name: 'RFC3692-style Experiment 1',
    status: 'experimental',
    class: 'unknown',
    rfc: [4727],
    meaning: 'An experiment between nodes that have agreed on its meaning.',
    codes: [],
  },
  {
    type: 254,
    name: 'RFC3692-style Experiment 2',
    status: 'experimental',
    class: 'unknown',
    rfc: [4727],
    meaning: 'An experiment between nodes that have agreed on its meaning.',
    codes: [],
  },
  reserved(255, 'Reserved', 'Set aside by the registry; nobody sends it.'),
]
