/** Targets as people write them: an address, an address with a zone, or a name. Names are asked of the system's resolver. */
import { ANY4, ANY6, type Family, familyOf, type Ip, isLinkLocal, parseIp } from '../wire/addr.ts'

export interface Resolved {
  /** As it was written. */
  target: string
  ip: Ip
  /** Interface index of the zone, 0 without one. */
  port: number
}

export interface Unresolved {
  target: string
  /** What is wrong, in the resolver's words or ours. */
  why: string
}

export interface ResolveSettings {
  family: Family | undefined
  /** What else asks for that family, where the caller does not: a source, a question. */
  because?: string | undefined
  /** Every address of a name, instead of the first. */
  all: boolean
  /** Index of an interface by name, or by number as text; undefined where there is none. */
  zoneIndex: (zone: string) => number | undefined
  /** Interface that link-local addresses without a zone go out by, 0 = none given. */
  port: number
  /** Instead of the system's resolver: the addresses of a name, none where there is no such name. */
  names?: ((name: string) => readonly Ip[]) | undefined
}

/** The addresses of `target`; several with `all`, none only as `Unresolved`. Never throws. */
export async function resolve(target: string, s: ResolveSettings): Promise<Resolved[] | Unresolved> {
  const [host, zone] = splitZone(target)
  const literal = parseIp(host)
  if (literal !== undefined) {
    if (s.family !== undefined && familyOf(literal) !== s.family) {
      return { target, why: `is not an IPv${s.family} address${s.because ? `: ${s.because}` : ''}` }
    }
    const unfit = standsForAnother(literal)
    return unfit === undefined ? located(target, literal, zone, s) : { target, why: unfit }
  }
  // Like inet_aton, resolvers take 0177.1 or 2130706433 for an address; that reading has opened allow lists (CVE-2021-28918).
  if (/^(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]*))*$/i.test(host)) {
    return { target, why: 'is not an address: write four decimal numbers without leading zeros' }
  }
  if (!isName(host)) return { target, why: 'is neither an address nor a host name' }
  if (s.names !== undefined) return named(target, s.names(host), zone, s)
  try {
    const { lookup } = await import('node:dns/promises')
    const found = await lookup(host, { all: true, order: 'verbatim', family: s.family ?? 0 })
    const wanted: Resolved[] = []
    for (const { address } of s.all ? found : found.slice(0, 1)) {
      const [text, itsZone] = splitZone(address)
      const ip = parseIp(text)
      if (ip === undefined) continue
      const at = located(target, ip, itsZone ?? zone, s)
      if ('why' in at) return at
      wanted.push(...at)
    }
    return wanted.length > 0 ? wanted : { target, why: 'has no address' }
  } catch (e) {
    return { target, why: describe((e as NodeJS.ErrnoException).code) }
  }
}

function named(target: string, all: readonly Ip[], zone: string | undefined, s: ResolveSettings) {
  const fit = all.filter((ip) => s.family === undefined || familyOf(ip) === s.family)
  if (fit.length === 0) return { target, why: all.length === 0 ? 'is no host here' : `has no IPv${s.family} address` }
  const found = (s.all ? fit : fit.slice(0, 1)).map((ip) => located(target, ip, zone, s))
  return found.find((f): f is Unresolved => 'why' in f) ?? (found as Resolved[][]).flat()
}

/** No packet carries these to a host, and no host answers from them. */
function standsForAnother(ip: Ip): string | undefined {
  if (ip === ANY4) return 'stands for no address: 127.0.0.1 is this machine'
  if (ip === ANY6) return 'stands for no address: ::1 is this machine'
  // RFC 4291 §2.5.5.2
  if (typeof ip === 'bigint' && ip >> 32n === 0xffffn) return 'is an IPv4 address in IPv6 writing: write it as IPv4'
  return undefined
}

function located(target: string, ip: Ip, zone: string | undefined, s: ResolveSettings): Resolved[] | Unresolved {
  if (zone === undefined) {
    if (typeof ip === 'bigint' && isLinkLocal(ip) && s.port === 0) {
      return { target, why: `is link-local: say on which interface, as in ${target}%eth0 or with -I eth0` }
    }
    return [{ target, ip, port: isLinkLocal(ip) ? s.port : 0 }]
  }
  const port = s.zoneIndex(zone)
  return port === undefined ? { target, why: `names no interface here: ${zone}` } : [{ target, ip, port }]
}

function splitZone(text: string): [string, string | undefined] {
  const percent = text.indexOf('%')
  return percent < 0 ? [text, undefined] : [text.slice(0, percent), text.slice(percent + 1)]
}

/** Letters, digits, hyphens, underscores and dots, or anything beyond ASCII (IDN): no blanks, no control characters, no leading '-'. */
function isName(host: string): boolean {
  return host.length > 0 && host.length <= 253 && /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}._-]*$/u.test(host)
}

function describe(code: string | undefined): string {
  switch (code) {
    case 'ENOTFOUND':
      return 'Name or service not known'
    case 'EAI_AGAIN':
      return 'Temporary failure in name resolution'
    case 'ENODATA':
      return 'has no address of that family'
    default:
      return `could not be resolved${code === undefined ? '' : ` (${code})`}`
  }
}
