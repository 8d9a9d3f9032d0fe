/**
 * Scenarios as data: a network, what one of its hosts sends, and what comes back. The lab runs them in virtual time
 * (scenario.test.ts), Linux kernels in namespaces (test/kernel/scenario.test.ts); the expectations are the same, and where
 * Linux differs the data says why.
 */
import type { LabConfig } from '../../packages/icmpkit/src/lab/index.ts'

/** A network with everything that is asked of it. Host `me` sends and hears. */
export interface Scenario {
  name: string
  /** Made addresses: link n is 10.0.n.0/24 and 2001:db8:0:n::/64, its members .1 .2 … in order. */
  network: LabConfig
  /** What a kernel needs beside its addresses and routes, by node: below /proc/sys/net. */
  sysctl?: Readonly<Record<string, Readonly<Record<string, number>>>>
  cases: readonly Case[]
}

export interface Case {
  /** A sentence that can be false. */
  name: string
  /** One packet, or several at once. */
  send: Packet | readonly Packet[]
  /** All that comes back, in any order, named fields alone are compared; none where nothing may come. */
  answers: readonly Answer[]
  /** Longest wait for the answers, milliseconds. 2000; where none is expected 300. */
  wait?: number
  /** The same over Linux, where the data makes Linux quicker than the RFC says (`sysctl`). */
  linuxWait?: number
  /** Linux does otherwise: its answers, and which rule it does not keep, or which choice of the RFC it takes. */
  linux?: { answers: readonly Answer[]; because: string }
}

/** A packet of `me`; its family is that of `to`. */
export interface Packet {
  to: string
  /** The address of `me` on its first link where not given. */
  from?: string
  ttl?: number
  tos?: number
  df?: boolean
  id?: number
  /** IPv4 options, octets as hex. */
  options?: string
  /** IPv6 extension headers as hex, each with its next header field as 00, which is filled in; and the type of each. */
  extensions?: readonly { type: number; octets: string }[]
  /** Of a datagram in fragments: offset in octets, and whether more come. */
  fragment?: { offset: number; more: boolean }
  carries: Carried
}

export type Carried =
  /** An echo request with so many octets of data; only `slice` of the message where this is a fragment. */
  | { kind: 'echo'; seq?: number; size?: number; slice?: readonly [from: number, to: number] }
  | { kind: 'udp'; port: number; size?: number }
  | { kind: 'timestamp' }
  /** An ICMP message as hex, its checksum filled in. */
  | { kind: 'icmp'; octets: string }
  /** Some other protocol. */
  | { kind: 'protocol'; protocol: number; octets: string }

/** An ICMP message that comes back. */
export interface Answer {
  from: string
  type: number
  code: number
  /** As it arrives. */
  ttl?: number
  tos?: number
  /** Sequence number of an echo reply. */
  seq?: number
  /** Octets of an echo reply's data, which are those of the request. */
  size?: number
  mtu?: number
  pointer?: number
  /** Of a redirect: where to. */
  gateway?: string
  /** TTL in the quoted header. */
  quotedTtl?: number
  /** Octets of the quote, at least. */
  quotes?: number
  /** Octet 7 of an extended echo reply: A is 4, 4 is 2, 6 is 1 (RFC 8335 §3). */
  state?: number
  /** Addresses in a record route option. */
  recorded?: readonly string[]
}
