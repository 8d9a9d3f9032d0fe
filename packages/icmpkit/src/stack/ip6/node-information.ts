/**
 * Answers to node information queries (RFC 4620 §5, §6), where the node is told to: its name, its addresses. A query from
 * beyond the link is refused unless that is configured too (§8).
 */
import type { Instant } from '../../clock.ts'
import { type Ip, type Ip4, type Ip6, isLinkLocal } from '../../wire/addr.ts'
import * as dnsName from '../../wire/dns-name.ts'
import * as nodeInfo from '../../wire/node-info.ts'
import type { Inbound } from '../inbound.ts'
import type { Node } from '../node.ts'
import type { Port } from '../port.ts'
import { SparseMap } from '../sparse-map.ts'
import { Timer } from '../timers.ts'
import { TokenBucket } from '../token-bucket.ts'
import type { Address6 } from './addresses.ts'
import type { Ip6Layer } from './layer.ts'
import { md5 } from './md5.ts'
import { isUnicastLinkLocal } from './nd-input.ts'
import type { NodeInformationSettings } from './nd-settings.ts'
import type { Packet6 } from './packet.ts'

type Reply = Pick<nodeInfo.Message, 'code' | 'flags' | 'data'>

export class NodeInformation {
  readonly #node: Node
  readonly #layer: Ip6Layer
  /** Refusals and unknown questions, as errors are limited (RFC 4620 §5). */
  readonly #refusals: TokenBucket
  /** Groups of the name, by port: those joined. */
  readonly #groups: SparseMap<number, Ip6> = new SparseMap()
  #late = 0

  constructor(node: Node, layer: Ip6Layer) {
    this.#node = node
    this.#layer = layer
    this.#refusals = new TokenBucket(layer.settings.errorLimit)
  }

  /** Listens to the group of the node's name, or of another name than before. */
  listen(now: Instant, port: Port, delayMs: number): void {
    const name = this.#layer.settings.nodeInformation?.name
    const group = name === undefined ? undefined : nameGroup(name)
    const old = this.#groups.get(port.index)
    if (group === old) return
    if (old !== undefined) this.#layer.groups.leave(now, port, old)
    if (group === undefined) this.#groups.delete(port.index)
    else {
      this.#groups.set(port.index, group)
      this.#layer.groups.join(now, port, group, delayMs)
    }
  }

  /** A query came in at `d.at`. */
  queried(now: Instant, d: Inbound, p: Packet6, m: nodeInfo.Message, settings: NodeInformationSettings): void {
    const { counters } = this.#node
    if (p.multicast && !isLinkLocal(p.dst)) {
      counters.drop('ignored')
      return
    }
    const subject = nodeInfo.subject(m)
    // Code and subject of a NOOP mean nothing (RFC 4620 §6.1).
    if (m.qtype !== nodeInfo.Qtype.noop && !this.#isOwn(subject, d.port, settings.name)) {
      counters.drop('not-mine')
      return
    }
    const reply = this.#replyTo(m, subject, d.port, settings, p.src)
    if (reply.code !== nodeInfo.Result.success && !this.#refusals.take(now)) {
      counters.suppress('rate-limit')
      return
    }
    counters.answered++
    const { qtype, nonce } = m
    const message: nodeInfo.Message = { kind: 'nodeInfoReply', qtype, nonce, ...reply }
    const send = (at: Instant) => void this.#layer.sendMessage(at, { dst: p.src, port: d.port }, message)
    if (p.multicast) this.#later(now, send)
    else send(now)
  }

  #replyTo(
    m: nodeInfo.Message,
    subject: Ip | nodeInfo.NodeName | undefined,
    port: Port,
    settings: NodeInformationSettings,
    src: Ip6,
  ): Reply {
    const { Qtype, Result } = nodeInfo
    const { qtype } = m
    if (
      qtype !== Qtype.noop &&
      qtype !== Qtype.nodeName &&
      qtype !== Qtype.nodeAddresses &&
      qtype !== Qtype.ip4Addresses
    )
      return { code: Result.unknownQtype, flags: 0, data: NOTHING }
    if (!isUnicastLinkLocal(src) && settings.global !== true) return { code: Result.refused, flags: 0, data: NOTHING }
    const { success: code } = Result
    if (qtype === Qtype.noop) return { code, flags: 0, data: NOTHING }
    if (qtype === Qtype.nodeName)
      return {
        code,
        flags: 0,
        data: nodeInfo.nodeNamesData([{ name: settings.name, qualified: settings.name.includes('.') }]),
      }
    const v6 = qtype === Qtype.nodeAddresses
    const ports = (m.flags & Flag.all) !== 0 ? [...this.#node.ports.values()] : [this.#portOf(subject, port)]
    const all: Ip[] = v6 ? this.#addresses6(ports, m.flags) : this.#addresses4(ports)
    const room = Math.floor(DATA_ROOM / (v6 ? 20 : 8))
    const copied = m.flags & (v6 ? ASKED : Flag.all)
    return {
      code,
      flags: copied | (all.length > room ? Flag.truncated : 0),
      data: nodeInfo.addressesData(all.slice(0, room)),
    }
  }

  /** Preferred ones first (RFC 4620 §6.3); what was not asked for by scope is not told. */
  #addresses6(ports: readonly Port[], flags: number): Ip6[] {
    const own = ports.flatMap((port) => [...this.#layer.addresses.of(port)]).filter((a) => !a.anycast)
    const of = (state: Address6['state']) => own.filter((a) => a.state === state).map((a) => a.address)
    const asked = [...of('preferred'), ...of('deprecated')].filter(
      (a) => (flags & (isLinkLocal(a) ? Flag.linkLocal : isSiteLocal(a) ? Flag.siteLocal : Flag.global)) !== 0,
    )
    const mapped = (flags & Flag.compatible) === 0 ? [] : this.#addresses4(ports).map(mappedTo6)
    return [...asked, ...mapped]
  }

  #addresses4(ports: readonly Port[]): Ip4[] {
    return ports.flatMap((port) =>
      port.addresses.flatMap(({ address }) =>
        typeof address !== 'bigint' && this.#node.ip4.isMine(address, port) ? [address] : [],
      ),
    )
  }

  /** The one that has the subject, else the one that the query came in by. */
  #portOf(subject: Ip | nodeInfo.NodeName | undefined, port: Port): Port {
    if (typeof subject === 'bigint') return this.#layer.addresses.find(subject, port)?.port ?? port
    const has = (p: Port) => p.addresses.some((a) => a.address === subject)
    return typeof subject === 'number' && !has(port) ? ([...this.#node.ports.values()].find(has) ?? port) : port
  }

  #isOwn(subject: Ip | nodeInfo.NodeName | undefined, port: Port, name: string): boolean {
    if (subject === undefined) return false
    if (typeof subject === 'bigint') return this.#layer.isMine(subject, port) && subject >> 120n !== 0xffn
    if (typeof subject === 'number') return this.#node.ip4.isMine(subject) && subject >>> 28 !== 0xe
    const [asked, own] = [subject.name.toLowerCase(), name.toLowerCase()]
    return asked === own || (!asked.includes('.') && asked === own.split('.')[0])
  }

  /** Many nodes listen to a group: their answers are spread (RFC 4620 §5). */
  #later(now: Instant, send: (now: Instant) => void): void {
    if (this.#late >= MAX_LATE) {
      this.#node.counters.drop('table-full')
      return
    }
    this.#late++
    const timer = new Timer(this.#node.timers, (at) => {
      this.#late--
      send(at)
    })
    timer.set(now + this.#node.random() * QUERY_RESPONSE_INTERVAL_MS)
  }
}

/** ff02::2:ff00:0/104 with 24 bits of the MD5 of the first label, its length octet before it (RFC 4620 §5). */
export function nameGroup(name: string): Ip6 {
  const octets = new Uint8Array(dnsName.size(name))
  dnsName.write(name, octets, 0)
  const label = octets.subarray(0, 1 + octets[0]!).map((c) => (c >= 0x41 && c <= 0x5a ? c | 0x20 : c))
  const digest = md5(label)
  return (NAME_GROUP | BigInt((digest[0]! << 16) | (digest[1]! << 8) | digest[2]!)) as Ip6
}

function isSiteLocal(address: Ip6): boolean {
  return address >> 118n === 0x3fbn
}

function mappedTo6(address: Ip4): Ip6 {
  return (0xffff00000000n | BigInt(address >>> 0)) as Ip6
}

const Flag = nodeInfo.AddressFlag
const ASKED = Flag.global | Flag.siteLocal | Flag.linkLocal | Flag.compatible | Flag.all
const NAME_GROUP = 0xff0200000000000000000002ff000000n
const NOTHING = new Uint8Array(0)
/** RFC 3810 §9.3. */
const QUERY_RESPONSE_INTERVAL_MS = 10_000
/** Answers that may wait at once. */
const MAX_LATE = 64
/** What a reply of 1280 octets holds behind its fixed part. */
const DATA_ROOM = 1280 - 40 - 16
