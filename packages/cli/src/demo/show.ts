/** How the demonstration looks: for people, or as NDJSON. */
import { Output } from '../output.ts'
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

export interface Show {
  /** Part of the demonstration: 'Ping …'. */
  part(title: string): void
  /** One exchange in it. */
  scene(title: string): void
  packet(s: Shown): void
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
      out.write('Next: `npx icmp ping HOST`, `npx icmp decode FILE`, `npx icmp help`.\n')
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
    leftOut: (what, why) => line({ kind: 'left-out', part, what, why }),
    say: (text) => line({ kind: 'note', part, text }),
    end(summary) {
      line({ kind: 'summary', ...summary })
      out.flush()
      return !out.failed
    },
  }
}

type Paint = (text: string) => string
/** The kernel chooses the source after the packet has left our hands. */
const UNSAID = new Set(['0.0.0.0', '::'])
