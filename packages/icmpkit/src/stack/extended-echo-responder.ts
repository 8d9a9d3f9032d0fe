/**
 * The proxy of extended echo (RFC 8335 §4), both families: says whether an interface of this node is up and which IP
 * runs on it, or how a neighbour stands in the ARP table or neighbour cache. Off by default; then each kind of query
 * has its permitted sources (§8). What is not permitted is dropped without a word.
 */
import type { Instant } from '../clock.ts'
import { ANY6, type Ip, type Ip6, isLinkLocal, isMulticast } from '../wire/addr.ts'
import * as extendedEcho from '../wire/extended-echo.ts'
import { Class, classOf, type ExtensionObject } from '../wire/extension.ts'
import * as icmp4 from '../wire/icmp4.ts'
import type * as icmp6 from '../wire/icmp6.ts'
import { Afi, type InterfaceByAddress, type InterfaceIdentification } from '../wire/interface-identification.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import { isIn, type Prefix } from './filter.ts'
import type { Inbound } from './inbound.ts'
import type { NeighbourState } from './ip6/neighbour-cache.ts'
import type { Packet6 } from './ip6/packet.ts'
import { isMacAt } from './mac.ts'
import type { Node } from './node.ts'
import type { Port } from './port.ts'
import { type BucketSettings, TokenBucket } from './token-bucket.ts'

/** Who may ask: everybody, or the sources in these prefixes of either family; none: nobody. */
export type Askers = 'any' | readonly Prefix[]

export interface ExtendedEchoSettings {
  /** Default: no. */
  enabled: boolean
  /** About interfaces of this node (L set). Default: any. */
  local: Askers
  /** About its neighbours (L clear). Default: nobody. */
  neighbours: Askers
  /** Queries by name, by index, by address. Default: nobody. */
  byName: Askers
  byIndex: Askers
  byAddress: Askers
  /** Indexes of ports whose queries are answered. Default: all. */
  ports: readonly number[] | 'all'
  /** The VPN of a port by its index: who asks in one learns nothing of the others. Default: one VPN for all. */
  vpns: Readonly<Record<number, string>>
  /** Replies give the request's structure and data back, as Linux does, where they fit; else they have 8 octets. Default: yes. */
  copy: boolean
  limit: BucketSettings
}

export const EXTENDED_ECHO_DEFAULTS: ExtendedEchoSettings = {
  enabled: false,
  local: 'any',
  neighbours: [],
  byName: [],
  byIndex: [],
  byAddress: [],
  ports: 'all',
  vpns: {},
  copy: true,
  limit: { rate: 100, burst: 50 },
}

/** RFC 8335 §3. */
export const Code = { noError: 0, malformed: 1, noInterface: 2, noEntry: 3, multiple: 4 } as const

/** What the reply says. */
type Finding = Omit<extendedEcho.ExtendedEchoReply, 'kind' | 'id' | 'seq' | 'data'>

export class ExtendedEchoResponder {
  readonly #node: Node
  readonly #settings: ExtendedEchoSettings
  readonly #bucket: TokenBucket

  constructor(node: Node, settings: Partial<ExtendedEchoSettings>) {
    this.#node = node
    this.#settings = { ...EXTENDED_ECHO_DEFAULTS, ...settings }
    this.#bucket = new TokenBucket(this.#settings.limit)
  }

  /** A query came in over IPv4. */
  input4(now: Instant, d: Inbound, h: ip4.Header, m: icmp4.Message): void {
    if (m.kind !== 'extendedEchoRequest') return
    const layer = this.#node.ip4
    // What comes from no single host does not come so far (RFC 1812 §5.3.7).
    const unicast = layer.isMine(h.dst) && !isMulticast(h.dst)
    const finding = this.#judge(now, d, unicast, h.src, m)
    if (finding === undefined) return
    const hop = layer.hop(now, h.src)
    if (typeof hop === 'string') return void this.#node.counters.drop('no-route')
    const data = this.#tail(d.bytes, h.payload, h.end, hop.port.mtu - ip4.HEADER)
    const reply: icmp4.Message = { kind: 'extendedEchoReply', id: m.id, seq: m.seq, ...finding, data }
    const payload = new Uint8Array(icmp4.size(reply))
    icmp4.write(reply, payload, 0)
    // RFC 8335 §4: the DiffServ codepoint is CS0, whatever the request had.
    const how = { src: h.dst, dst: h.src, protocol: icmp4.PROTOCOL, tos: 0, ttl: 255, df: true }
    if (layer.send(now, { ...how, payload }) === 'sent') this.#node.counters.answered++
  }

  /** A query came in over IPv6. */
  input6(now: Instant, d: Inbound, p: Packet6, m: icmp6.Message): void {
    if (m.kind !== 'extendedEchoRequest') return
    const layer = this.#node.ip6
    const unicast = !p.multicast && p.src !== ANY6
    const finding = this.#judge(now, d, unicast, p.src, m)
    if (finding === undefined) return
    const port = isLinkLocal(p.src) ? d.port : undefined
    const hop = layer.hop(now, p.src, port)
    if (typeof hop === 'string') return void this.#node.counters.drop('no-route')
    const data = this.#tail(d.bytes, p.at, p.end, layer.linkMtu(hop.port) - ip6.HEADER)
    const reply: icmp6.Message = { kind: 'extendedEchoReply', id: m.id, seq: m.seq, ...finding, data }
    const to = { src: p.dst, dst: p.src, hopLimit: 255, trafficClass: 0, port }
    if (layer.sendMessage(now, to, reply) === 'sent') this.#node.counters.answered++
  }

  /** What stands behind the fixed part of the request, where the reply gives it back: it must not need fragments. */
  #tail(bytes: Uint8Array, at: number, end: number, room: number): Uint8Array {
    return this.#settings.copy && end - at <= room ? bytes.slice(at + extendedEcho.FIXED, end) : NOTHING
  }

  /** undefined: dropped, and counted. */
  #judge(
    now: Instant,
    d: Inbound,
    unicast: boolean,
    src: Ip,
    m: extendedEcho.ExtendedEchoRequest,
  ): Finding | undefined {
    const { enabled, local, neighbours, ports } = this.#settings
    const { counters } = this.#node
    const here = enabled && (ports === 'all' || ports.includes(d.port.index))
    const o = here ? identification(m) : undefined
    if (!here || !permits(m.local ? local : neighbours, src) || !this.#mayAsk(o, src)) {
      counters.drop('disabled')
      return undefined
    }
    if (!unicast) {
      counters.drop('bad-source')
      return undefined
    }
    if (!this.#bucket.take(now)) {
      counters.suppress('rate-limit')
      return undefined
    }
    // RFC 8335 §2: only by address is a neighbour asked for.
    if (o === undefined || (!m.local && o.kind !== 'interfaceByAddress')) return { ...CLEAR, code: Code.malformed }
    return m.local ? this.#interface(d.port, o) : this.#entry(now, d.port, o as InterfaceByAddress)
  }

  /** What is malformed is answered to who may ask something. */
  #mayAsk(o: InterfaceIdentification | undefined, src: Ip): boolean {
    const { byName, byIndex, byAddress } = this.#settings
    switch (o?.kind) {
      case 'interfaceByName':
        return permits(byName, src)
      case 'interfaceByIndex':
        return permits(byIndex, src)
      case 'interfaceByAddress':
        return permits(byAddress, src)
      default:
        return permits(byName, src) || permits(byIndex, src) || permits(byAddress, src)
    }
  }

  #interface(from: Port, o: InterfaceIdentification): Finding {
    const found = [...this.#node.ports.values()].filter((p) => this.#inVpnOf(from, p.index) && this.#isMeant(p, o))
    const port = found[0]
    if (port === undefined) return { ...CLEAR, code: Code.noInterface }
    if (found.length > 1) return { ...CLEAR, code: Code.multiple }
    if (!port.up) return CLEAR
    const ipv4 = this.#node.ip4.addresses.of(port).some((a) => a.state === 'ready')
    const ipv6 = this.#node.ip6.addresses.of(port).some((a) => a.state === 'preferred' || a.state === 'deprecated')
    return { ...CLEAR, active: true, ipv4, ipv6 }
  }

  #isMeant(port: Port, o: InterfaceIdentification): boolean {
    switch (o.kind) {
      case 'interfaceByName':
        return port.name === o.name
      case 'interfaceByIndex':
        return port.index === o.index
      case 'interfaceByAddress': {
        const { address } = o
        if (typeof address === 'number') return this.#node.ip4.addresses.find(port, address) !== undefined
        if (typeof address === 'bigint') return this.#node.ip6.addresses.of(port).some((a) => a.address === address)
        return o.afi === Afi.mac48 && same(port.mac, address)
      }
    }
  }

  /** Of the ARP table and the neighbour cache of each port. */
  #entry(now: Instant, from: Port, { afi, address }: InterfaceByAddress): Finding {
    const states: NeighbourState[] = []
    for (const port of this.#node.ports.values()) {
      if (!this.#inVpnOf(from, port.index)) continue
      if (typeof address === 'number') add(states, this.#node.ip4.arp.stateOf(now, port, address))
      else if (typeof address === 'bigint') add(states, this.#stateOf6(now, port, address))
      else if (afi === Afi.mac48) this.#addByMac(now, port, address, states)
    }
    if (states.length === 0) return { ...CLEAR, code: Code.noEntry }
    if (states.length > 1) return { ...CLEAR, code: Code.multiple }
    return { ...CLEAR, state: extendedEcho.NeighborState[states[0]!] }
  }

  #stateOf6(now: Instant, port: Port, address: Ip6): NeighbourState | undefined {
    const { neighbours } = this.#node.ip6
    const n = neighbours.link(port).cache.get(address)
    return n === undefined ? undefined : neighbours.stateOf(now, n)
  }

  #addByMac(now: Instant, port: Port, mac: Uint8Array, states: NeighbourState[]): void {
    const { arp } = this.#node.ip4
    for (const e of arp.entries()) {
      if (e.port === port.index && e.mac !== undefined && same(e.mac, mac))
        add(states, arp.stateOf(now, port, e.address))
    }
    const { neighbours } = this.#node.ip6
    for (const n of neighbours.link(port).cache) {
      if (n.state !== 'incomplete' && isMacAt(n, mac)) states.push(neighbours.stateOf(now, n))
    }
  }

  #inVpnOf(from: Port, index: number): boolean {
    const { vpns } = this.#settings
    return vpns[from.index] === vpns[index]
  }
}

/**
 * The one object that says what is asked for; undefined where the query is malformed (RFC 8335 §4.1). A checksum of
 * zero is none (RFC 4884 §7), and taken.
 */
function identification(m: extendedEcho.ExtendedEchoRequest): InterfaceIdentification | undefined {
  const e = m.extensions
  if (e === undefined || e.checksum === 'bad') return undefined
  const found = e.objects.filter((o) => classOf(o) === Class.interfaceIdentification)
  const first = found[0]
  return found.length === 1 && first !== undefined && isIdentification(first) ? first : undefined
}

function isIdentification(o: ExtensionObject): o is InterfaceIdentification {
  return o.kind === 'interfaceByName' || o.kind === 'interfaceByIndex' || o.kind === 'interfaceByAddress'
}

function permits(askers: Askers, src: Ip): boolean {
  return askers === 'any' || askers.some((p) => isIn(src, p))
}

function add(states: NeighbourState[], state: NeighbourState | undefined): void {
  if (state !== undefined) states.push(state)
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, i) => octet === b[i])
}

const CLEAR: Finding = { code: Code.noError, state: 0, active: false, ipv4: false, ipv6: false }
const NOTHING = new Uint8Array(0)
