/**
 * Packet filters of a gateway, both families (RFC 1812 §5.3.9, RFC 4443 §3.1 code 1): rules by prefix, protocol, ports,
 * and the ports of this node. Judged over the octets, no object a packet. Left out: state.
 */
import { type Ip, writeIp } from '../wire/addr.ts'
import { u16 } from '../wire/octets.ts'

export interface Prefix {
  prefix: Ip
  prefixLength: number
}

export function isIn(address: Ip, { prefix, prefixLength }: Prefix): boolean {
  if (typeof address === 'bigint') {
    return typeof prefix === 'bigint' && (address ^ prefix) >> BigInt(128 - prefixLength) === 0n
  }
  return typeof prefix === 'number' && (prefixLength === 0 || (address ^ prefix) >>> (32 - prefixLength) === 0)
}

/** Each field that is given must match; a rule with an action only matches everything. */
export interface FilterRule {
  /** `reject` answers administratively prohibited (IPv4 code 13, IPv6 code 1); `drop` says nothing. */
  action: 'accept' | 'reject' | 'drop'
  source?: Prefix
  destination?: Prefix
  protocol?: number
  /** First and last; TCP, UDP, SCTP, DCCP, UDP-Lite. A fragment without them does not match. */
  sourcePorts?: readonly [number, number]
  destinationPorts?: readonly [number, number]
  /** First and last type and code of the family's ICMP; a later fragment has none and does not match. */
  types?: readonly [number, number]
  codes?: readonly [number, number]
  /** Index of the port that it came in by, or would leave by. */
  inPort?: number
  outPort?: number
  /**
   * First and last IP precedence, IPv4: its `reject` is Host Precedence Violation (code 14). ICMP's unreachable,
   * redirect, time exceeded and parameter problem never match (RFC 1812 §5.3.3.3).
   */
  precedences?: readonly [number, number]
}

/** Where the things stand that rules look at. */
export interface Filtered {
  bytes: Uint8Array
  /** Source address; the destination stands right behind it, in both families. */
  src: number
  protocol: number
  /** The transport header; -1 where this is a later fragment. */
  transport: number
  end: number
  inPort: number
  outPort: number
  /** 0 … 7; -1 in IPv6. */
  precedence: number
}

/** Of the packet that is judged, of whatever node: forwarders fill it for each. */
export const FILTERED: Filtered = {
  bytes: new Uint8Array(0),
  src: 0,
  protocol: 0,
  transport: 0,
  end: 0,
  inPort: 0,
  outPort: 0,
  precedence: -1,
}

export class Filter {
  readonly #rules: readonly Compiled[]
  /** A tiny first fragment can hide the ports from the rules and a second put others there (RFC 3128). */
  readonly #readsPorts: boolean

  constructor(rules: readonly FilterRule[], family: 4 | 6) {
    const octets = family === 4 ? 4 : 16
    this.#rules = rules.map((rule) => ({
      rule,
      source: compile(rule.source, octets),
      destination: compile(rule.destination, octets),
    }))
    this.#octets = octets
    this.#icmp = family === 4 ? ICMP : ICMP6
    this.#readsPorts = rules.some((r) => r.sourcePorts !== undefined || r.destinationPorts !== undefined)
  }

  readonly #octets: number
  readonly #icmp: number

  get empty(): boolean {
    return this.#rules.length === 0
  }

  /** True where rules look at ports: then a TCP fragment at offset 8 is an attack on them. */
  get readsPorts(): boolean {
    return this.#readsPorts
  }

  /** The first rule that matches; undefined where none does, and the packet passes. */
  judge(p: Filtered): FilterRule | undefined {
    for (const c of this.#rules) if (this.#matches(c, p)) return c.rule
    return undefined
  }

  #matches({ rule, source, destination }: Compiled, p: Filtered): boolean {
    return (
      (rule.protocol === undefined || rule.protocol === p.protocol) &&
      (rule.inPort === undefined || rule.inPort === p.inPort) &&
      (rule.outPort === undefined || rule.outPort === p.outPort) &&
      (source === undefined || starts(p.bytes, p.src, source)) &&
      (destination === undefined || starts(p.bytes, p.src + this.#octets, destination)) &&
      (rule.sourcePorts === undefined || within(p, 0, rule.sourcePorts)) &&
      (rule.destinationPorts === undefined || within(p, 2, rule.destinationPorts)) &&
      (rule.types === undefined || isMessage(p, this.#icmp, 0, rule.types)) &&
      (rule.codes === undefined || isMessage(p, this.#icmp, 1, rule.codes)) &&
      (rule.precedences === undefined || precedes(p, rule.precedences))
    )
  }
}

interface Compiled {
  rule: FilterRule
  source: Octets | undefined
  destination: Octets | undefined
}

interface Octets {
  octets: Uint8Array
  bits: number
}

function compile(p: Prefix | undefined, octets: number): Octets | undefined {
  if (p === undefined) return undefined
  if ((typeof p.prefix === 'bigint' ? 16 : 4) !== octets)
    throw new TypeError('a filter rule of the other address family')
  if (p.prefixLength > octets * 8) throw new RangeError(`prefix length ${p.prefixLength}: at most ${octets * 8}`)
  const out = new Uint8Array(octets)
  writeIp(p.prefix, out, 0)
  return { octets: out, bits: p.prefixLength }
}

function starts(bytes: Uint8Array, at: number, { octets, bits }: Octets): boolean {
  const whole = bits >>> 3
  for (let i = 0; i < whole; i++) if (bytes[at + i] !== octets[i]) return false
  return (bits & 7) === 0 || (bytes[at + whole]! ^ octets[whole]!) >>> (8 - (bits & 7)) === 0
}

function within(p: Filtered, offset: number, [first, last]: readonly [number, number]): boolean {
  if (p.transport < 0 || p.end - p.transport < 4 || !hasPorts(p.protocol)) return false
  const port = u16(p.bytes, p.transport + offset)
  return first <= port && port <= last
}

function hasPorts(protocol: number): boolean {
  return protocol === TCP || protocol === UDP || protocol === DCCP || protocol === SCTP || protocol === UDP_LITE
}

function isMessage(p: Filtered, icmp: number, offset: 0 | 1, [first, last]: readonly [number, number]): boolean {
  if (p.protocol !== icmp || p.transport < 0 || p.transport + offset >= p.end) return false
  const octet = p.bytes[p.transport + offset]!
  return first <= octet && octet <= last
}

function precedes(p: Filtered, [first, last]: readonly [number, number]): boolean {
  if (p.precedence < first || p.precedence > last) return false
  if (p.protocol !== ICMP || p.transport < 0 || p.transport >= p.end) return true
  const type = p.bytes[p.transport]!
  return type !== 3 && type !== 5 && type !== 11 && type !== 12
}

const ICMP = 1
const ICMP6 = 58
const TCP = 6
const UDP = 17
const DCCP = 33
const SCTP = 132
const UDP_LITE = 136
