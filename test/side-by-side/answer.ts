/** What came back, in words that leave out what differs from run to run (identification, times): for a table and a comparison. */
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import * as checksum from '../../packages/icmpkit/src/wire/checksum.ts'
import * as icmp4 from '../../packages/icmpkit/src/wire/icmp4.ts'
import * as icmp6 from '../../packages/icmpkit/src/wire/icmp6.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import * as ip6 from '../../packages/icmpkit/src/wire/ip6.ts'
import { hex } from '../../packages/icmpkit/src/wire/octets.ts'
import { lookup } from '../../packages/icmpkit/src/wire/registry.ts'

/** One packet that left by port A or B. */
export interface Answer {
  port: 'A' | 'B'
  bytes: Uint8Array
}

/** Undefined where the packet is no answer to anything: neighbour discovery and group reports of the kernel's own. */
export function describe({ port, bytes }: Answer): string | undefined {
  return bytes[0]! >>> 4 === 6 ? describe6(port, bytes) : describe4(port, bytes)
}

function describe4(port: string, bytes: Uint8Array): string | undefined {
  const h = ip4.parse(bytes)
  if (h.kind === 'malformed') return `${port}: malformed`
  if (h.protocol === IGMP) return undefined
  const facts = [`from ${showIp(h.src)}`, `to ${showIp(h.dst)}`, `ttl ${h.ttl}`]
  if (h.tos !== 0) facts.push(`tos ${h.tos.toString(16)}`)
  if (h.offset !== 0 || h.mf) facts.push(`fragment ${h.offset}${h.mf ? '+' : ''}`)
  if (h.options.length > 0) facts.push(`options ${hex(withoutTimes(h.options))}`)
  if (ip4.verify(bytes, 0, bytes.length) !== 'ok') facts.push('bad header checksum')
  if (h.protocol !== icmp4.PROTOCOL || h.offset !== 0 || h.end - h.payload < FIXED)
    return `${port}: ${protocolName(h.protocol)}, ${facts.join(', ')}, ${h.end - h.payload} octets`
  const at = h.payload
  const [type, code] = [bytes[at]!, bytes[at + 1]!]
  if (!h.mf && icmp4.verify(bytes, at, h.end, h.end - at) !== 'ok') facts.push('bad checksum')
  if (type === 3 && code === 4) facts.push(`mtu ${(bytes[at + 6]! << 8) | bytes[at + 7]!}`)
  if (type === 12) facts.push(`pointer ${bytes[at + 4]}`)
  return `${port}: ${lookup(4, type, code).name} (${type}/${code}), ${facts.join(', ')}, ${h.end - at} octets`
}

/** Times of day that were stamped are left out. */
function withoutTimes(options: Uint8Array): Uint8Array {
  const o = options.slice()
  for (let i = 0; i < o.length && o[i] !== 0; ) {
    const length = o[i] === 1 ? 1 : Math.max(o[i + 1] ?? 0, 1)
    if (o[i] === TIMESTAMP && length >= 4) {
      const step = (o[i + 3]! & 15) === 0 ? 4 : 8
      for (let t = i + 4 + step; t <= Math.min(i + o[i + 2]! - 1, i + length, o.length); t += step) o.fill(0, t - 4, t)
    }
    i += length
  }
  return o
}

function describe6(port: string, bytes: Uint8Array): string | undefined {
  const h = ip6.parse(bytes)
  if (h.kind === 'malformed') return `${port}: malformed`
  const facts = [`from ${showIp(h.src)}`, `to ${showIp(h.dst)}`, `hop limit ${h.hopLimit}`]
  if (h.trafficClass !== 0) facts.push(`class ${h.trafficClass.toString(16)}`)
  if (h.fragment !== undefined) facts.push(`fragment ${h.fragment.offset}${h.fragment.more ? '+' : ''}`)
  const at = h.payload
  if (h.protocol !== icmp6.PROTOCOL || (h.fragment !== undefined && h.fragment.offset !== 0) || h.end - at < FIXED)
    return `${port}: ${protocolName(h.protocol)}, ${facts.join(', ')}, ${h.end - at} octets`
  const [type, code] = [bytes[at]!, bytes[at + 1]!]
  if (OWN_AFFAIRS.has(type)) return undefined
  if (
    h.fragment === undefined &&
    checksum.fold(checksum.sum(bytes, at, h.end, checksum.pseudo6(bytes, 0, icmp6.PROTOCOL, h.end - at))) !== 0xffff
  )
    facts.push('bad checksum')
  const word = ((bytes[at + 4]! << 24) | (bytes[at + 5]! << 16) | (bytes[at + 6]! << 8) | bytes[at + 7]!) >>> 0
  if (type === 2) facts.push(`mtu ${word}`)
  if (type === 4) facts.push(`pointer ${word}`)
  return `${port}: ${lookup(6, type, code).name} (${type}/${code}), ${facts.join(', ')}, ${h.end - at} octets`
}

function protocolName(protocol: number): string {
  return NAMES[protocol] ?? `protocol ${protocol}`
}

const IGMP = 2
/** Octets that every ICMP message has. */
const FIXED = 8
/** The IPv4 option. */
const TIMESTAMP = 68
const NAMES: Record<number, string> = { 1: 'ICMP', 6: 'TCP', 17: 'UDP', 58: 'ICMPv6' }
/** Router solicitation to redirect, and reports of groups. */
const OWN_AFFAIRS = new Set([131, 132, 133, 134, 135, 136, 143])
