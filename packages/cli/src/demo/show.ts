/** How the demonstration looks: for people, or as NDJSON. */
import type { Family } from 'icmpkit/wire'
import { Output } from '../output.ts'
import { draw } from './journey.ts'
import type { Seen } from './packet.ts'

/** One packet of the demonstration. */
export interface Shown {
  direction: 'sent' | 'heard'
  packet: Seen
  /** One sentence for people. */
  words: string
  /** Facts beside the packet: 'round trip 0.03 ms …'. */
  notes?: readonly string[]
}

/** One packet on its way through the lab, and what came back. */
export interface JourneyTold {
  family: Family
  there: string
  path: readonly string[]
  links: readonly string[]
  /** Where it ended, as a place in `path`, and who answered from there. */
  place: number
  by: string
  from: string | null
  time: string | null
  type: number | null
  code: number | null
  name: string | null
  mtu: number | null
  rttNs: number | null
}

/** An outage in the lab: who learned of it. */
export interface OutageTold {
  family: Family
  workstations: number
  /** Notices that left the server. */
  sent: number
  learned: {
    node: string
    /** The picture in front of its name. */
    drawn: string
    afterNs: number
    from: string
    type: number
    code: number
    name: string
    /** What the notice says. */
    program: string | null
    state: string | null
    reason: string | null
    /** Seconds since 1970. */
    backAt: number | null
    /** The workstation as the server sees it. */
    seenAs: string | null
  }[]
}

/** Packets and answers of the lab. */
export interface LabTold {
  sent: number
  replies: number
  errors: number
}

export interface Show {
  /** Part of the demonstration: 'Ping …'. */
  part(title: string): void
  /** One exchange in it. */
  scene(title: string): void
  packet(s: Shown): void
  /** What is about to happen, what the answer means, and the same in each family: the first is drawn. */
  journey(words: string, meaning: string, told: readonly JourneyTold[]): void
  /** An outage, as `journey`; `silent`: how many would have learned of it without notices. */
  outage(words: string, meaning: string, told: readonly OutageTold[], silent: number | null): void
  /** What was left out, why, and what to do so that it works. */
  leftOut(what: string, why: string): void
  say(line: string): void
  /** False where standard output did not take it all. */
  end(summary: Summary): boolean
}

export interface Summary {
  sent: number
  replies: number
  errors: number
  unanswered: number
  leftOut: number
  lab: LabTold
  outage: { workstations: number; told: number }
}

export function forPeople(): Show {
  const out = new Output(() => {})
  const colour = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
  const paint = (code: number) => (text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const [bold, dim, green, yellow, cyan] = [1, 2, 32, 33, 36].map(paint) as [Paint, Paint, Paint, Paint, Paint]
  return {
    part: (title) => out.write(`\n${bold(title)}\n`),
    scene: (title) => out.write(`\n  ${cyan(title)}\n`),
    packet({ direction, packet: p, words, notes = [] }) {
      const arrow = direction === 'sent' ? green('→') : yellow('←')
      const who = `${UNSAID.has(p.src) ? 'this machine' : p.src} > ${p.dst}`.padEnd(p.family === 4 ? 28 : 32)
      const hops = `${p.family === 4 ? 'TTL' : 'hop limit'} ${p.ttl}`
      const details: string[] = []
      if (p.ttl !== null) details.push(hops)
      if (p.length !== null) details.push(`${p.length} octets`)
      if (p.df && direction === 'sent') details.push('do not fragment')
      const { icmp } = p
      if (icmp !== null) {
        if (icmp.seq !== null) details.unshift(`seq ${icmp.seq}`)
        if (icmp.mtu !== null) details.unshift(`MTU ${icmp.mtu}`)
        if (icmp.checksum !== null && icmp.checksum !== 'ok') details.push(`checksum ${icmp.checksum}`)
      }
      out.write(`  ${arrow} ${who}  ${bold(p.what)}${details.length > 0 ? dim(`  ${details.join(', ')}`) : ''}\n`)
      if (icmp?.quote) out.write(`      ${dim(`it quotes ${icmp.quote.what}`)}\n`)
      for (const note of notes) out.write(`      ${dim(note)}\n`)
      out.write(`      ${words}\n`)
    },
    journey(words, meaning, told) {
      const [first, ...others] = told
      if (first === undefined) return
      const ended = first.type !== null && first.rttNs === null && first.place < first.path.length - 1
      const drawn = draw(
        { ...first, to: first.place, ended, back: first.name === null ? undefined : short(first.name) },
        { path: bold, there: green, back: yellow },
      )
      for (const line of wrap(words)) out.write(`  ${line}\n`)
      out.write(`\n${drawn.map((l) => `      ${l}\n`).join('')}\n`)
      out.write(`    ${yellow('←')} ${bold(nameOf(first))}  ${dim(detailsOf(first))}\n`)
      for (const line of wrap(meaning)) out.write(`      ${line}\n`)
      for (const t of others) out.write(`      ${dim(`IPv${t.family}: ${nameOf(t)}, ${detailsOf(t)}`)}\n`)
    },
    outage(words, meaning, told, silent) {
      const [first, ...others] = told
      if (first === undefined) return
      for (const line of wrap(words)) out.write(`  ${line}\n`)
      out.write('\n')
      const width = Math.max(...first.learned.map((l) => l.drawn.length + l.node.length)) + 1
      const last = Math.max(...first.learned.map((l) => l.afterNs))
      for (const l of first.learned) {
        const arrow = `◀${'─'.repeat(Math.max(1, Math.round((l.afterNs / last) * ARROW)))}`
        const row = `${l.drawn}${l.node}`.padEnd(width)
        out.write(`      ${bold(row)} ${yellow(arrow)} ${l.afterNs / 1e6} ms\n`)
      }
      const [one] = first.learned
      if (one !== undefined) {
        out.write(
          `\n    ${yellow('←')} ${bold(`${one.name} (type ${one.type}, code ${one.code})`)}  ${dim(`from ${one.from}`)}\n`,
        )
        const back = one.backAt === null ? '' : `, back at ${new Date(one.backAt * 1000).toISOString().slice(0, 16)}Z`
        const why = one.reason === null ? '' : `: ${one.reason}`
        out.write(`      ${one.program} is ${one.state}${why}${back}\n`)
      }
      for (const line of wrap(meaning)) out.write(`      ${line}\n`)
      for (const t of others) {
        const latest = Math.max(...t.learned.map((l) => l.afterNs)) / 1e6
        out.write(
          `      ${dim(`IPv${t.family}: ${t.learned.length} of ${t.workstations} told, the last after ${latest} ms`)}\n`,
        )
      }
      if (silent !== null)
        out.write(
          `      ${dim(`without notices: ${silent} of ${first.workstations} would know; who only waits is never told`)}\n`,
        )
    },
    leftOut: (what, why) => out.write(`\n  ${yellow('left out')}  ${what}\n      ${why}\n`),
    say: (line) => out.write(`  ${dim(line)}\n`),
    end(s) {
      const parts = [
        `${s.sent} packets sent`,
        `${s.replies} replies`,
        `${s.errors} errors heard and explained`,
        ...(s.unanswered > 0 ? [`${s.unanswered} without an answer`] : []),
        ...(s.leftOut > 0 ? [`${s.leftOut} left out (above)`] : []),
      ]
      out.write(`\n${bold('Done:')} ${parts.join(', ')}.\n`)
      out.write(`In the lab: ${s.lab.sent} packets sent, ${s.lab.replies} replies, ${s.lab.errors} errors; `)
      out.write(`${s.outage.told} of ${s.outage.workstations} workstations told of an outage.\n`)
      out.write('Next: `npx icmp ping HOST`, `npx icmp lab new > net.yaml`, `npx icmp decode FILE`, `npx icmp help`.\n')
      out.flush()
      return !out.failed
    },
  }
}

export function asJson(): Show {
  const out = new Output(() => {})
  let part = ''
  let scene: string | null = null
  const line = (o: object) => out.write(`${JSON.stringify({ schema: 'icmpkit.demo.v1', ...o })}\n`)
  return {
    part(title) {
      part = title
      scene = null
    },
    scene(title) {
      scene = title
    },
    packet: ({ direction, packet, words, notes = [] }) => {
      const { icmp, ...rest } = packet
      const heard = icmp && { ...icmp, quote: icmp.quote?.json ?? null }
      line({ kind: 'packet', part, scene, direction, ...rest, icmp: heard, words, notes })
    },
    journey: (words, meaning, told) => {
      for (const t of told) line({ kind: 'journey', part, scene, ...t, words, meaning })
    },
    outage: (words, meaning, told, silent) => {
      for (const { learned, ...t } of told) {
        for (const { drawn: _, ...l } of learned) line({ kind: 'learned', part, scene, family: t.family, ...l })
        line({ kind: 'outage', part, scene, ...t, told: learned.length, withoutNotices: silent, words, meaning })
      }
    },
    leftOut: (what, why) => line({ kind: 'left-out', part, what, why }),
    say: (text) => line({ kind: 'note', part, text }),
    end(summary) {
      line({ kind: 'summary', ...summary })
      out.flush()
      return !out.failed
    },
  }
}

/** Columns of the longest arrow. */
const ARROW = 16

/** At 80 columns, behind six blanks. */
function wrap(text: string): string[] {
  return text.match(/.{1,74}(?: |$)/g)?.map((l) => l.trimEnd()) ?? []
}

function nameOf(t: JourneyTold): string {
  return t.name === null ? 'nothing came back' : `${t.name} (type ${t.type}, code ${t.code})`
}

function detailsOf(t: JourneyTold): string {
  const mtu = t.mtu === null ? '' : `, MTU ${t.mtu}`
  const rtt = t.rttNs === null ? '' : `, ${t.rttNs / 1e6} ms`
  return t.from === null ? '' : `from ${t.by}, ${t.from}${mtu}${rtt}`
}

/** For the arrow; the whole name is in the line below. */
function short(name: string): string {
  return name.replace(/ and Don't Fragment was Set$| in Transit$/i, '')
}

type Paint = (text: string) => string
/** The kernel chooses the source after the packet has left our hands. */
const UNSAID = new Set(['0.0.0.0', '::'])
