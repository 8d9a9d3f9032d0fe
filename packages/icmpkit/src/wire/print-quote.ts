/** The datagram that an error quotes, on the error's line: `, about udp 192.0.2.1.40000 > 192.0.2.9.53`. */
import * as ip6 from './ip6.ts'
import { u16 } from './octets.ts'
import { type Literal, literal, type Pen } from './pen.ts'

/** IPv4 header at `at`, of which 20 octets are here. */
export function printQuote4(pen: Pen, bytes: Uint8Array, at: number, end: number): void {
  const header = (bytes[at]! & 15) << 2
  const upper = (u16(bytes, at + 6) & 0x1fff) === 0 && header >= 20 ? at + header : end
  flow(pen, bytes, 4, bytes[at + 9]!, at + 12, at + 16, upper, end)
}

/** IPv6 header at `at`, of which 40 octets are here. `skipped` is `ip6.skip` of it. */
export function printQuote6(pen: Pen, bytes: Uint8Array, at: number, end: number, skipped: number): void {
  const known = skipped >= 0
  const upper = known && !ip6.upperIsLater(skipped) ? at + ip6.upperAt(skipped) : end
  flow(pen, bytes, 6, known ? ip6.upperProtocol(skipped) : bytes[at + 6]!, at + 8, at + 24, upper, end)
}

function flow(
  pen: Pen,
  bytes: Uint8Array,
  family: 4 | 6,
  protocol: number,
  src: number,
  dst: number,
  upper: number,
  end: number,
): void {
  const name = NAMES[protocol]
  const hasPorts = HAS_PORTS[protocol] === 1 && end - upper >= 4
  if (name !== undefined) pen.text(name)
  else {
    pen.value(ABOUT_PROTOCOL, protocol)
    pen.char(SPACE)
  }
  if (family === 4) pen.ip4(src)
  else pen.ip6(src)
  if (hasPorts) {
    pen.char(DOT)
    pen.decimal(u16(bytes, upper))
  }
  pen.text(TO)
  if (family === 4) pen.ip4(dst)
  else pen.ip6(dst)
  if (hasPorts) {
    pen.char(DOT)
    pen.decimal(u16(bytes, upper + 2))
  } else if ((protocol === ICMP4 || protocol === ICMP6) && end - upper >= 8) echo(pen, bytes, protocol, upper)
}

/** Which ping it was that failed. */
function echo(pen: Pen, bytes: Uint8Array, protocol: number, at: number): void {
  const type = bytes[at]!
  if (type !== (protocol === ICMP4 ? 8 : 128)) {
    pen.value(TYPE, type)
    return
  }
  pen.value(ECHO_ID, u16(bytes, at + 4))
  pen.value(SEQ, u16(bytes, at + 6))
}

const ICMP4 = 1
const ICMP6 = 58
const DOT = 0x2e
const SPACE = 0x20
const TO = literal(' > ')
const TYPE = literal(' type ')
const ECHO_ID = literal(' echo request id ')
const SEQ = literal(' seq ')
const ABOUT_PROTOCOL = literal(', about protocol ')
const PROTOCOLS: Readonly<Record<number, string>> = {
  1: 'icmp',
  2: 'igmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  41: 'ip6',
  47: 'gre',
  50: 'esp',
  58: 'icmp6',
  89: 'ospf',
  132: 'sctp',
  136: 'udplite',
}
const NAMES: readonly (Literal | undefined)[] = Array.from({ length: 256 }, (_, n) =>
  PROTOCOLS[n] === undefined ? undefined : literal(`, about ${PROTOCOLS[n]} `),
)
/** Protocols whose first four octets are two ports: TCP, UDP, DCCP, SCTP, UDP-Lite. */
const HAS_PORTS: Uint8Array = Uint8Array.from({ length: 256 }, (_, n) => ([6, 17, 33, 132, 136].includes(n) ? 1 : 0))
