/** What `icmp ping` prints for people: iputils' lines, which scripts scrape, and beneath an error what it means. */
import type { PingError, PingEvent, PingReply, PingRtt, PingSummary } from 'icmpkit'
import { safeText } from 'icmpkit/wire'
import { quotedLine } from './quoted-line.ts'

interface TextFlags {
  size: number
  type: { kind: string }
  time?: true
  audible?: true
  precise?: true
  quiet?: true
  verbose?: true
  flood?: true
  recordRoute?: true
  timestampOption?: unknown
}

/** What an event is to people: for standard output, and beside it for standard error. '' for nothing. */
export interface Told {
  line: string
  aside: string
}

export class PingText {
  readonly #f: TextFlags
  readonly #headed = new Set<string>()
  #dots = false
  #aside = ''
  /** With -f: what the local kernel refuses, it refuses ten thousand times a second. */
  readonly #said = new Set<string>()

  constructor(flags: TextFlags) {
    this.#f = flags
  }

  line(e: PingEvent): Told {
    this.#aside = ''
    return { line: this.#line(e), aside: this.#aside }
  }

  #line(e: PingEvent): string {
    switch (e.kind) {
      case 'reply':
      case 'late':
      case 'duplicate':
      case 'corrupt':
        return this.#header(e) + this.#reply(e)
      case 'error':
        return this.#header(e) + this.#error(e)
      case 'timeout':
        if (this.#f.flood === true && this.#f.quiet !== true) return this.#dot('.')
        return (
          this.#header(e) +
          (this.#f.verbose === true ? this.#event(e.time, `no reply to icmp_seq=${e.seq}${who(e)}`) : '')
        )
      case 'outstanding':
        return this.#header(e) + this.#event(e.time, `no answer yet for icmp_seq=${e.seq}${who(e)}`)
      case 'foreign':
        return this.#f.verbose === true
          ? this.#event(
              e.time,
              `${e.bytes} bytes from ${safeText(e.from)}: a reply that is not ours (id=${e.id} seq=${e.seq})`,
            )
          : ''
      case 'local-drop':
        if (this.#f.quiet !== true) this.#say(`local drop: ${DROP[e.why]}`, e.count > 1 ? ` (${e.count})` : '')
        return this.#header(e)
      case 'summary':
        // Who can't be asked has no statistics: `0% packet loss` would be read as good news.
        return e.address === null ? '' : this.#header(e) + this.#endDots() + summaryLines(e)
      case 'total':
        return ''
    }
  }

  /** iputils' line at SIGQUIT. */
  interim(summaries: readonly PingSummary[]): string {
    return summaries
      .map((s) => {
        const loss = s.sent === 0 ? 0 : Math.round((100 * s.lost) / s.sent)
        const { min, avg, max } = s.rttNs
        const rtt = min === null ? '' : `, min/avg/max = ${ms(min)}/${ms(avg!)}/${ms(max!)} ms`
        return `\r${s.address ?? s.target}: ${s.received}/${s.sent} packets, ${loss}% loss${rtt}\n`
      })
      .join('')
  }

  #header(e: { target: string; address: string | null }): string {
    const key = `${e.target} ${e.address}`
    if (e.address === null || this.#headed.has(key)) return ''
    this.#headed.add(key)
    const { size } = this.#f
    const kind = this.#f.type.kind
    const what =
      kind !== 'echo'
        ? `${kind} questions.`
        : e.address.includes(':')
          ? `${size} data bytes`
          : `${size}(${size + 28 + (this.#f.recordRoute === true || this.#f.timestampOption !== undefined ? 40 : 0)}) bytes of data.`
    return `PING ${safeText(e.target)} (${e.address}) ${what}\n`
  }

  #reply(e: PingReply): string {
    if (this.#f.quiet === true) return ''
    if (this.#f.flood === true) return e.kind === 'corrupt' ? this.#dot('C') : ''
    const bell = this.#f.audible === true && e.kind !== 'corrupt' ? '\x07' : ''
    const from = e.address === e.from && e.target !== e.from ? `${safeText(e.target)} (${e.from})` : e.from
    const ttl = e.ttl === null ? '' : ` ttl=${e.ttl}`
    const notes = [
      e.kind === 'duplicate' ? ' (DUP!)' : '',
      e.kind === 'late' ? ' (late: it had counted as lost)' : '',
      e.reordered ? ' (reordered)' : '',
      e.suspect ? ' (clock stepped)' : '',
      e.kind === 'corrupt'
        ? e.differsAt === 'checksum'
          ? ' (BAD CHECKSUM!)'
          : ` (CORRUPT at octet ${e.differsAt})`
        : '',
    ].join('')
    const line = `${e.bytes} bytes from ${from}: icmp_seq=${e.seq}${ttl} time=${this.#f.precise === true ? ms(e.rttNs) : time(e.rttNs)} ms${notes}`
    return bell + this.#event(e.time, line) + options(e) + this.#answer(e)
  }

  #answer(e: PingReply): string {
    const a = e.answer
    if (a === null) return ''
    switch (a.question) {
      case 'timestamp':
        return a.standard
          ? `    originate ${a.originate} receive ${a.receive} transmit ${a.transmit} ms since midnight UT; its clock is ${signed(a.offsetNs!)} ms ${a.offsetNs! < 0 ? 'behind' : 'ahead of'} ours, to the millisecond\n`
          : `    receive ${a.receive} transmit ${a.transmit}: not milliseconds since midnight UT, so no offset\n`
      case 'probe':
        return a.code === 0
          ? `    the interface is ${a.active ? 'active' : 'not active'}${a.active ? `; IPv4 ${a.ipv4 ? 'runs' : 'does not run'}, IPv6 ${a.ipv6 ? 'runs' : 'does not run'} on it` : ''}${a.state > 0 ? `; neighbour state: ${STATE[a.state] ?? a.state}` : ''}\n`
          : `    ${PROBE_CODE[a.code] ?? `code ${a.code}`}\n`
      case 'nodeinfo': {
        const said = [...a.names.map(safeText), ...a.addresses].join(', ')
        return `    ${a.code === 0 ? said || 'no data' : a.code === 1 ? 'refused' : 'does not know this question'}\n`
      }
    }
  }

  #error(e: PingError): string {
    if (e.origin === 'local') {
      const mtu = e.mtu === null ? '' : `, mtu=${e.mtu}`
      this.#say(
        e.address === null
          ? `${safeText(e.target)}: ${safeText(e.name)}`
          : `local error: ${e.name.toLowerCase()}${mtu}${e.target === e.address ? '' : ` (${safeText(e.target)})`}`,
      )
      return ''
    }
    if (this.#f.quiet === true) return ''
    if (this.#f.flood === true) return this.#dot('E')
    const line = `From ${e.from} icmp_seq=${e.seq ?? '?'} ${iputilsName(e)}`
    return `${this.#event(e.time, line)}    ${e.meaning}\n    ${quotedLine(e.quote, e.extensions)}\n`
  }

  #say(what: string, more = ''): void {
    if (this.#f.flood === true) {
      if (this.#said.has(what)) return
      this.#said.add(what)
    }
    this.#aside += `icmp: ${what}${more}\n`
  }

  #event(at: string, line: string): string {
    if (this.#f.quiet === true) return ''
    // iputils prints microseconds.
    return `${this.#f.time === true ? `[${at.slice(0, -3)}] ` : ''}${line}\n`
  }

  #dot(c: string): string {
    this.#dots = true
    return c
  }

  #endDots(): string {
    if (!this.#dots) return ''
    this.#dots = false
    return '\n'
  }
}

function who(e: { target: string; address: string | null }): string {
  return ` from ${e.address ?? safeText(e.target)}`
}

/** iputils' words where it has some, the registry's elsewhere. */
function iputilsName(e: PingError): string {
  const { type, code } = e
  if (e.family === 4) {
    if (type === 3 && code === 4) return `Frag needed and DF set (mtu = ${e.mtu ?? 0})`
    if (type === 3) return UNREACHABLE4[code!] ?? e.name
    if (type === 11) return code === 0 ? 'Time to live exceeded' : 'Frag reassembly time exceeded'
    if (type === 12) return `Parameter problem: pointer = ${e.pointer}`
    if (type === 4) return 'Source Quench'
    return e.name
  }
  if (type === 1) return `Destination unreachable: ${UNREACHABLE6[code!] ?? e.name}`
  if (type === 2) return `Packet too big: mtu=${e.mtu}`
  if (type === 3) return `Time exceeded: ${code === 0 ? 'Hop limit' : 'Defragmentation failure'}`
  if (type === 4) return `Parameter problem: ${e.name} (pointer ${e.pointer})`
  return e.name
}

function summaryLines(s: PingSummary): string {
  // As iputils: of nothing sent no share is lost.
  const loss = s.sent === 0 ? '' : `${Number(((100 * Math.max(0, s.lost)) / s.sent).toPrecision(6))}% packet loss, `
  const some = (n: number, what: string) => (n > 0 ? `, +${n} ${what}` : '')
  const head =
    `\n--- ${safeText(s.target)} ping statistics ---\n` +
    `${s.sent} packets transmitted, ${s.received} received${some(s.duplicates, 'duplicates')}${some(s.corrupt, 'corrupted')}${some(s.errors, 'errors')}, ` +
    `${loss}time ${Math.round(s.elapsedNs / 1e6)}ms\n`
  const last = [
    ...rtt(s.rttNs),
    s.late > 0 ? `${s.late} late` : '',
    s.reordered > 0 ? `${s.reordered} reordered` : '',
    s.foreign > 0 ? `${s.foreign} foreign` : '',
    s.localDrops > 0 ? `${s.localDrops} dropped on this machine (not counted as transmitted)` : '',
    s.lossBursts > 0
      ? `${s.lossBursts} loss burst${s.lossBursts > 1 ? 's' : ''}, the longest ${s.longestLossBurst}`
      : '',
  ].filter((n) => n !== '')
  return last.length === 0 ? head : `${head}${last.join(', ')}\n`
}

/**
 * What iputils does not have follows in the same line, as its own `ipg/ewma` does: scripts take the last line for the
 * round trips, and the last but one for the loss.
 */
function rtt(r: PingRtt): string[] {
  if (r.min === null) return []
  const list = (...ns: (number | null)[]) => ns.map((n) => ms(n ?? 0)).join('/')
  return [
    `rtt min/avg/max/mdev = ${list(r.min, r.avg, r.max, r.mdev)} ms`,
    `p50/p90/p99 ${list(r.p50, r.p90, r.p99)} ms`,
    `jitter ${ms(r.jitter ?? 0)} ms`,
  ]
}

function options(e: PingReply): string {
  let text = ''
  if (e.route !== null) text += `RR: \t${e.route.join('\n\t')}\n`
  if (e.timestamps !== null) {
    text += `TS: \t${e.timestamps.map((t) => `${t.address === null ? '' : `${t.address}\t`}${t.ms} absolute`).join('\n\t')}\n`
  }
  return text
}

/** Milliseconds with microseconds. */
function ms(ns: number): string {
  return (ns / 1e6).toFixed(3)
}

function signed(ns: number): string {
  return Math.abs(ns / 1e6).toFixed(1)
}

/** As iputils cuts it: three digits that mean something. */
function time(ns: number): string {
  const t = ns / 1e6
  return t >= 100 ? t.toFixed(0) : t >= 10 ? t.toFixed(1) : t >= 1 ? t.toFixed(2) : t.toFixed(3)
}

const DROP: Record<string, string> = {
  'no-buffer': 'no buffer space for a packet',
  'not-permitted': 'a local rule or a missing right stopped a packet (a broadcast address needs -b)',
  'link-down': 'the interface is down',
  'receive-queue': 'the receive queue was full, or (raw IPv6 socket) a checksum bad: replies were lost on this machine',
  'short-write': 'the kernel took less than a packet',
  'too-big': 'packet too big',
  'no-route': 'no route',
  other: 'the kernel refused a packet',
}

const UNREACHABLE4: Record<number, string> = {
  0: 'Destination Net Unreachable',
  1: 'Destination Host Unreachable',
  2: 'Destination Protocol Unreachable',
  3: 'Destination Port Unreachable',
  5: 'Source Route Failed',
  6: 'Destination Net Unknown',
  7: 'Destination Host Unknown',
  8: 'Source Host Isolated',
  9: 'Destination Net Prohibited',
  10: 'Destination Host Prohibited',
  11: 'Destination Net Unreachable for Type of Service',
  12: 'Destination Host Unreachable for Type of Service',
  13: 'Packet filtered',
  14: 'Precedence Violation',
  15: 'Precedence Cutoff',
}

const UNREACHABLE6: Record<number, string> = {
  0: 'No route',
  1: 'Administratively prohibited',
  2: 'Beyond scope of source address',
  3: 'Address unreachable',
  4: 'Port unreachable',
}

/** RFC 8335 §3. */
const STATE = ['', 'incomplete', 'reachable', 'stale', 'delay', 'probe', 'failed']
const PROBE_CODE: Record<number, string> = {
  1: 'it calls the query malformed',
  2: 'it has no such interface',
  3: 'it has no such neighbour-table entry',
  4: 'several of its interfaces fit',
}
