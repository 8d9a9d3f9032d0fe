/** An ICMPv6 message on its line (print.ts), in tcpdump's words. */
import { Type } from './icmp6.ts'
import * as ip6 from './ip6.ts'
import { u16, u32 } from './octets.ts'
import { type Literal, literal, type Pen } from './pen.ts'
import { printMldQuery, printMldv1, printMldv2Report } from './print-mld.ts'
import {
  printNeighborAdvertisement,
  printNeighborSolicitation,
  printOptions,
  printRedirect,
  printRouterAdvertisement,
} from './print-nd.ts'
import { printNodeInfo, printRenumbering } from './print-node-info.ts'
import { printQuote6 } from './print-quote.ts'
import { typeEntry } from './registry.ts'

/** The message at `at…end`, of which `length` octets were sent. `pen` has room for a line. */
export function printIcmp6(pen: Pen, bytes: Uint8Array, at: number, end: number, length: number): void {
  const here = end - at
  if (here < 8) {
    short(pen, bytes, at, end, length)
    return
  }
  const type = bytes[at]!
  const code = bytes[at + 1]!
  switch (type) {
    case Type.echoRequest:
    case Type.echoReply:
      pen.value(type === Type.echoRequest ? ECHO_REQUEST : ECHO_REPLY, u16(bytes, at + 4))
      pen.value(SEQ, u16(bytes, at + 6))
      ending(pen, code, length)
      return
    case Type.unreachable:
    case Type.packetTooBig:
    case Type.timeExceeded:
    case Type.parameterProblem:
      error(pen, bytes, at, end, length, type, code)
      return
    case Type.neighborSolicitation:
    case Type.neighborAdvertisement:
    case Type.redirect:
    case Type.routerAdvertisement:
    case Type.routerSolicitation:
      discovery(pen, bytes, at, end, length, type, code)
      return
    case Type.mldQuery:
      pen.text(MLD_QUERY)
      printMldQuery(pen, bytes, at, end, length)
      break
    case Type.mldReport:
    case Type.mldDone:
      pen.text(type === Type.mldReport ? MLD_REPORT : MLD_DONE)
      printMldv1(pen, bytes, at, end)
      break
    case Type.mldv2Report:
      pen.text(MLDV2_REPORT)
      printMldv2Report(pen, bytes, at, end)
      break
    case Type.nodeInfoQuery:
    case Type.nodeInfoReply:
      printNodeInfo(pen, bytes, at, end, length)
      ending(pen, 0, length)
      return
    case Type.routerRenumbering:
      printRenumbering(pen, bytes, at, end)
      ending(pen, 0, length)
      return
    case Type.homeAgentRequest:
    case Type.homeAgentReply:
    case Type.mobilePrefixSolicitation:
    case Type.mobilePrefixAdvertisement:
      pen.text(MOBILE[type]!)
      pen.hex(u16(bytes, at + 4), 4)
      break
    case Type.extendedEchoRequest:
    case Type.extendedEchoReply:
      other(pen, type)
      pen.value(ID, u16(bytes, at + 4))
      pen.value(SEQ, bytes[at + 6]!)
      break
    case Type.rplControl:
      rpl(pen, code)
      pen.value(LENGTH, length)
      return
    default:
      other(pen, type)
  }
  ending(pen, code, length)
  if (type === Type.inverseSolicitation || type === Type.inverseAdvertisement) printOptions(pen, bytes, at + 8, end)
  else if (type === Type.mobilePrefixAdvertisement) printOptions(pen, bytes, at + 8, end)
}

function error(pen: Pen, bytes: Uint8Array, at: number, end: number, length: number, type: number, code: number): void {
  const quote = at + 8
  const quoted = end - quote >= ip6.HEADER
  const skipped = quoted ? ip6.skip(bytes, quote, end) : -1
  switch (type) {
    case Type.unreachable:
      if (code < UNREACHABLE.length) pen.text(UNREACHABLE[code]!)
      else {
        pen.value(UNREACHABLE_CODE, code)
        pen.text(PARENTHESIS)
      }
      if (quoted) pen.ip6(quote + 24)
      else pen.text(SOMETHING)
      if (code === BEYOND_SCOPE && quoted) {
        pen.text(SOURCE_ADDRESS)
        pen.ip6(quote + 8)
      } else if (code === PORT_UNREACHABLE && skipped >= 0) port(pen, bytes, quote, end, skipped)
      break
    case Type.packetTooBig:
      pen.value(TOO_BIG, u32(bytes, at + 4))
      if (code !== 0) {
        pen.value(CODE, code)
      }
      break
    case Type.timeExceeded:
      if (code === 0 && quoted) {
        pen.text(EXCEEDED_FOR)
        pen.ip6(quote + 24)
      } else if (code === 1) pen.text(REASSEMBLY)
      else {
        pen.value(EXCEEDED_CODE, code)
        pen.char(CLOSE)
      }
      break
    default:
      if (code < PROBLEM.length) pen.text(PROBLEM[code]!)
      else {
        pen.value(PROBLEM_CODE, code)
        pen.text(OCTET)
      }
      pen.decimal(u32(bytes, at + 4))
  }
  pen.value(LENGTH, length)
  if (quoted) printQuote6(pen, bytes, quote, end, skipped)
  else pen.text(length > end - at ? CUT : NO_QUOTE)
}

function port(pen: Pen, bytes: Uint8Array, quote: number, end: number, skipped: number): void {
  const upper = quote + ip6.upperAt(skipped)
  const protocol = ip6.upperProtocol(skipped)
  if (protocol === 17) pen.text(UDP_PORT)
  else if (protocol === 6) pen.text(TCP_PORT)
  else {
    pen.value(PROTOCOL, protocol)
    pen.text(PORT)
  }
  if (!ip6.upperIsLater(skipped) && end - upper >= 4) pen.decimal(u16(bytes, upper + 2))
  else pen.char(UNKNOWN)
}

function discovery(
  pen: Pen,
  bytes: Uint8Array,
  at: number,
  end: number,
  length: number,
  type: number,
  code: number,
): void {
  const fixed = FIXED[type - Type.routerSolicitation]!
  pen.text(DISCOVERY[type - Type.routerSolicitation]!)
  if (end - at < fixed) {
    ending(pen, code, length)
    pen.text(length > end - at ? CUT : TRUNCATED)
    return
  }
  if (type === Type.neighborSolicitation) printNeighborSolicitation(pen, at)
  else if (type === Type.neighborAdvertisement) printNeighborAdvertisement(pen, at)
  else if (type === Type.redirect) printRedirect(pen, at)
  ending(pen, code, length)
  if (type === Type.routerAdvertisement) printRouterAdvertisement(pen, bytes, at)
  printOptions(pen, bytes, at + fixed, end)
  if (length > end - at) pen.text(CUT)
}

/** RFC 6550 §6. */
function rpl(pen: Pen, code: number): void {
  pen.text(RPL)
  if ((code & 0x80) !== 0) {
    pen.value(RPL_SECURE, code)
    return
  }
  if (code < RPL_CODES.length) pen.text(RPL_CODES[code]!)
  else {
    pen.value(RPL_UNKNOWN, code)
  }
}

function ending(pen: Pen, code: number, length: number): void {
  if (code !== 0) {
    pen.value(CODE, code)
  }
  pen.value(LENGTH, length)
}

/** Fewer octets than any message has. */
function short(pen: Pen, bytes: Uint8Array, at: number, end: number, length: number): void {
  if (end > at) other(pen, bytes[at]!)
  else pen.text(ICMP6)
  if (end > at + 1) {
    pen.value(CODE, bytes[at + 1]!)
  }
  pen.value(LENGTH, length)
  pen.text(length > end - at ? CUT : TRUNCATED)
}

function other(pen: Pen, type: number): void {
  OTHERS[type] ??= literal(`ICMP6, ${WORDS[type] ?? named(type)}`)
  pen.text(OTHERS[type])
}

function named(type: number): string {
  const { name, status } = typeEntry(6, type)
  return status === 'unassigned' ? `unknown icmp6 type (${type})` : `${name} (type ${type})`
}

const BEYOND_SCOPE = 2
const PORT_UNREACHABLE = 4

/** By code; the quoted destination follows. */
const UNREACHABLE: readonly Literal[] = [
  'unreachable route ',
  'unreachable prohibited ',
  'beyond scope ',
  'unreachable address ',
  'unreachable port, ',
  'code 5, source address failed policy, ',
  'code 6, reject route to ',
  'code 7, error in source routing header to ',
  'code 8, headers too long to ',
].map((t) => literal(`ICMP6, destination unreachable, ${t}`))
const UNREACHABLE_CODE = literal('ICMP6, destination unreachable, unknown unreach code (')
/** By code; the pointer follows. */
const PROBLEM: readonly Literal[] = [
  'erroneous',
  'next header',
  'option',
  'incomplete header chain',
  'code-#4, SR upper-layer header error',
  'code-#5, unrecognized next header at intermediate node',
  'code-#6, extension header too big',
  'code-#7, extension header chain too long',
  'code-#8, too many extension headers',
  'code-#9, too many options in extension header',
  'code-#10, option too big',
].map((t) => literal(`ICMP6, parameter problem, ${t} - octet `))
const PROBLEM_CODE = literal('ICMP6, parameter problem, code-#')
const OCTET = literal(' - octet ')

const FIXED: readonly number[] = [8, 16, 24, 24, 40]
const DISCOVERY: readonly Literal[] = [
  'router solicitation',
  'router advertisement',
  'neighbor solicitation, who has ',
  'neighbor advertisement, tgt is ',
  'redirect, ',
].map((t) => literal(`ICMP6, ${t}`))
const MOBILE: Readonly<Record<number, Literal>> = {
  [Type.homeAgentRequest]: literal('ICMP6, ha discovery request, id 0x'),
  [Type.homeAgentReply]: literal('ICMP6, ha discovery reply, id 0x'),
  [Type.mobilePrefixSolicitation]: literal('ICMP6, mobile router solicitation, id 0x'),
  [Type.mobilePrefixAdvertisement]: literal('ICMP6, mobile router advertisement, id 0x'),
}
const RPL = literal('ICMP6, RPL')
const RPL_SECURE = literal(', (SEC) code ')
const RPL_UNKNOWN = literal(', (CLR)RPL message, unknown code ')
const RPL_CODES: readonly Literal[] = [
  'DODAG Information Solicitation',
  'DODAG Information Object',
  'Destination Advertisement Object',
  'Destination Advertisement Object Ack',
].map((t) => literal(`, (CLR)${t}`))
/** What tcpdump calls messages of which the line has no more than the name. */
const WORDS: Readonly<Record<number, string>> = {
  [Type.unreachable]: 'destination unreachable',
  [Type.packetTooBig]: 'packet too big',
  [Type.timeExceeded]: 'time exceeded in-transit',
  [Type.parameterProblem]: 'parameter problem',
  [Type.echoRequest]: 'echo request',
  [Type.echoReply]: 'echo reply',
  [Type.mldQuery]: 'multicast listener query',
  [Type.mldReport]: 'multicast listener report',
  [Type.mldDone]: 'multicast listener done',
  [Type.routerSolicitation]: 'router solicitation',
  [Type.routerAdvertisement]: 'router advertisement',
  [Type.neighborSolicitation]: 'neighbor solicitation',
  [Type.neighborAdvertisement]: 'neighbor advertisement',
  [Type.redirect]: 'redirect',
  [Type.routerRenumbering]: 'router renumbering',
  [Type.nodeInfoQuery]: 'node information query',
  [Type.nodeInfoReply]: 'node information reply',
  [Type.inverseSolicitation]: 'inverse neighbor solicitation',
  [Type.inverseAdvertisement]: 'inverse neighbor advertisement',
  [Type.mldv2Report]: 'multicast listener report v2',
  [Type.homeAgentRequest]: 'ha discovery request',
  [Type.homeAgentReply]: 'ha discovery reply',
  [Type.mobilePrefixSolicitation]: 'mobile router solicitation',
  [Type.mobilePrefixAdvertisement]: 'mobile router advertisement',
  [Type.rplControl]: 'RPL',
  [Type.extendedEchoRequest]: 'extended echo request (type 160)',
  [Type.extendedEchoReply]: 'extended echo reply (type 161)',
  [Type.experimentalQuery1]: 'mtrace response (200)',
  [Type.experimentalQuery2]: 'mtrace message (201)',
}
/** Made as they are met: 256 at most. */
const OTHERS: (Literal | undefined)[] = []

const ICMP6 = literal('ICMP6')
const ECHO_REQUEST = literal('ICMP6, echo request, id ')
const ECHO_REPLY = literal('ICMP6, echo reply, id ')
const TOO_BIG = literal('ICMP6, packet too big, mtu ')
const EXCEEDED_FOR = literal('ICMP6, time exceeded in-transit for ')
const REASSEMBLY = literal('ICMP6, time exceeded in-transit (reassembly)')
const EXCEEDED_CODE = literal('ICMP6, time exceeded in-transit, unknown code (')
const MLD_QUERY = literal('ICMP6, multicast listener query')
const MLD_REPORT = literal('ICMP6, multicast listener report')
const MLD_DONE = literal('ICMP6, multicast listener done')
const MLDV2_REPORT = literal('ICMP6, multicast listener report v2, ')
const SOURCE_ADDRESS = literal(', source address ')
const UDP_PORT = literal(' udp port ')
const TCP_PORT = literal(' tcp port ')
const PROTOCOL = literal(' protocol ')
const PORT = literal(' port ')
const PARENTHESIS = literal(') ')
const SOMETHING = literal('something')
const NO_QUOTE = literal(', nothing quoted')
const ID = literal(', id ')
const SEQ = literal(', seq ')
const CODE = literal(', code ')
const LENGTH = literal(', length ')
const CUT = literal(' [cut]')
const TRUNCATED = literal(' [truncated]')
const CLOSE = 0x29
const UNKNOWN = 0x3f
