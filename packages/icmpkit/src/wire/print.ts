/**
 * A captured packet as one line of text, in tcpdump's words, straight from its octets: no object and no string is made
 * (docs/decisions/print-from-octets.md). Each line has what `tcpdump -nn` has on its line, and beside that the datagram
 * that an error quotes, and the facts of a router advertisement.
 *
 *   14:03:02.123456 IP 192.0.2.1 > 192.0.2.9: ICMP echo request, id 7, seq 1, length 64
 *
 * What is not there is not read: a message that ends early is printed as far as it goes, then `[cut]` where the capture
 * kept less than was sent, `[truncated]` where it was sent so.
 */
import type { Carried } from './carried.ts'
import type { Frame } from './frame.ts'
import * as ip6 from './ip6.ts'
import { Type as Extension, lengthAt } from './ip6-extension.ts'
import type { AsciiLine } from './line.ts'
import { LinkType } from './link-layer.ts'
import type { Malformed } from './malformed.ts'
import { u16, u32 } from './octets.ts'
import { type Literal, literal, Pen } from './pen.ts'
import { printIcmp4 } from './print-icmp4.ts'
import { printIcmp6 } from './print-icmp6.ts'

/** Octets that a line surely fits in, but for the parts that make room for themselves. */
const LINE = 2048

export interface PrinterOptions {
  /** Seconds to add to UTC at this second since 1970: the reader's time zone. Default none. */
  zone?: (seconds: number) => number
  /** Puts the packet's number in front. */
  numbered?: boolean
  /** False leaves the time out, for octets that were not captured. Default true. */
  timed?: boolean
  /** Name of the interface with this index, where a cooked header has only the index. Asked once an interface. */
  portName?: (index: number) => string | undefined
}

export class PacketPrinter {
  readonly #pen: Pen
  readonly #zone: ((seconds: number) => number) | undefined
  readonly #numbered: boolean
  readonly #timed: boolean
  readonly #ports: PortNames | undefined
  /** The second last printed, and its text: packets come in bursts. */
  #second = Number.NaN
  #ticks = 0
  #clock: Literal = literal('00:00:00')
  /** Quarter of an hour for which the zone's offset was asked: no zone changes its offset elsewhere. */
  #quarter = Number.NaN
  #offset = 0

  constructor(line: AsciiLine, options: PrinterOptions = {}) {
    this.#pen = new Pen(line)
    this.#zone = options.zone
    this.#numbered = options.numbered ?? false
    this.#timed = options.timed ?? true
    this.#ports = options.portName === undefined ? undefined : new PortNames(options.portName)
  }

  /** The line of a packet that carries ICMP. */
  packet(f: Frame, c: Carried): void {
    const pen = this.#pen
    const { bytes } = f
    pen.begin(bytes, LINE)
    this.#time(f)
    if (c.ip < 0) {
      if (c.family === 4) printIcmp4(pen, bytes, c.at, c.end, c.length)
      else printIcmp6(pen, bytes, c.at, c.end, c.length)
      pen.char(NEWLINE)
      pen.done()
      return
    }
    if (c.ip !== f.at + ETHERNET_HEADER || f.linkType !== LinkType.ethernet) link(pen, f, c.ip, this.#ports)
    if (c.family === 4) {
      pen.text(IP)
      if (c.missing > 0) missing(pen, c.missing)
      pen.ip4(c.ip + 12)
      pen.text(TO)
      pen.ip4(c.ip + 16)
      pen.text(COLON)
      printIcmp4(pen, bytes, c.at, c.end, c.length)
      if (c.fragment) pen.text(FIRST_FRAGMENT)
    } else {
      pen.text(IP6)
      if (c.missing > 0) missing(pen, c.missing)
      pen.ip6(c.ip + 8)
      pen.text(TO)
      pen.ip6(c.ip + 24)
      pen.text(COLON)
      if (c.extended) extensions(pen, bytes, c.ip, c.at)
      printIcmp6(pen, bytes, c.at, c.end, c.length)
      if (c.fragment) pen.text(FIRST_FRAGMENT)
    }
    pen.char(NEWLINE)
    pen.done()
  }

  /** The line of a piece of an ICMP message that has no header of its own. */
  laterFragment(f: Frame, c: Carried): void {
    const pen = this.#pen
    const { bytes } = f
    const { ip } = c
    pen.begin(bytes, LINE)
    this.#time(f)
    link(pen, f, ip, this.#ports)
    if (c.family === 4) {
      pen.text(IP)
      pen.ip4(ip + 12)
      pen.text(TO)
      pen.ip4(ip + 16)
      pen.value(LATER4, (u16(bytes, ip + 6) & 0x1fff) << 3)
      pen.value(LENGTH, Math.max(u16(bytes, ip + 2) - ((bytes[ip]! & 15) << 2), 0))
    } else {
      pen.text(IP6)
      pen.ip6(ip + 8)
      pen.text(TO)
      pen.ip6(ip + 24)
      pen.text(COLON)
      extensions(pen, bytes, ip, ip + ip6.upperAt(ip6.skip(bytes, ip, f.end)))
      pen.text(LATER6)
    }
    pen.char(NEWLINE)
    pen.done()
  }

  /** The line of a packet whose IP header cannot be read. */
  badIp(f: Frame, c: Carried, flaw: Malformed): void {
    const pen = this.#pen
    pen.begin(f.bytes, LINE)
    this.#time(f)
    link(pen, f, c.ip, this.#ports)
    pen.text(c.family === 4 ? IP : IP6)
    pen.text(MALFORMED)
    pen.text(literal(flaw.why))
    pen.value(AT_OCTET, flaw.at)
    pen.char(NEWLINE)
    pen.done()
  }

  #time(f: Frame): void {
    const pen = this.#pen
    if (this.#numbered) {
      pen.decimal(f.index)
      pen.char(SPACE)
    }
    if (!this.#timed) return
    if (f.digits === 0) {
      pen.text(NO_TIME)
      return
    }
    if (f.seconds !== this.#second) this.#tick(f.seconds)
    pen.stamp(this.#clock, f.nanoseconds, f.digits === 9)
  }

  #tick(seconds: number): void {
    // At first it comes here for each packet, so that the way is known when it is compiled.
    this.#second = this.#ticks++ < 200 ? Number.NaN : seconds
    const quarter = Math.floor(seconds / 900)
    if (this.#zone !== undefined && quarter !== this.#quarter) {
      this.#quarter = quarter
      this.#offset = this.#zone(seconds)
    }
    const local = seconds + this.#offset
    const ofDay = local - Math.floor(local / 86_400) * 86_400
    const two = (n: number) => String(n).padStart(2, '0')
    this.#clock = literal(
      `${two(Math.floor(ofDay / 3600))}:${two(Math.floor(ofDay / 60) % 60)}:${two(Math.floor(ofDay) % 60)}`,
    )
  }
}

/** Interface names as tcpdump prints them, five columns at least. */
class PortNames {
  readonly #nameOf: (index: number) => string | undefined
  readonly #known = new Map<number, Literal | undefined>()

  constructor(nameOf: (index: number) => string | undefined) {
    this.#nameOf = nameOf
  }

  of(index: number): Literal | undefined {
    if (!this.#known.has(index)) {
      // A kernel takes all but blanks, slashes and colons for a name, escape codes too.
      const name = this.#nameOf(index)?.replace(/[^!-~]/g, '?')
      this.#known.set(index, name === undefined ? undefined : literal(`${name.padEnd(5)} `))
    }
    return this.#known.get(index)
  }
}

/** What the link layer adds: VLAN tags, and which way a cooked packet went. */
function link(pen: Pen, f: Frame, ip: number, ports: PortNames | undefined): void {
  const { bytes, at } = f
  if (f.linkType === LinkType.linuxSll2) {
    const index = u32(bytes, at + 4)
    const name = ports?.of(index)
    if (name !== undefined) pen.text(name)
    else {
      pen.value(IFINDEX, index)
      pen.char(SPACE)
    }
    pen.text(DIRECTIONS[bytes[at + 10]!] ?? DIRECTION_UNKNOWN)
    tags(pen, f, at + 20, ip)
  } else if (f.linkType === LinkType.ethernet) tags(pen, f, at + ETHERNET_HEADER, ip)
  else if (f.linkType === LinkType.linuxSll) tags(pen, f, at + 16, ip)
}

function tags(pen: Pen, f: Frame, from: number, ip: number): void {
  for (let tag = from; tag < ip; tag += 4) {
    pen.value(VLAN, u16(f.bytes, tag) & 0xfff)
    pen.text(COMMA)
  }
  if (from < ip) pen.text(f.bytes[ip]! >>> 4 === 4 ? ETHERTYPE4 : ETHERTYPE6)
}

function missing(pen: Pen, octets: number): void {
  pen.value(TRUNCATED_IP, octets)
  pen.text(BYTES_MISSING)
}

/** The IPv6 extension headers before `upper`, which `find` or `skip` has walked already. */
function extensions(pen: Pen, bytes: Uint8Array, ip: number, upper: number): void {
  let header = bytes[ip + 6]!
  for (let at = ip + ip6.HEADER; at < upper; ) {
    const length = lengthAt(header, bytes, at)
    switch (header) {
      case Extension.hopByHop:
        pen.text(HBH)
        break
      case Extension.destinationOptions:
        pen.text(DSTOPT)
        break
      case Extension.fragment: {
        pen.value(FRAG, u16(bytes, at + 2) & 0xfff8)
        pen.char(BAR)
        // Octets behind this header, by the length field: what the fragment carries.
        pen.decimal(Math.max(ip6.HEADER + u16(bytes, ip + 4) - (at - ip) - 8, 0))
        pen.text(CLOSE)
        break
      }
      case Extension.routing:
        routing(pen, bytes, at, length)
        break
      case Extension.authentication:
        pen.need(LINE + 2 * length)
        pen.text(AH)
        pen.hex(u32(bytes, at + 4), 8)
        pen.text(AH_SEQ)
        pen.hex(u32(bytes, at + 8))
        pen.text(AH_ICV)
        pen.octets(at + 12, at + length)
        pen.text(AH_CLOSE)
        break
      default:
        pen.value(HEADER_NUMBER, header)
        pen.char(SPACE)
    }
    header = bytes[at]!
    at += length
  }
}

function routing(pen: Pen, bytes: Uint8Array, at: number, length: number): void {
  const type = bytes[at + 2]!
  pen.value(RT6, bytes[at + 1]!)
  pen.value(RT_TYPE, type)
  if (type === 0) pen.text(DEPRECATED)
  pen.value(RT_LEFT, bytes[at + 3]!)
  if (type === 4) {
    pen.value(RT_LAST, bytes[at + 4]!)
    pen.text(RT_TAG)
    pen.hex(u16(bytes, at + 6), 4)
  }
  if (type === 0 || type === 2 || type === 4) {
    pen.need(length * 4)
    for (let i = 0; 8 + 16 * (i + 1) <= length; i++) {
      pen.value(RT_OPEN, i)
      pen.char(RT_BRACKET)
      pen.ip6(at + 8 + 16 * i)
    }
    pen.need(LINE)
  }
  pen.text(CLOSE)
}

const ETHERNET_HEADER = 14
const NEWLINE = 0x0a
const SPACE = 0x20
const BAR = 0x7c
const RT_BRACKET = 0x5d

const IP = literal('IP ')
const IP6 = literal('IP6 ')
const TO = literal(' > ')
const COLON = literal(': ')
const COMMA = literal(', ')
const LENGTH = literal(', length ')
const NO_TIME = literal('no time ')
const FIRST_FRAGMENT = literal(' [first fragment]')
const LATER4 = literal(': ICMP fragment, offset ')
const LATER6 = literal('ICMP6 fragment')
const MALFORMED = literal('malformed header: ')
const AT_OCTET = literal(' at octet ')
const TRUNCATED_IP = literal('truncated-ip - ')
const BYTES_MISSING = literal(' bytes missing! ')
const VLAN = literal('vlan ')
const ETHERTYPE4 = literal('ethertype IPv4, ')
const ETHERTYPE6 = literal('ethertype IPv6, ')
const IFINDEX = literal('ifindex ')
/** sll2_pkttype: how tcpdump calls them, three columns wide. */
const DIRECTIONS: readonly Literal[] = ['In  ', 'B   ', 'M   ', 'P   ', 'Out '].map(literal)
const DIRECTION_UNKNOWN = literal('?   ')
const HBH = literal('HBH ')
const DSTOPT = literal('DSTOPT ')
const FRAG = literal('frag (')
const CLOSE = literal(') ')
const AH = literal('AH(spi=0x')
const AH_SEQ = literal(',seq=0x')
const AH_ICV = literal(',icv=0x')
const AH_CLOSE = literal('): ')
const HEADER_NUMBER = literal('header ')
const RT6 = literal('RT6 (len=')
const RT_TYPE = literal(', type=')
const DEPRECATED = literal(' [Deprecated]')
const RT_LEFT = literal(', segleft=')
const RT_LAST = literal(', last-entry=')
const RT_TAG = literal(', tag=')
const RT_OPEN = literal(', [')
