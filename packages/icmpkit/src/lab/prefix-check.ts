/** Prefixes of a network's links: one of each, or nobody knows which link an address is on. */
import { familyOf, type Ip, isLinkLocal, showIp } from '../wire/addr.ts'
import type { LinkData, LinkPlan } from './topology.ts'

interface Span {
  link: number
  node: string
  address: Ip
  length: number
  /** First and last address: IPv4 as an unsigned number. */
  from: bigint | number
  to: bigint | number
}

/** @throws TypeError that names the place of a prefix that overlaps that of another link */
export function checkPrefixes(links: readonly LinkPlan[]): void {
  const spans: Record<4 | 6, Span[]> = { 4: [], 6: [] }
  for (const [link, l] of links.entries()) {
    for (const { node, addresses } of l.ends) {
      for (const { address, prefixLength: length } of addresses) {
        if (!isLinkLocal(address)) spans[familyOf(address)].push(spanOf(link, node, address, length))
      }
    }
  }
  for (const all of [spans[4], spans[6]]) {
    all.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : a.to > b.to ? -1 : a.to < b.to ? 1 : 0))
    // Spans that begin in order overlap where one begins before the farthest end so far.
    let far: Span | undefined
    for (const s of all) {
      if (far !== undefined && s.from <= far.to && s.link !== far.link) throw overlap(links, far, s)
      if (far === undefined || s.to > far.to) far = s
    }
  }
}

function spanOf(link: number, node: string, address: Ip, length: number): Span {
  if (typeof address === 'bigint') {
    const host = (1n << BigInt(128 - length)) - 1n
    const from = address - (address & host)
    return { link, node, address, length, from, to: from + host }
  }
  const size = 2 ** (32 - length)
  const from = Math.floor((address >>> 0) / size) * size
  return { link, node, address, length, from, to: from + size - 1 }
}

function overlap(links: readonly LinkPlan[], a: Span, b: Span): TypeError {
  // The one that somebody wrote is at fault, of two the later.
  const given = (s: Span) => (links[s.link] as LinkData).addresses?.[s.node] !== undefined
  const [wrong, other] = given(a) && (!given(b) || a.link > b.link) ? [a, b] : [b, a]
  const show = (s: Span) => `${showIp(s.address)}/${s.length}`
  return new TypeError(
    `lab: links[${wrong.link}]: addresses: ${wrong.node}: ${show(wrong)} overlaps ${show(other)} of link ` +
      `'${links[other.link]!.name}'; expected prefixes that no other link has`,
  )
}
