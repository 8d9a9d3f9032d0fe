/**
 * Where the stack does otherwise than Linux on purpose, by what is in the packets and in the answers, each with the section
 * that decides. The comparison of random packets takes nothing else for granted.
 */
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { u16 } from '../../packages/icmpkit/src/wire/octets.ts'
import type { Comparison } from './comparison.ts'
import {
  BROADCASTS,
  chain6,
  dst4,
  dst6,
  has4,
  hasCalipsoOrOddAlert6,
  hasMany6,
  hasOddPadding6,
  hasOddPointer4,
  hasOddTimestamp,
  hasTwice4,
  haveOverlap6,
  icmp6Type,
  is4,
  is6,
  isCut6,
  isForNobody4,
  isOddFragment6,
  isQuery4,
  src4,
  src6,
  upper,
} from './packet-facts.ts'

export interface KnownDifference {
  name: string
  because: string
  applies: (c: Comparison) => boolean
}

export const KNOWN: readonly KnownDifference[] = [
  {
    name: 'TOS of an IPv4 error',
    because:
      'RFC 1812 §4.3.2.5: default but for its precedence; Linux copies the bits of the datagram at fault, ECN too',
    applies: (c) => c.octets === undefined && areAlike(c, TOS),
  },
  {
    name: 'source route for this node',
    because:
      'RFC 1122 §3.2.1.8, §3.3.5: a finished one is answered along the way back, another is told of; Linux drops both',
    applies: (c) => c.linux.length === 0 && has4(c, 0x83, 0x89) && all(c.ours, /\((0|3|14)\/\d+\)|UDP|TCP|: ICMP,/),
  },
  {
    name: 'error about a source route',
    because: 'RFC 1812 §4.3.2.6: not sent along the route that is at fault; Linux turns it round',
    applies: (c) => has4(c, 0x83, 0x89) && [...c.linux, ...c.ours].every((w) => /\((3|11|12)\/\d+\)/.test(w)),
  },
  {
    name: 'octet at fault in an option',
    because: 'RFC 792: the pointer names the octet; Linux names the option or another octet of it, and echoes options',
    applies: (c) => has4(c) && all(c.ours, /\(12\/0\)/) && (c.linux.length === 0 || all(c.linux, /\(12\/0\)/)),
  },
  {
    name: 'options in an IPv4 error',
    because:
      'RFC 1122 §3.2.2, RFC 1812 §4.3.2.3: none but a source route turned round, and the quote is as it came; Linux fills options in before, and echoes them',
    applies: (c) =>
      has4(c) &&
      /^quote|^undefined/.test(`${c.octets}`) &&
      c.ours.every((w) => ERROR4.test(w) && !w.includes('options')) &&
      areAlike(c, TOS, OPTIONS, OCTETS),
  },
  {
    name: 'octets behind the end of the option list',
    because: 'RFC 792, RFC 1812 §5.3.13: quoted as it came, forwarded as it is; Linux has put zeros there before',
    applies: (c) => has4(c, 0) && /^quote|^forwarded/.test(c.octets ?? '') && areAlike(c, TOS, OPTIONS, OCTETS),
  },
  {
    name: 'timestamp option with a flag that there is not',
    because: 'RFC 791 §3.1: 0, 1 and 3; Linux takes any',
    applies: (c) => (c.ours.length === 0 || all(c.ours, /\(12\/0\)/)) && hasOddTimestamp(c),
  },
  {
    name: 'ICMPv4 types that Linux takes for errors',
    because:
      'RFC 1122 §3.2.2: no error about an error; router discovery and the types above 18 that are questions are none',
    applies: (c) => c.linux.length === 0 && all(c.ours, ERROR4) && c.packets.some((p) => isQuery4(p)),
  },
  {
    name: 'error to a broadcast address',
    because:
      'RFC 1122 §3.2.2, §3.2.1.3: nothing to a source that names no single host; Linux knows the all-ones of the link it came by only',
    applies: (c) => c.ours.length === 0 && c.packets.some((p) => is4(p) && BROADCASTS.test(showIp(src4(p)))),
  },
  {
    name: 'all zeros is a broadcast address too',
    because: 'RFC 1122 §3.3.6, RFC 1812 §5.3.5: the old form; Linux takes it for a host since 5.14',
    applies: (c) => c.ours.length === 0 && c.packets.some((p) => is4(p) && /\.0$/.test(showIp(dst4(p)))),
  },
  {
    name: 'protocols that Linux speaks',
    because:
      'RFC 1122 §3.2.2.1, RFC 4443 §3.4: told that the protocol is unknown; Linux has IGMP, IPIP, PIM, UDP-Lite …',
    applies: (c) =>
      all(c.ours, /\(3\/2\)|\(4\/1\)/) &&
      !c.linux.some((w) => w.includes('(3/2)')) &&
      c.packets.some((p) => LINUX_SPEAKS.has(upper(p))),
  },
  {
    name: 'datagram of another host',
    because: 'RFC 1122 §3.2.1.3: discarded in silence; Linux judges options before it knows',
    applies: (c) =>
      c.ours.length === 0 && all(c.linux, /\(12\/0\)/) && has4(c) && c.packets.some((p) => isForNobody4(p, c.role)),
  },
  {
    name: 'IPv6 packet of another host',
    because:
      'RFC 8200 §4: options of a packet that is for somebody else are not this host’s; Linux judges them before it knows',
    applies: (c) =>
      c.role === 'host' &&
      c.ours.length === 0 &&
      all(c.linux, /\(4\/[02]\)/) &&
      c.packets.some((p) => is6(p) && p[6] === 0 && !ADDRESSES6.has(showIp(dst6(p)))),
  },
  {
    name: 'UDP length shorter than the datagram',
    because: 'RFC 1812 §4.3.2.3: as much of the datagram as fits is quoted; Linux has cut it',
    applies: (c) => c.octets === undefined && areAlike(c, OCTETS, TOS, OPTIONS) && all(c.ours, /\(3\/3\)|\(1\/4\)/),
  },
  {
    name: 'timestamp request with a code',
    because: 'RFC 792 knows code 0 only; Linux does not look at the code',
    applies: (c) => c.ours.length === 0 && all(c.linux, /Timestamp Reply/),
  },
  {
    name: 'code of an IPv6 echo reply',
    because: 'RFC 4443 §4.2: 0; Linux returns that of the request',
    applies: (c) => areAlike(c, /\(129\/\d+\)/g),
  },
  {
    name: 'solicited-node group of a link without ND',
    because: 'RFC 4291 §2.7.1: every node joins it for every address; Linux does not where there is no ARP',
    applies: (c) => c.packets.some((p) => is6(p) && /^ff02::1:ff/.test(showIp(dst6(p)))),
  },
  {
    name: 'a host says no route',
    because: 'RFC 4443 §3.1: routers and senders do; Linux answers as a host too',
    applies: (c) =>
      c.role === 'host' &&
      c.linux.length > c.ours.length &&
      c.linux.filter((w) => !/^[AB]: (No route|Communication|Address unr)/.test(w)).join() === c.ours.join(),
  },
  {
    name: 'answer to a link-local source',
    because: 'RFC 4443 §2.2: back by the link that it came from; Linux has no route to fe80::/10 here',
    applies: (c) => c.linux.length === 0 && c.packets.some((p) => is6(p) && /^fe80:/.test(showIp(src6(p)))),
  },
  {
    name: 'routing header of a type that Linux knows',
    because:
      'RFC 8200 §4.4: parameter problem where segments are left and the type is not one of ours; Linux drops types that are switched off',
    applies: (c) =>
      c.linux.length === 0 &&
      c.packets.some((p) => chain6(p).some((h) => h.type === 43 && [2, 3, 4].includes(p[h.at + 2]!))),
  },
  {
    name: 'extension header or option that is cut',
    because:
      'RFC 4443 §3.4, RFC 7112 §5: told with the octet at fault, a first fragment at once; Linux drops in silence, or goes on and sees something else',
    applies: (c) =>
      c.packets.some(isCut6) &&
      (c.ours.length === 0
        ? c.packets.some((p) => p[24] === 0xff)
        : all(c.ours, c.linux.length === 0 ? /\([1-4]\/\d+\)/ : /\(4\/\d+\)/)),
  },
  {
    name: 'fragment of no multiple of 8',
    because: 'RFC 8200 §4.5: pointer at Payload Length, code 0; Linux judges the header chain first (code 3)',
    applies: (c) => c.packets.some(isOddFragment6) && c.ours.some((w) => /\(4\/0\).*pointer 4,/.test(w)),
  },
  {
    name: 'jumbograms',
    because: 'RFC 2675 is for links beyond 65,575 octets: here an unknown option (RFC 8200 §4.2); Linux knows it',
    applies: (c) =>
      c.packets.some((p) => chain6(p).some((h) => h.type === 0 && (p[h.at + 2] === 0xc2 || u16(p, 4) === 0))) ||
      c.packets.some((p) => is6(p) && u16(p, 4) === 0),
  },
  {
    name: 'fragment header behind a fragment header',
    because: 'RFC 8200 §4.1: headers in any order and number; Linux refuses the second',
    applies: (c) => c.packets.some((p) => chain6(p).filter((h) => h.type === 44).length > 1),
  },
  {
    name: 'error about a redirect',
    because: 'RFC 4443 §2.4(e.2): never; Linux sends it',
    applies: (c) => c.ours.length < c.linux.length && c.packets.some((p) => icmp6Type(p) === 137),
  },
  {
    name: 'mobility, HIP and shim6 headers',
    because:
      'RFC 4443 §2.4(e.1), RFC 7112 §5: extension headers, so an error may be behind them, and a first fragment holds what is; Linux does not look',
    applies: (c) =>
      (c.ours.length < c.linux.length ? all(c.linux, /\([1-4]\/\d\)/) : c.ours.some((w) => /\(4\/3\)/.test(w))) &&
      c.packets.some(
        (p) => chain6(p).some((h) => [135, 139, 140].includes(h.type)) || [135, 139, 140].includes(upper(p)),
      ),
  },
  {
    name: 'padding',
    because:
      'RFC 8200 §4.2: receivers need not look at it; Linux drops a packet with more than 7 octets of it, or other than zeros',
    applies: (c) => c.linux.length === 0 && c.packets.some(hasOddPadding6),
  },
  {
    name: 'record route and timestamp of an answer',
    because:
      'RFC 1122 §3.2.2.6: the option of the request, updated with this node once; Linux enters the address twice, and looks at it before',
    applies: (c) =>
      has4(c, 7, 0x44) &&
      all(c.ours, /\((0|14)\/\d+\)/) &&
      (c.linux.length === 0 ? hasOddPointer4(c) : areAlike(c, OPTIONS)),
  },
  {
    name: 'an option twice',
    because:
      'RFC 791 §3.1 has one at most; the second is left alone (RFC 1812 §5.2.4.1 makes only a second source route an error); to Linux it is one',
    applies: (c) => c.packets.some(hasTwice4) && (c.linux.length === 0 || all(c.linux, /\(12\/0\)/)),
  },
  {
    name: 'CIPSO',
    because: 'an option like any that is not known passes (RFC 1122 §3.2.1.8); Linux judges it',
    applies: (c) => has4(c, 0x86) && (c.linux.length === 0 || all(c.linux, /\(12\/0\)/)),
  },
  {
    name: 'fragments of no multiple of 8, IPv4',
    because: 'RFC 791 §3.2: all but the last have one; Linux cuts them to one',
    applies: (c) =>
      c.ours.length === 0 &&
      c.packets.some((p) => is4(p) && (p[6]! & 0x20) !== 0 && (u16(p, 2) - (p[0]! & 15) * 4) % 8 !== 0),
  },
  {
    name: 'fragments of unlike ECN',
    because: 'RFC 3168 §5.3 has them joined or dropped; Linux drops them',
    applies: (c) =>
      c.linux.length === 0 && new Set(c.packets.map((p) => (is4(p) ? p[1]! & 3 : (p[1]! >> 4) & 3))).size > 1,
  },
  {
    name: 'options of a TCP reset',
    because: 'RFC 1122 §4.2.3.8: only a source route goes back; Linux echoes the others too',
    applies: (c) => has4(c) && all(c.ours, /: TCP/) && areAlike(c, OPTIONS, TOS),
  },
  {
    name: 'answer to a group from off the link',
    because: 'RFC 4443 §4.2: from an address of the interface, and routed; Linux has no route by that interface',
    applies: (c) => c.linux.length === 0 && all(c.ours, /^B:/) && c.packets.some((p) => is6(p) && p[24] === 0xff),
  },
  {
    name: 'reject route',
    because: 'RFC 4443 §3.1: code 6; Linux says 0',
    applies: (c) => all(c.ours, /\(1\/6\)/) && all(c.linux, /\(1\/0\)|\(3\/0\)/),
  },
  {
    name: 'martian destination',
    because:
      'RFC 1812 §5.3.7, RFC 4291 §2.5.2: class E, network 0 and :: are not forwarded, silently; Linux has no route to them',
    applies: (c) =>
      c.ours.length === 0 &&
      c.packets.some((p) => (is4(p) ? dst4(p) >>> 28 === 15 || dst4(p) >>> 24 === 0 : dst6(p) === 0n)),
  },
  {
    name: 'martian source',
    because: 'RFC 1812 §5.3.7: class E and network 0 are not forwarded; Linux does',
    applies: (c) =>
      c.ours.length === 0 && c.packets.some((p) => is4(p) && (src4(p) >>> 28 === 15 || src4(p) >>> 24 === 0)),
  },
  {
    name: 'back to the point-to-point link that it came from',
    because: 'RFC 4443 §3.1, RFC 6164 §5.1: address unreachable; Linux sends it back',
    applies: (c) =>
      c.role === 'gateway' &&
      (c.ours.length === 0 || all(c.ours, /\(1\/3\)/)) &&
      c.packets.some((p) => is6(p) && /^2001:db8:a::/.test(showIp(dst6(p)))),
  },
  {
    name: 'datagram longer than what the link carried',
    because: 'RFC 1812 §5.2.2: parameter problem at the total length; Linux drops it',
    applies: (c) =>
      c.linux.length === 0 &&
      c.packets.some((p) => is4(p) && u16(p, 2) > p.length) &&
      all(c.ours, /\(12\/0\).*pointer 2,/),
  },
  {
    name: 'hop-by-hop options of a packet for others',
    because:
      'RFC 9673 §5.2: a router skips what it does not know, and by default does not look; Linux acts as a destination would',
    applies: (c) =>
      c.role === 'gateway' &&
      c.packets.some((p) => is6(p) && p[6] === 0 && !MINE6.has(showIp(dst6(p)))) &&
      (c.linux.length === 0 || all(c.linux, /\(4\/[02]\)/)),
  },
  {
    name: 'source of an error about a datagram for the gateway',
    because: 'RFC 1812 §4.3.2.4: an address of the port by which it leaves; Linux takes the one that was spoken to',
    applies: (c) => c.role === 'gateway' && all(c.ours, ERROR4) && areAlike(c, FROM, TOS, OPTIONS, OCTETS),
  },
  {
    name: 'errors from an anycast address',
    because: 'RFC 4443 §2.2(b): from a unicast address; Linux speaks from the anycast address that was spoken to',
    applies: (c) =>
      areAlike(c, FROM, OCTETS) && c.packets.some((p) => is6(p) && /^2001:db8:[ab]::$/.test(showIp(dst6(p)))),
  },
  {
    name: 'address of a timestamp option',
    because:
      'RFC 791 §3.1 does not say which of a router’s; that of the port by which it leaves, as in record route; Linux takes the other',
    applies: (c) => has4(c, 0x44) && areAlike(c, OPTIONS) && /^forwarded|undefined/.test(`${c.octets}`),
  },
  {
    name: 'UDP length 0 over IPv6',
    because: 'RFC 2675 §4 has it in jumbograms; here it is malformed (RFC 768); Linux takes it for the whole packet',
    applies: (c) =>
      c.ours.length === 0 &&
      all(c.linux, /\(1\/4\)/) &&
      c.packets.some((p) => is6(p) && upper(p) === 17 && u16(p, (chain6(p).at(-1)?.end ?? 40) + 4) === 0),
  },
  {
    name: 'routing header to a group',
    because: 'RFC 8200 §4.4: one without segments left is skipped; Linux drops it where the destination is a group',
    applies: (c) =>
      c.linux.length === 0 && c.packets.some((p) => is6(p) && p[24] === 0xff && chain6(p).some((h) => h.type === 43)),
  },
  {
    name: 'traffic class of a reset',
    because: 'RFC 9293 §3.8.5 leaves it open; Linux takes that of the segment',
    applies: (c) => all(c.ours, /: TCP/) && areAlike(c, /, class \w+/g) && c.octets === undefined,
  },
  {
    name: 'many options',
    because: 'RFC 8504 §5.3 lets a host refuse more than 8, and needs no limit; Linux does',
    applies: (c) => c.linux.length === 0 && c.packets.some(hasMany6),
  },
  {
    name: 'link-local destination',
    because: 'RFC 4291 §2.5.6: not forwarded, and nobody else’s; Linux has no route to it here',
    applies: (c) => c.ours.length === 0 && c.packets.some((p) => is6(p) && /^fe80:/.test(showIp(dst6(p)))),
  },
  {
    name: 'group of MLDv2 routers',
    because: 'RFC 3810 §5.2.14: a router listens to it; Linux only where a multicast routing daemon asks',
    applies: (c) =>
      c.role === 'gateway' && c.linux.length === 0 && c.packets.some((p) => is6(p) && showIp(dst6(p)) === 'ff02::16'),
  },
  {
    name: 'no operation in later fragments',
    because: 'RFC 791 §3.1: may be left out; Linux keeps it',
    applies: (c) => has4(c) && c.ours.length > 1 && areAlike(c, OPTIONS, OCTETS),
  },
  {
    name: 'source of an IPv6 error',
    because:
      'RFC 4443 §2.2(d): the address that the node would speak to the source from (RFC 6724); Linux takes that of the port it came by',
    applies: (c) => areAlike(c, FROM) && all(c.ours, /\([1-4]\/\d\).*hop limit/),
  },
  {
    name: 'redirects',
    because:
      'RFC 1812 §5.2.7.2: there is nothing better to tell who sends to its own address; Linux tells it, and anybody else less often, with options in it',
    applies: (c) =>
      c.role === 'gateway' &&
      [...c.linux, ...c.ours].some((w) => w.includes('(5/1)')) &&
      /^undefined|^quote|^forwarded/.test(`${c.octets}`) &&
      areAlike({ ...c, linux: withoutRedirects(c.linux), ours: withoutRedirects(c.ours) }, OPTIONS),
  },
  {
    name: 'fewer of the same error',
    because: 'RFC 1812 §4.3.2.8: a limit; that of Linux for errors of its routes has no switch in a namespace',
    applies: (c) =>
      c.role === 'gateway' &&
      c.linux.length < c.ours.length &&
      (c.linux.length === 0
        ? // Later fragments, of which nothing is said, have used it up.
          c.packets.length > 5 && all(c.ours, /\(3\/(0|1|13)\)/)
        : areAlike({ ...c, linux: once(c.linux), ours: once(c.ours) }, TOS, OPTIONS, OCTETS)),
  },
  {
    name: 'TCP header longer than the first fragment',
    because: 'RFC 7112 §3: the whole upper-layer header, its options too; Linux looks at the fixed part',
    applies: (c) =>
      c.linux.length === 0 &&
      all(c.ours, /\(4\/3\)/) &&
      c.packets.some((p) => chain6(p).some((h) => h.type === 44) && upper(p) === 6),
  },
  {
    name: 'fragment that makes the packet too long by the headers before it',
    because: 'RFC 8200 §4.5: the payload length of the whole packet counts them; Linux does not',
    applies: (c) =>
      c.linux.length === 0 &&
      all(c.ours, /\(4\/0\)/) &&
      c.packets.some((p) => chain6(p).some((h) => h.type === 44 && h.at > 40 && u16(p, h.at + 2) > 0xff00)),
  },
  {
    name: 'checksum of an echo reply of zeros',
    because: 'RFC 1071 §1: the complement of a sum of 0 is ffff; Linux leaves 0',
    applies: (c) => areAlike(c, /, bad checksum/g) && all(c.linux, /\(0\/0\).*bad checksum, 8 octets/),
  },
  {
    name: 'overlapping fragments',
    because:
      'RFC 8200 §4.5, RFC 5722 §4: all of the packet are discarded, those still to come too; Linux forgets, and joins what comes later',
    applies: (c) => c.ours.length < c.linux.length && haveOverlap6(c.packets),
  },
  {
    name: 'reset to a segment whose options are broken',
    because:
      'RFC 9293 §3.10.7.1: whatever comes to a closed port is reset; Linux looks for signatures first, and gives up',
    applies: (c) => c.linux.length === 0 && all(c.ours, /: TCP/) && c.packets.some((p) => upper(p) === 6),
  },
  {
    name: 'ICMPv6 that is not there, behind a fragment header with reserved bits',
    because:
      'RFC 8200 §4.5: they are ignored, so this is the whole packet, and may be an error; to Linux it is a piece of one',
    applies: (c) =>
      c.ours.length === 0 &&
      c.packets.some((p) => chain6(p).some((h) => h.type === 44 && (u16(p, h.at + 2) & 0xfff9) === 0)),
  },
  {
    name: 'options that Linux knows',
    because:
      'RFC 8200 §4.2: CALIPSO and a router alert of no two octets are options like any that may be skipped; Linux drops the packet',
    applies: (c) => c.linux.length === 0 && c.packets.some(hasCalipsoOrOddAlert6),
  },
]

const ERROR4 = /\((3|5|11|12)\/\d+\)/
const ADDRESSES6 = new Set(['2001:db8:a::1', '2001:db8:b::1'])
const MINE6 = new Set(['2001:db8:a::1', '2001:db8:b::1', '2001:db8:a::', '2001:db8:b::'])
/** IGMP, IPIP, IPv6 in IP, AH and ESP where built in, PIM, UDP-Lite. */
const LINUX_SPEAKS = new Set([2, 4, 41, 103, 136])
const TOS = /, tos \w+/g
const OPTIONS = /, options \w+/g
const FROM = /, from [^,]+/g
const OCTETS = /, \d+ octets/g

function areAlike(c: Comparison, ...patterns: readonly RegExp[]): boolean {
  const plain = (list: readonly string[]) => list.map((w) => patterns.reduce((t, p) => t.replace(p, ''), w)).join(';')
  return plain(c.linux) === plain(c.ours)
}

function withoutRedirects(words: readonly string[]): string[] {
  return words.filter((w) => !w.includes('(5/1)'))
}

/** Without lengths, each once. */
function once(words: readonly string[]): string[] {
  return [...new Set(words.map((w) => w.replace(OCTETS, '')))]
}

/** At least one, and each is of that kind. */
function all(words: readonly string[], kind: RegExp): boolean {
  return words.length > 0 && words.every((w) => kind.test(w))
}
