/** ICMPv6 types and codes as IANA lists them (December 2025), and what each tells a person. */
import type { CodeEntry, TypeEntry } from './registry.ts'

const NO_CODE: readonly CodeEntry[] = [{ code: 0, name: 'No Code' }]

/** A message in use that asks, answers or announces. */
function query(type: number, name: string, rfc: readonly number[], meaning: string, codes = NO_CODE): TypeEntry {
  return { type, name, status: 'current', class: 'query', rfc, meaning, codes }
}

/** RFC 4443 §2.1 gives the class of these by the top bit of their type, as for any other. */
function setAside(type: number, name: string, status: 'reserved' | 'experimental', meaning: string): TypeEntry {
  const rfc = type === 0 ? [] : [4443]
  return { type, name, status, class: type < 128 ? 'error' : 'query', rfc, meaning, codes: [] }
}

const EXPERIMENT = 'An experiment between nodes that have agreed on its meaning.'

export const TYPES6: readonly TypeEntry[] = [
  setAside(0, 'Reserved', 'reserved', 'Set aside by the registry; nobody sends it.'),
  {
    type: 1,
    name: 'Destination Unreachable',
    status: 'current',
    class: 'error',
    rfc: [4443, 4884],
    meaning: 'A router or the destination itself could not deliver the packet and threw it away.',
    codes: [
      {
        code: 0,
        name: 'No route to destination',
        meaning: 'A router has no route to the destination: a missing or withdrawn route, or a wrong address.',
      },
      {
        code: 1,
        name: 'Communication with destination administratively prohibited',
        meaning: 'A router or firewall filters this traffic on purpose: an access list or a REJECT rule.',
      },
      {
        code: 2,
        name: 'Beyond scope of source address',
        meaning:
          'The sender used an address that means nothing beyond its own link or site, mostly a link-local one, to reach a destination outside.',
      },
      {
        code: 3,
        name: 'Address unreachable',
        meaning:
          'The last router got no answer from the host on its link: the host is off, unplugged, or the address is unused.',
      },
      {
        code: 4,
        name: 'Port unreachable',
        meaning: 'The destination is up, but no program listens on that UDP port, or its firewall says so.',
      },
      {
        code: 5,
        name: 'Source address failed ingress/egress policy',
        meaning:
          'A router does not accept this source address from that side: it is spoofed, or the sender is misconfigured.',
      },
      {
        code: 6,
        name: 'Reject route to destination',
        meaning: 'A router has a route to the destination that says to throw everything away, on purpose.',
      },
      {
        code: 7,
        name: 'Error in Source Routing Header',
        rfc: [6550, 6554],
        meaning: 'A router of a low-power network could not follow the path that the source routing header prescribes.',
      },
      {
        code: 8,
        name: 'Headers too long',
        rfc: [8883],
        meaning: 'The headers of the packet together are longer than a node on the way can process.',
      },
      {
        code: 9,
        name: 'Error in P-Route',
        rfc: [9914],
        meaning: 'A projected route of a low-power network is broken at the router that reports this.',
      },
    ],
  },
  {
    type: 2,
    name: 'Packet Too Big',
    status: 'current',
    class: 'error',
    rfc: [4443, 8201],
    meaning: 'The packet is too big for the next link; the sender must send at most the MTU given, or split it itself.',
    codes: NO_CODE,
  },
  {
    type: 3,
    name: 'Time Exceeded',
    status: 'current',
    class: 'error',
    rfc: [4443, 4884],
    meaning: 'The packet was thrown away because its time was up, on the way or while its fragments were put together.',
    codes: [
      {
        code: 0,
        name: 'Hop limit exceeded in transit',
        meaning:
          'A router threw the packet away because its hop limit ran out: how traceroute works, or a routing loop.',
      },
      {
        code: 1,
        name: 'Fragment reassembly time exceeded',
        rfc: [4443, 8200],
        meaning: 'The destination waited in vain for the other fragments of the packet: at least one was lost.',
      },
    ],
  },
  {
    type: 4,
    name: 'Parameter Problem',
    status: 'current',
    class: 'error',
    rfc: [4443],
    meaning:
      'A node found something in the headers of the packet that it could not process, and threw the packet away.',
    codes: [
      {
        code: 0,
        name: 'Erroneous header field encountered',
        meaning: 'The header field that the pointer names is wrong: the packet was built wrong, or damaged on the way.',
      },
      {
        code: 1,
        name: 'Unrecognized Next Header type encountered',
        meaning:
          'The destination is up, but does not speak the protocol, or know the extension header, that the packet names.',
      },
      {
        code: 2,
        name: 'Unrecognized IPv6 option encountered',
        meaning: 'The packet carries an option that the node does not know and that says to be refused in that case.',
      },
      {
        code: 3,
        name: 'IPv6 First Fragment has incomplete IPv6 Header Chain',
        rfc: [7112, 8200],
        meaning: 'The packet was split in the middle of its headers, which filters cannot judge and nodes must refuse.',
      },
      {
        code: 4,
        name: 'SR Upper-layer Header Error',
        rfc: [8754],
        meaning: 'A node of a segment-routing network met an upper-layer header at a segment that allows none.',
      },
      {
        code: 5,
        name: 'Unrecognized Next Header type encountered by intermediate node',
        rfc: [8883],
        meaning:
          'A router on the way, not the destination, threw the packet away because it does not know one of its headers.',
      },
      {
        code: 6,
        name: 'Extension header too big',
        rfc: [8883],
        meaning: 'One extension header of the packet is longer than the node can process.',
      },
      {
        code: 7,
        name: 'Extension header chain too long',
        rfc: [8883],
        meaning: 'The extension headers of the packet together are longer than the node can process.',
      },
      {
        code: 8,
        name: 'Too many extension headers',
        rfc: [8883],
        meaning: 'The packet has more extension headers than the node can process.',
      },
      {
        code: 9,
        name: 'Too many options in extension header',
        rfc: [8883],
        meaning: 'One extension header of the packet has more options than the node can process.',
      },
      {
        code: 10,
        name: 'Option too big',
        rfc: [8883],
        meaning: 'One option of the packet, or its padding, is longer than the node can process.',
      },
    ],
  },
  setAside(100, 'Private experimentation', 'experimental', EXPERIMENT),
  setAside(101, 'Private experimentation', 'experimental', EXPERIMENT),
  setAside(
    127,
    'Reserved for expansion of ICMPv6 error messages',
    'reserved',
    'Set aside for a time when the numbers of error messages run out; nobody sends it.',
  ),
  query(128, 'Echo Request', [4443], 'A ping: the receiver is asked to send the same octets back.'),
  query(129, 'Echo Reply', [4443], 'The host that was pinged answers: it is up, and packets pass in both directions.'),
  query(
    130,
    'Multicast Listener Query',
    [2710, 3810, 9777],
    'A router asks the hosts on its link which multicast groups they listen to.',
  ),
  query(
    131,
    'Multicast Listener Report',
    [2710],
    'A host tells the routers on its link, in the old version 1, that it listens to a multicast group.',
  ),
  query(
    132,
    'Multicast Listener Done',
    [2710],
    'A host tells the routers on its link, in the old version 1, that it no longer listens to a multicast group.',
  ),
  query(
    133,
    'Router Solicitation',
    [4861],
    'A host that has just started asks the routers on its link to announce themselves now.',
  ),
  query(
    134,
    'Router Advertisement',
    [4861, 4191],
    'A router tells the hosts on its link that it is there, which prefixes the link has, and how to get addresses.',
  ),
  query(
    135,
    'Neighbor Solicitation',
    [4861],
    'A node asks who on the link has an address: to send to it, to see if it is still there, or if the address is free.',
  ),
  query(
    136,
    'Neighbor Advertisement',
    [4861],
    'A node tells that it has an address and which link-layer address to send to.',
  ),
  query(
    137,
    'Redirect Message',
    [4861],
    'A router forwarded the packet and says which node on the same link is the better first hop.',
  ),
  query(138, 'Router Renumbering', [2894], 'An administrator tells routers to change the prefixes they announce.', [
    {
      code: 0,
      name: 'Router Renumbering Command',
      meaning: 'An administrator commands routers to change the prefixes they announce.',
    },
    {
      code: 1,
      name: 'Router Renumbering Result',
      meaning: 'A router reports what a renumbering command has changed.',
    },
    {
      code: 255,
      name: 'Sequence Number Reset',
      meaning: 'An administrator makes routers start over with sequence numbers and keys of renumbering.',
    },
  ]),
  {
    type: 139,
    name: 'ICMP Node Information Query',
    status: 'experimental',
    class: 'query',
    rfc: [4620],
    meaning: 'Someone asks a node directly for its name or its addresses.',
    codes: [
      {
        code: 0,
        name: 'The Data field contains an IPv6 address which is the Subject of this Query.',
        meaning: 'Someone asks a node about the IPv6 address in the question.',
      },
      {
        code: 1,
        name: 'The Data field contains a name which is the Subject of this Query, or is empty, as in the case of a NOOP.',
        meaning: 'Someone asks a node about the name in the question, or, without a name, whether it answers at all.',
      },
      {
        code: 2,
        name: 'The Data field contains an IPv4 address which is the Subject of this Query.',
        meaning: 'Someone asks a node about the IPv4 address in the question.',
      },
    ],
  },
  {
    type: 140,
    name: 'ICMP Node Information Response',
    status: 'experimental',
    class: 'query',
    rfc: [4620],
    meaning: 'A node answers a question for its name or addresses.',
    codes: [
      {
        code: 0,
        name: 'A successful reply. The Reply Data field may or may not be empty.',
        meaning: 'A node tells the name or the addresses that it was asked for.',
      },
      {
        code: 1,
        name: 'The Responder refuses to supply the answer. The Reply Data field will be empty.',
        meaning: 'A node understood the question for its name or addresses and will not answer it.',
      },
      {
        code: 2,
        name: 'The Qtype of the Query is unknown to the Responder. The Reply Data field will be empty.',
        meaning: 'A node does not know the kind of information that it was asked for.',
      },
    ],
  },
  query(
    141,
    'Inverse Neighbor Discovery Solicitation Message',
    [3122],
    'A node asks a link-layer address which IPv6 addresses it has.',
  ),
  query(
    142,
    'Inverse Neighbor Discovery Advertisement Message',
    [3122],
    'A node tells which IPv6 addresses its link-layer address has.',
  ),
  query(
    143,
    'Version 2 Multicast Listener Report',
    [9777, 3810],
    'A host tells the routers on its link which multicast groups, and which sources of each, it listens to.',
    [],
  ),
  query(
    144,
    'Home Agent Address Discovery Request Message',
    [6275],
    'A mobile node that is away asks its home network for the addresses of its home agents.',
  ),
  query(
    145,
    'Home Agent Address Discovery Reply Message',
    [6275],
    'A home agent tells a mobile node the addresses of the home agents, the preferred first.',
  ),
  query(
    146,
    'Mobile Prefix Solicitation',
    [6275],
    'A mobile node that is away asks its home agent for the prefixes of its home network.',
  ),
  query(
    147,
    'Mobile Prefix Advertisement',
    [6275],
    'A home agent tells a mobile node that is away the prefixes of its home network.',
  ),
  query(
    148,
    'Certification Path Solicitation Message',
    [3971, 6980],
    'A host asks the routers on its link to prove with certificates that they may route.',
  ),
  query(
    149,
    'Certification Path Advertisement Message',
    [3971, 6980],
    'A router sends certificates that prove that it may route.',
  ),
  {
    type: 150,
    name: 'ICMP messages utilized by experimental mobility protocols such as Seamoby',
    status: 'experimental',
    class: 'query',
    rfc: [4065],
    meaning: 'Access routers of an experimental mobility protocol exchange data about a roaming host.',
    codes: [],
  },
  // Its Code octet is the advertisement interval in seconds.
  query(
    151,
    'Multicast Router Advertisement',
    [4286],
    'A multicast router announces itself, so that switches know where to send multicast.',
    [],
  ),
  query(
    152,
    'Multicast Router Solicitation',
    [4286],
    'A switch or host asks multicast routers to announce themselves now.',
  ),
  query(
    153,
    'Multicast Router Termination',
    [4286],
    'A multicast router tells that it stops forwarding multicast on this link.',
  ),
  query(
    154,
    'FMIPv6 Messages',
    [5568],
    'A mobile node and its access router prepare a fast handover to the next router.',
    [],
  ),
  query(
    155,
    'RPL Control Message',
    [6550],
    'Routers of a low-power network build and repair the tree along which they route.',
    [
      { code: 0x00, name: 'DODAG Information Solicitation' },
      { code: 0x01, name: 'DODAG Information Object' },
      { code: 0x02, name: 'Destination Advertisement Object' },
      { code: 0x03, name: 'Destination Advertisement Object Acknowledgment' },
      { code: 0x04, name: 'P2P Discovery Reply Object', rfc: [6997] },
      { code: 0x05, name: 'P2P Discovery Reply Object Acknowledgement', rfc: [6997] },
      { code: 0x06, name: 'Measurement Object', rfc: [6998] },
      { code: 0x07, name: 'Destination Cleanup Object', rfc: [9009] },
      { code: 0x08, name: 'Destination Cleanup Object Acknowledgment', rfc: [9009] },
      { code: 0x09, name: 'Projected DAO Request (P-DAO-REQ)', rfc: [9914] },
      { code: 0x0a, name: 'Projected DAO Request Acknowledgment (PDR-ACK)', rfc: [9914] },
      { code: 0x80, name: 'Secure DODAG Information Solicitation' },
      { code: 0x81, name: 'Secure DODAG Information Object' },
      { code: 0x82, name: 'Secure Destination Advertisement Object' },
      { code: 0x83, name: 'Secure Destination Advertisement Object Acknowledgment' },
      { code: 0x84, name: 'Secure P2P Discovery Reply Object', rfc: [6997] },
      { code: 0x85, name: 'Secure P2P Discovery Reply Object Acknowledgement', rfc: [6997] },
      { code: 0x86, name: 'Secure Measurement Object', rfc: [6998] },
      { code: 0x87, name: 'Secure Destination Cleanup Object', rfc: [9009] },
      { code: 0x88, name: 'Secure Destination Cleanup Object Acknowledgment', rfc: [9009] },
      { code: 0x8a, name: 'Consistency Check' },
    ],
  ),
  {
    type: 156,
    name: 'ILNPv6 Locator Update Message',
    status: 'experimental',
    class: 'query',
    rfc: [6743],
    meaning: 'A node of an experimental identifier-locator network tells its peers that it has moved.',
    codes: NO_CODE,
  },
  // The Code octet is a prefix of four bits, zero, and a suffix of four (RFC 8505 §4.2).
  query(
    157,
    'Duplicate Address Request',
    [6775, 8505],
    'A router of a low-power network asks the border router whether the address of a host is in use already.',
    [
      { code: 0, name: 'DAR message', rfc: [6775] },
      { code: 1, name: 'EDAR message with 64-bit ROVR field', rfc: [8505] },
      { code: 2, name: 'EDAR message with 128-bit ROVR field', rfc: [8505] },
      { code: 3, name: 'EDAR message with 192-bit ROVR field', rfc: [8505] },
      { code: 4, name: 'EDAR message with 256-bit ROVR field', rfc: [8505] },
    ],
  ),
  query(
    158,
    'Duplicate Address Confirmation',
    [6775, 8505],
    'The border router of a low-power network tells whether the address of a host is in use already.',
    [
      { code: 0, name: 'DAC message', rfc: [6775] },
      { code: 1, name: 'EDAC message with 64-bit ROVR field', rfc: [8505] },
      { code: 2, name: 'EDAC message with 128-bit ROVR field', rfc: [8505] },
      { code: 3, name: 'EDAC message with 192-bit ROVR field', rfc: [8505] },
      { code: 4, name: 'EDAC message with 256-bit ROVR field', rfc: [8505] },
    ],
  ),
  query(
    159,
    'MPL Control Message',
    [7731],
    'A forwarder of a low-power network tells its neighbours which multicast packets it has, so that they ask for missing ones.',
  ),
  query(
    160,
    'Extended Echo Request',
    [8335],
    'Someone asks a node about the state of one of its interfaces, or of a neighbour on its link.',
    [{ code: 0, name: 'No Error' }],
  ),
  query(
    161,
    'Extended Echo Reply',
    [8335],
    'The node tells the state of the interface, or of the neighbour, that it was asked about.',
    [
      { code: 0, name: 'No Error' },
      { code: 1, name: 'Malformed Query', meaning: 'The node did not understand which interface it was asked about.' },
      { code: 2, name: 'No Such Interface', meaning: 'The node has no interface of that name, index or address.' },
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
  ),
  setAside(200, 'Private experimentation', 'experimental', EXPERIMENT),
  setAside(201, 'Private experimentation', 'experimental', EXPERIMENT),
  setAside(
    255,
    'Reserved for expansion of ICMPv6 informational messages',
    'reserved',
    'Set aside for a time when the numbers of informational messages run out; nobody sends it.',
  ),
]
