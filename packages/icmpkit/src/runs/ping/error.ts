/** ICMP errors for people: named, explained, their quote read. Apart from report.ts, since it brings most of `wire`. */
import type { LocalDrop } from '../../door.ts'
import type { ErrorEvent } from '../../probe/ping-event.ts'
import type { Family } from '../../wire/addr.ts'
import { type Extensions, usable } from '../../wire/extension.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import { toJson } from '../../wire/json.ts'
import type { Malformed } from '../../wire/malformed.ts'
import * as quote from '../../wire/quote.ts'
import * as registry from '../../wire/registry.ts'
import type { PingError, PingReporter } from './report.ts'

/** The error as the world hears it. */
export function explain(e: ErrorEvent, r: PingReporter): PingError {
  const about = r.about(e.target, e.at)
  const heard = { mtu: e.mtu, pointer: e.pointer, family: e.family, seq: e.seq }
  if (e.origin === 'local' || e.type === null || e.code === null || e.message === null) {
    const [name, meaning] = LOCAL[e.why ?? 'other']
    return {
      kind: 'error',
      ...about,
      origin: 'local',
      from: null,
      type: null,
      code: null,
      name,
      meaning,
      quote: null,
      extensions: null,
      ...heard,
    }
  }
  const entry = registry.lookup(e.family, e.type, e.code)
  const { quoted, extensions } = readQuote(e.family, e.message)
  return {
    kind: 'error',
    ...about,
    origin: 'icmp',
    from: e.from === null ? null : r.text(e.from, e.port),
    type: e.type,
    code: e.code,
    name: entry.name,
    meaning: isOwn(e, quoted) ? OWN_LINK : entry.meaning,
    quote: quoted === undefined ? null : e.headerQuoted ? toJson(quoted) : withoutHeader(quoted),
    extensions: extensions === undefined || extensions.checksum === 'bad' ? null : toJson(usable(extensions)),
    ...heard,
  }
}

/** Of a header that no door showed only these are known; the rest would look as if a router had quoted it. */
const KNOWN = new Set(['kind', 'protocol', 'src', 'dst', 'finalDst'])

function withoutHeader(quoted: quote.Quote | Malformed): unknown {
  if (!('ip' in quoted)) return toJson(quoted)
  const fields = Object.entries(toJson(quoted.ip) as Record<string, unknown>)
  const ip = Object.fromEntries(fields.map(([name, value]) => [name, KNOWN.has(name) ? value : null]))
  return { ...(toJson(quoted) as Record<string, unknown>), ip }
}

/** The kernel tells itself by such an error that it found no neighbour: no router is to blame. */
function isOwn(e: ErrorEvent, quoted: quote.Quote | Malformed | undefined): boolean {
  const unreachable = e.family === 4 ? e.type === icmp4.Type.unreachable && e.code === 1 : e.type === 1 && e.code === 3
  return unreachable && quoted !== undefined && 'ip' in quoted && quoted.ip.src === e.from
}

const OWN_LINK =
  'This machine got no answer from that address on its own link: the host is off, unplugged, or the address is unused.'

const LOCAL: Record<LocalDrop, readonly [string, string]> = {
  'too-big': ['Message too long', 'This machine knows that the path takes no packet of this size unfragmented.'],
  'no-route': ['Network is unreachable', 'This machine has no route to that address.'],
  'no-buffer': ['No buffer space available', 'The interface could not take more packets just now.'],
  'not-permitted': ['Operation not permitted', 'A local firewall rule or a missing right stopped the packet.'],
  'link-down': ['Network is down', 'The interface is down.'],
  other: ['Local error', 'The kernel refused the packet.'],
}

function readQuote(
  family: Family,
  message: Uint8Array,
): { quoted: quote.Quote | Malformed | undefined; extensions: Extensions | undefined } {
  const m = family === 4 ? icmp4.parse(message) : icmp6.parse(message)
  if (!('quote' in m)) return { quoted: undefined, extensions: undefined }
  return {
    quoted: quote.parse(m.quote, 0, m.quote.length, family),
    extensions: 'extensions' in m ? m.extensions : undefined,
  }
}
