/**
 * Which of its addresses a node speaks from (RFC 6724 §5): the rules in their order, the first that sees a difference
 * decides.
 *
 * Left out: home addresses (rule 4), and the next hop that advertised the prefix (rule 5.5), a MAY.
 */
import { type Ip6, isMulticast } from '../../wire/addr.ts'

export interface Candidate {
  readonly address: Ip6
  readonly prefixLength: number
  readonly deprecated: boolean
  readonly temporary: boolean
  /** Of the port that the packet leaves by; a gateway may speak from the addresses of others too. */
  readonly outgoing: boolean
}

/** A row of the policy table: longest prefix first (RFC 6724 §2.1). Precedences sort destinations, which is not done here. */
export interface PolicyRow {
  readonly prefix: Ip6
  readonly prefixLength: number
  readonly label: number
}

/** RFC 6724 §2.1. */
export const DEFAULT_POLICY: readonly PolicyRow[] = [
  { prefix: 1n as Ip6, prefixLength: 128, label: 0 },
  { prefix: 0xffff00000000n as Ip6, prefixLength: 96, label: 4 },
  { prefix: 0n as Ip6, prefixLength: 96, label: 3 },
  { prefix: (0x20010000n << 96n) as Ip6, prefixLength: 32, label: 5 },
  { prefix: (0x2002n << 112n) as Ip6, prefixLength: 16, label: 2 },
  { prefix: (0x3ffen << 112n) as Ip6, prefixLength: 16, label: 12 },
  { prefix: (0xfec0n << 112n) as Ip6, prefixLength: 10, label: 11 },
  { prefix: (0xfcn << 120n) as Ip6, prefixLength: 7, label: 13 },
  { prefix: 0n as Ip6, prefixLength: 0, label: 1 },
]

export interface SourceSettings {
  policy: readonly PolicyRow[]
  /** RFC 6724 §5 rule 7: temporary addresses are preferred, unless the user says otherwise. */
  preferTemporary: boolean
}

/** The best of `candidates` for `destination`; undefined where there is none. */
export function selectSource<C extends Candidate>(
  candidates: Iterable<C>,
  destination: Ip6,
  o: SourceSettings,
): C | undefined {
  let best: C | undefined
  for (const c of candidates) if (best === undefined || isBetter(c, best, destination, o)) best = c
  return best
}

function isBetter(a: Candidate, b: Candidate, d: Ip6, o: SourceSettings): boolean {
  // 1: the same address.
  if (b.address === d) return false
  if (a.address === d) return true
  // 2: a scope that reaches as far as the destination's, and no further.
  const [scopeA, scopeB, scopeD] = [scopeOf(a.address), scopeOf(b.address), scopeOf(d)]
  if (scopeA !== scopeB) return scopeA < scopeB ? scopeA >= scopeD : scopeB < scopeD
  // 3: not deprecated.
  if (a.deprecated !== b.deprecated) return b.deprecated
  // 5: the outgoing port's.
  if (a.outgoing !== b.outgoing) return a.outgoing
  // 6: the label of the destination.
  const label = labelOf(d, o.policy)
  const [fitsA, fitsB] = [labelOf(a.address, o.policy) === label, labelOf(b.address, o.policy) === label]
  if (fitsA !== fitsB) return fitsA
  // 7: temporary ones.
  if (a.temporary !== b.temporary) return a.temporary === o.preferTemporary
  // 8: the longest prefix in common.
  return common(a, d) > common(b, d)
}

/** Of a multicast address the scope that it says; unicast ones are mapped to those (RFC 6724 §3.1, §3.4). */
export function scopeOf(ip: Ip6): number {
  if (isMulticast(ip)) return Number((ip >> 112n) & 0xfn)
  if (ip >> 118n === 0x3fan || ip === 1n) return SCOPE.link
  return ip >> 118n === 0x3fbn ? SCOPE.site : SCOPE.global
}

export const SCOPE = { link: 2, site: 5, global: 14 } as const

function labelOf(ip: Ip6, policy: readonly PolicyRow[]): number {
  for (const r of policy) {
    const host = BigInt(128 - r.prefixLength)
    if (ip >> host === r.prefix >> host) return r.label
  }
  return -1
}

/** RFC 6724 §2.2: as far as the source's prefix goes. */
function common(c: Candidate, d: Ip6): number {
  const different = c.address ^ d
  const bits = different === 0n ? 128 : 128 - different.toString(2).length
  return Math.min(bits, c.prefixLength)
}
