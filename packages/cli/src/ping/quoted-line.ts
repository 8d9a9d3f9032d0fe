/** One line for the datagram that an error quotes (the JSON form that the library's events carry). */
import { safeText } from 'icmpkit/wire'

type Json = Record<string, unknown>

/** `quote` and `extensions` as in `PingError`. */
export function quotedLine(quote: unknown, extensions: unknown): string {
  const q = quote as { kind?: string; why?: string; ip: Json; transport: Json; missing: readonly string[] } | null
  if (q === null) return 'It quotes nothing.'
  if (q.kind === 'malformed') return `Its quote can't be read: ${q.why}.`
  const { ip, transport: t } = q
  // null where the door does not see the quoted header.
  const ttl = ip.ttl ?? ip.hopLimit ?? null
  const length = ip.length ?? (typeof ip.payloadLength === 'number' ? ip.payloadLength + 40 : null)
  const missing = q.missing.length > 0 ? `; not quoted: ${q.missing.join(', ')}` : ''
  const objects = Array.isArray(extensions) && extensions.length > 0 ? `; with ${extensions.map(show).join(', ')}` : ''
  return `It quotes ${ip.src} > ${ip.dst} ${transport(t)}${ttl === null ? '' : `, ttl ${ttl}`}${length === null ? '' : `, ${length} octets`}${missing}${objects}.`
}

function transport(t: Json): string {
  switch (t.kind) {
    case 'icmp4':
    case 'icmp6': {
      const echo = t.type === 8 || t.type === 128 ? 'echo request' : `type ${t.type} code ${t.code}`
      return `ICMP ${echo}${t.id === null ? '' : ` id ${t.id} seq ${t.seq}`}`
    }
    case 'udp':
    case 'tcp':
      return `${String(t.kind).toUpperCase()} ${t.srcPort} > ${t.dstPort}`
    case 'fragment':
      return `a later fragment of protocol ${t.protocol}`
    case 'other':
      return `protocol ${t.protocol}`
    default:
      return 'no transport header'
  }
}

function show(o: Json): string {
  if (o.kind === 'mpls') {
    return `MPLS ${(o.entries as Json[]).map((e) => `label ${e.label} exp ${e.exp ?? e.tc} ttl ${e.ttl}`).join(' / ')}`
  }
  const rest = Object.entries(o)
    .filter(([k, v]) => k !== 'kind' && v !== null)
    .map(([k, v]) => `${k} ${typeof v === 'object' ? JSON.stringify(v) : v}`)
  return safeText(`${o.kind} ${rest.join(' ')}`)
}
