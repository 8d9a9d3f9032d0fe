/** Packets out of a node of the lab, and the ICMP messages that come back to it, in virtual time. */
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Arrival, Slot } from '../../packages/icmpkit/src/door.ts'
import type { Lab } from '../../packages/icmpkit/src/lab/index.ts'
import { type Ip, type Ip4, type Ip6, parseIp, showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import * as checksum from '../../packages/icmpkit/src/wire/checksum.ts'
import * as icmp4 from '../../packages/icmpkit/src/wire/icmp4.ts'
import * as icmp6 from '../../packages/icmpkit/src/wire/icmp6.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import * as ip6 from '../../packages/icmpkit/src/wire/ip6.ts'
import { put16 } from '../../packages/icmpkit/src/wire/octets.ts'

export interface Question {
  to: string
  /** Its first address of the family where not given. */
  from?: string
  ttl?: number
  kind?: 'echo' | 'udp'
  id?: number
  seq?: number
  sport?: number
  dport?: number
  /** Octets behind the header of ICMP or UDP. */
  size?: number
  df?: boolean
  flowLabel?: number
}

export interface Answer {
  from: string
  type: number
  code: number
  /** Labels and their TTLs, of its MPLS object. */
  labels: string[]
  /** TTL of the quote; -1 where it quotes nothing. */
  quotedTtl: number
  /** TTL of the answer itself. */
  ttl: number
  after: number
  octets: Uint8Array
}

/** Sends one packet, lets `wait` milliseconds pass; every ICMP message but neighbour discovery that came for the node. */
export function ask(net: Lab, node: string, q: Question, wait = 1000): Answer[] {
  const at = net.node(node)
  const to = parseIp(q.to)!
  const src = q.from === undefined ? addressOf(net, node, typeof to === 'bigint' ? 6 : 4) : parseIp(q.from)!
  const packet = octetsOf(q, src, to)
  const began = net.now
  const heard: { octets: Uint8Array; stamp: number }[] = []
  let due = true
  const door = at.door()
  const machine = {
    pollTransmit: (_now: Instant, slot: Slot) => {
      if (!due) return false
      due = false
      slot.bytes.set(packet, slot.at)
      slot.end = slot.at + packet.length
      return true
    },
    handlePacket: (_now: Instant, a: Arrival) => {
      heard.push({ octets: a.bytes.slice(a.at, a.end), stamp: a.stamp })
      return false
    },
    handleSent: () => {},
    handleUnsent: () => {},
  }
  door.send(net.now, machine)
  net.run(began + wait)
  while (door.receive(net.now, machine, 100) > 0);
  void door[Symbol.asyncDispose]()
  return heard.flatMap(({ octets, stamp }) => answerOf(octets, stamp - began) ?? [])
}

/** One packet for each TTL until the destination answers, or `most`: `address`, with `[label/TTL …]`; `*` where none did. */
export function trace(net: Lab, node: string, q: Question, most = 8): string[] {
  const hops: string[] = []
  for (let ttl = 1; ttl <= most; ttl++) {
    const [first] = ask(net, node, { ...q, ttl, seq: ttl })
    hops.push(
      first === undefined ? '*' : `${first.from}${first.labels.length > 0 ? ` [${first.labels.join(' ')}]` : ''}`,
    )
    if (first !== undefined && first.type !== (q.to.includes(':') ? 3 : 11)) break
  }
  return hops
}

export function addressOf(net: Lab, node: string, family: 4 | 6): Ip {
  const [port] = [...net.node(node).node.ports.values()]
  return port!.addresses.map((a) => a.address).find((a) => (typeof a === 'bigint' ? 6 : 4) === family)!
}

function answerOf(octets: Uint8Array, after: number): Answer | undefined {
  const four = octets[0]! >>> 4 === 4
  const h = four ? ip4.parse(octets) : ip6.parse(octets)
  if (h.kind === 'malformed') throw new Error('a message whose header is malformed')
  const verdict =
    h.kind === 'ip4'
      ? [ip4.verify(octets, 0, octets.length), icmp4.verify(octets, h.payload, h.end, h.end - h.payload)]
      : [icmp6.verify(octets, h.payload, h.end, h.end - h.payload, h.src, h.dst)]
  if (verdict.some((v) => v !== 'ok')) throw new Error('a message whose checksum is wrong')
  const type = octets[h.payload]!
  // What routers and neighbours say of themselves.
  if (four ? type === 9 || type === 10 : type >= 130 && type <= 143) return undefined
  const m = four ? icmp4.parse(octets, h.payload, h.end) : icmp6.parse(octets, h.payload, h.end)
  const objects = 'extensions' in m ? (m.extensions?.objects ?? []) : []
  const labels = objects.flatMap((o) => (o.kind === 'mpls' ? o.entries.map((e) => `${e.label}/${e.ttl}`) : []))
  const quotedTtl = 'quote' in m ? m.quote[four ? 8 : 7]! : -1
  const ttl = h.kind === 'ip4' ? h.ttl : h.hopLimit
  return { from: showIp(h.src), type, code: octets[h.payload + 1]!, labels, quotedTtl, ttl, after, octets }
}

function octetsOf(q: Question, src: Ip, dst: Ip): Uint8Array {
  const four = typeof dst === 'number'
  const echo = (q.kind ?? 'echo') === 'echo'
  const upper = new Uint8Array(8 + (q.size ?? 24))
  const protocol = echo ? (four ? 1 : 58) : 17
  if (echo) {
    upper[0] = four ? 8 : 128
    put16(upper, 4, q.id ?? 1)
    put16(upper, 6, q.seq ?? 1)
  } else {
    put16(upper, 0, q.sport ?? 40_000)
    put16(upper, 2, q.dport ?? 33_434)
    put16(upper, 4, upper.length)
  }
  const header = four ? ip4.HEADER : ip6.HEADER
  const packet = new Uint8Array(header + upper.length)
  const ttl = q.ttl ?? 64
  if (four)
    ip4.write(
      { src: src as Ip4, dst, protocol, ttl, df: q.df ?? false, id: (q.seq ?? 1) + 100 },
      packet,
      0,
      upper.length,
    )
  else
    ip6.write({ src: src as Ip6, dst, protocol, hopLimit: ttl, flowLabel: q.flowLabel ?? 0 }, packet, 0, upper.length)
  packet.set(upper, header)
  const pseudo = four
    ? echo
      ? 0
      : checksum.pseudo4(packet, 0, protocol, upper.length)
    : checksum.pseudo6(packet, 0, protocol, upper.length)
  const sum = checksum.finish(checksum.sum(packet, header, packet.length, pseudo))
  put16(packet, header + (echo ? 2 : 6), sum === 0 && !echo ? 0xffff : sum)
  return packet
}
