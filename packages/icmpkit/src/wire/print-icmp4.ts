/** An ICMPv4 message on its line (print.ts), in tcpdump's words. */
import { Type } from './icmp4.ts'
import { u16, u32 } from './octets.ts'
import { type Literal, literal, type Pen } from './pen.ts'
import { printQuote4 } from './print-quote.ts'
import { typeEntry } from './registry.ts'

/** The message at `at…end`, of which `length` octets were sent. `pen` has room for a line. */
export function printIcmp4(pen: Pen, bytes: Uint8Array, at: number, end: number, length: number): void {
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
      unreachable(pen, bytes, at, end, code)
      pen.value(LENGTH, length)
      about(pen, bytes, at, end, length)
      return
    case Type.timeExceeded:
      if (code < EXCEEDED.length) pen.text(EXCEEDED[code]!)
      else {
        pen.value(EXCEEDED_CODE, code)
      }
      pen.value(LENGTH, length)
      about(pen, bytes, at, end, length)
      return
    case Type.parameterProblem:
      pen.value(code === 0 ? PROBLEM_OCTET : PROBLEM_CODE, code === 0 ? bytes[at + 4]! : code)
      if (code !== 0) {
        // The type of the option that is missing, and no place in the header (RFC 1108 §2.8.1).
        pen.value(code === MISSING_OPTION ? OPTION : OCTET, bytes[at + 4]!)
      }
      pen.value(LENGTH, length)
      about(pen, bytes, at, end, length)
      return
    case Type.redirect:
      redirect(pen, at, end, code)
      pen.value(LENGTH, length)
      about(pen, bytes, at, end, length)
      return
    case Type.sourceQuench:
      pen.text(QUENCH)
      ending(pen, code, length)
      about(pen, bytes, at, end, length)
      return
    case Type.routerAdvertisement:
      routerAdvertisement(pen, bytes, at, end)
      ending(pen, code, length)
      return
    case Type.timestampRequest:
    case Type.timestampReply:
      pen.value(type === Type.timestampRequest ? STAMP_QUERY : STAMP_REPLY, u16(bytes, at + 4))
      pen.value(STAMP_SEQ, u16(bytes, at + 6))
      if (here >= 20) {
        pen.text(ORIGINATE)
        timeOfDay(pen, u32(bytes, at + 8))
        pen.text(RECEIVE)
        timeOfDay(pen, u32(bytes, at + 12))
        pen.text(TRANSMIT)
        timeOfDay(pen, u32(bytes, at + 16))
      } else pen.text(length > here ? CUT : TRUNCATED)
      ending(pen, code, length)
      return
    case Type.addressMaskReply:
      if (here >= 12) {
        pen.text(MASK_IS)
        pen.hex(u32(bytes, at + 8), 8)
      } else pen.text(MASK)
      withId(pen, bytes, at)
      ending(pen, code, length)
      return
    case Type.addressMaskRequest:
    case Type.informationRequest:
    case Type.informationReply:
      pen.text(QUESTIONS[type]!)
      withId(pen, bytes, at)
      ending(pen, code, length)
      return
    case Type.routerSolicitation:
      pen.text(SOLICITATION)
      ending(pen, code, length)
      return
    case Type.extendedEchoRequest:
    case Type.extendedEchoReply:
      pen.value(type === Type.extendedEchoRequest ? EXTENDED_REQUEST : EXTENDED_REPLY, u16(bytes, at + 4))
      pen.value(SEQ, bytes[at + 6]!)
      ending(pen, code, length)
      return
    default:
      other(pen, type)
      ending(pen, code, length)
  }
}

function unreachable(pen: Pen, bytes: Uint8Array, at: number, end: number, code: number): void {
  const phrase = code < UNREACHABLE.length ? UNREACHABLE[code]! : UNREACHABLE_OTHER
  const quote = at + 8
  pen.text(phrase.before)
  if (end - quote >= 20) pen.ip4(quote + 16)
  else pen.text(SOMETHING)
  if (code === 3 && end - quote >= 20) port(pen, bytes, quote, end)
  else if (code === 2 && end - quote >= 20) {
    pen.value(PROTOCOL, bytes[quote + 9]!)
  }
  pen.text(phrase.after)
  if (code === 4) {
    const mtu = u16(bytes, at + 6)
    if (mtu !== 0) {
      pen.value(MTU, mtu)
      pen.char(CLOSE)
    }
  } else if (phrase === UNREACHABLE_OTHER) pen.decimal(code)
}

function port(pen: Pen, bytes: Uint8Array, quote: number, end: number): void {
  const upper = quote + ((bytes[quote]! & 15) << 2)
  const protocol = bytes[quote + 9]!
  if (protocol === 17) pen.text(UDP_PORT)
  else if (protocol === 6) pen.text(TCP_PORT)
  else {
    pen.value(PROTOCOL, protocol)
    pen.text(PORT)
  }
  if (end - upper >= 4) pen.decimal(u16(bytes, upper + 2))
  else pen.char(UNKNOWN)
}

function redirect(pen: Pen, at: number, end: number, code: number): void {
  const quote = at + 8
  if (code > 3) {
    pen.value(REDIRECT_CODE, code)
    pen.char(SPACE)
  } else pen.text(code > 1 ? REDIRECT_TOS : REDIRECT)
  if (end - quote >= 20) pen.ip4(quote + 16)
  else pen.text(SOMETHING)
  pen.text(code > 3 ? TO : code % 2 === 0 ? TO_NET : TO_HOST)
  pen.ip4(at + 4)
}

/** The quoted datagram, or that it is not there. */
function about(pen: Pen, bytes: Uint8Array, at: number, end: number, length: number): void {
  if (end - at >= 28) printQuote4(pen, bytes, at + 8, end)
  else pen.text(length > end - at ? CUT : NO_QUOTE)
}

/** RFC 1256: `lifetime 30:00 2: {192.0.2.1 0} {192.0.2.2 10}`. */
function routerAdvertisement(pen: Pen, bytes: Uint8Array, at: number, end: number): void {
  const count = bytes[at + 4]!
  const words = bytes[at + 5]!
  const lifetime = u16(bytes, at + 6)
  pen.text(ADVERTISEMENT)
  if (lifetime >= 3600) {
    pen.decimal(Math.floor(lifetime / 3600))
    pen.char(COLON)
    pen.digits2(Math.floor(lifetime / 60) % 60)
    pen.char(COLON)
    pen.digits2(lifetime % 60)
  } else if (lifetime >= 60) {
    pen.decimal(Math.floor(lifetime / 60))
    pen.char(COLON)
    pen.digits2(lifetime % 60)
  } else pen.decimal(lifetime)
  pen.char(SPACE)
  pen.decimal(count)
  pen.char(COLON)
  if (words !== 2) {
    pen.value(ENTRY_SIZE, words)
    pen.char(BRACKET)
    // RFC 1256 §3.1: entries of another size are read by their first two words.
    if (words < 2) return
  }
  pen.need(count * 32 + 256)
  for (let i = 0; i < count; i++) {
    const entry = at + 8 + 4 * words * i
    if (end - entry < 8) {
      pen.text(CUT)
      return
    }
    pen.text(OPEN)
    pen.ip4(entry)
    pen.char(SPACE)
    pen.decimal(u32(bytes, entry + 4))
    pen.char(BRACE)
  }
}

/** Milliseconds since midnight UT; with the high bit set, something else (RFC 792). */
function timeOfDay(pen: Pen, ms: number): void {
  const seconds = Math.floor(ms / 1000)
  const hours = Math.floor(seconds / 3600)
  if (hours > 99) pen.decimal(hours)
  else pen.digits2(hours)
  pen.char(COLON)
  pen.digits2(Math.floor(seconds / 60) % 60)
  pen.char(COLON)
  pen.digits2(seconds % 60)
  pen.char(DOT)
  pen.digits3(ms % 1000)
}

function withId(pen: Pen, bytes: Uint8Array, at: number): void {
  pen.value(ID, u16(bytes, at + 4))
  pen.value(SEQ, u16(bytes, at + 6))
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
  else pen.text(ICMP)
  if (end > at + 1) {
    pen.value(CODE, bytes[at + 1]!)
  }
  pen.value(LENGTH, length)
  pen.text(length > end - at ? CUT : TRUNCATED)
}

function other(pen: Pen, type: number): void {
  OTHERS[type] ??= literal(`ICMP type-#${type} (${typeEntry(4, type).name})`)
  pen.text(OTHERS[type])
}

interface Phrase {
  before: Literal
  after: Literal
}

function phrase(before: string, after: string): Phrase {
  return { before: literal(`ICMP ${before}`), after: literal(after) }
}

/** By code; the quoted destination stands between. */
const UNREACHABLE: readonly Phrase[] = [
  phrase('net ', ' unreachable'),
  phrase('host ', ' unreachable'),
  phrase('', ' unreachable'),
  phrase('', ' unreachable'),
  phrase('', ' unreachable - need to frag'),
  phrase('', ' unreachable - source route failed'),
  phrase('net ', ' unreachable - unknown'),
  phrase('host ', ' unreachable - unknown'),
  phrase('', ' unreachable - source host isolated'),
  phrase('net ', ' unreachable - admin prohibited'),
  phrase('host ', ' unreachable - admin prohibited'),
  phrase('net ', ' unreachable - tos prohibited'),
  phrase('host ', ' unreachable - tos prohibited'),
  phrase('host ', ' unreachable - admin prohibited filter'),
  phrase('host ', ' unreachable - host precedence violation'),
  phrase('host ', ' unreachable - precedence cutoff'),
]
const UNREACHABLE_OTHER: Phrase = phrase('', ' unreachable - #')
const EXCEEDED: readonly Literal[] = [
  literal('ICMP time exceeded in-transit'),
  literal('ICMP ip reassembly time exceeded'),
]
const EXCEEDED_CODE = literal('ICMP time exceeded-#')
const QUESTIONS: Readonly<Record<number, Literal>> = {
  [Type.addressMaskRequest]: literal('ICMP address mask request'),
  [Type.informationRequest]: literal('ICMP information request'),
  [Type.informationReply]: literal('ICMP information reply'),
}
/** Made as they are met: 256 at most. */
const OTHERS: (Literal | undefined)[] = []

const ICMP = literal('ICMP')
const ECHO_REQUEST = literal('ICMP echo request, id ')
const ECHO_REPLY = literal('ICMP echo reply, id ')
const EXTENDED_REQUEST = literal('ICMP extended echo request (type 42), id ')
const EXTENDED_REPLY = literal('ICMP extended echo reply (type 43), id ')
const STAMP_QUERY = literal('ICMP time stamp query id ')
const STAMP_REPLY = literal('ICMP time stamp reply id ')
const STAMP_SEQ = literal(' seq ')
const ORIGINATE = literal(': org ')
const RECEIVE = literal(', recv ')
const TRANSMIT = literal(', xmit ')
const MASK_IS = literal('ICMP address mask is 0x')
const MASK = literal('ICMP address mask reply [truncated]')
const SOLICITATION = literal('ICMP router solicitation')
const ADVERTISEMENT = literal('ICMP router advertisement lifetime ')
const ENTRY_SIZE = literal(' [size ')
const QUENCH = literal('ICMP source quench')
const PROBLEM_OCTET = literal('ICMP parameter problem - octet ')
const PROBLEM_CODE = literal('ICMP parameter problem - code ')
const OCTET = literal(', octet ')
const OPTION = literal(', without option ')
const MISSING_OPTION = 1
const REDIRECT = literal('ICMP redirect ')
const REDIRECT_TOS = literal('ICMP redirect-tos ')
const REDIRECT_CODE = literal('ICMP redirect-#')
const TO = literal(' to ')
const TO_NET = literal(' to net ')
const TO_HOST = literal(' to host ')
const UDP_PORT = literal(' udp port ')
const TCP_PORT = literal(' tcp port ')
const PORT = literal(' port ')
const PROTOCOL = literal(' protocol ')
const MTU = literal(' (mtu ')
const SOMETHING = literal('something')
const NO_QUOTE = literal(', nothing quoted')
const ID = literal(', id ')
const SEQ = literal(', seq ')
const CODE = literal(', code ')
const LENGTH = literal(', length ')
const CUT = literal(' [cut]')
const TRUNCATED = literal(' [truncated]')
const OPEN = literal(' {')
const BRACE = 0x7d
const BRACKET = 0x5d
const CLOSE = 0x29
const COLON = 0x3a
const DOT = 0x2e
const SPACE = 0x20
const UNKNOWN = 0x3f
