/**
 * The workstation's ear: each ICMP error that reaches this machine, matched with the socket that it hits, and each notice
 * of an outage judged (trust.ts). It only listens: nothing of it is sent, and no error of the kernel's is held back.
 *
 * Every packet here may be forged, and an attacker chooses how many come: tables are bounded, what costs something (a
 * look-up, a signature) has an allowance, what matches no socket is told a few times a second, and the rest is counted.
 */
import type { ClockSource, Instant } from '../clock.ts'
import type { Arrival, LocalDrop, Machine, Slot } from '../door.ts'
import type { Ip } from '../wire/addr.ts'
import type { Outage } from '../wire/outage-object.ts'
import { Allowance } from './allowance.ts'
import { type Claim, claimOf, examine, type Verify } from './claim.ts'
import { type Flow, type LocalSocket, showFlow } from './flow.ts'
import { type Heard, hear, type Unheard } from './heard.ts'
import { Newest } from './newest.ts'
import { Programs } from './programs.ts'
import { ToldTable } from './told-table.ts'
import { type Believe, type Finding, type Judgement, judge } from './trust.ts'

export interface ListenerOptions {
  /** Notices, and errors without one that say of a live flow that its other end can't be reached; else every error. */
  notices: boolean
  believe: Believe
  /** Seconds since 1970. */
  wall(now: Instant): number
  /** The socket that a packet of the flow would reach, or would have reached a moment ago; `port`: where the error came in. */
  find(now: Instant, flow: Flow, port: number): LocalSocket | undefined
  verify: Verify
  /** How many ICMP errors this machine's TCP has refused because of their sequence number; undefined: nobody can say. */
  refusedByTcp(): number | undefined
  /** How long the same is not told again, ms. */
  repeatAfter?: number
}

/** A notice, judged; addresses as values. */
export interface NoticeHeard {
  kind: 'notice'
  at: Instant
  from: Ip
  server: Ip
  flow: Flow
  type: number
  code: number
  /** undefined where none of it may be used. */
  object: Outage | undefined
  socket: LocalSocket | undefined
  judgement: Judgement
  port: number
}

/** Any other error. */
export interface ErrorHeard {
  kind: 'error'
  at: Instant
  heard: Heard
  socket: LocalSocket | undefined
}

export type ListenerEvent = NoticeHeard | ErrorHeard

/** Why something was not told, beside the parsers' reasons. */
export type Untold =
  | Unheard
  /** The same was told a moment ago. */
  | 'duplicate'
  /** More came than this machine may be kept busy with. */
  | 'rate'
  /** It matches no socket, and many such came. */
  | 'no-socket-rate'
  /** `notices`: an error that is none and hits no live flow. */
  | 'no-live-flow'
  /** Nobody took the events so fast. */
  | 'queue-full'

interface Waiting {
  due: Instant
  heard: Heard
  flow: Flow
  claim: Claim
  about: readonly Finding[]
  socket: LocalSocket | undefined
  at: Instant
}

export class Listener implements Machine<ListenerEvent> {
  readonly programs: Programs = new Programs()
  /** ICMP errors heard, by type. */
  readonly heard: Record<number, number> = {}
  readonly untold: Partial<Record<Untold, number>> = {}
  notices = 0
  believed = 0

  readonly #o: ListenerOptions
  readonly #queue: ListenerEvent[] = []
  readonly #waiting: Waiting[] = []
  readonly #newest = new Newest()
  readonly #told: ToldTable
  readonly #seen: ToldTable
  readonly #work = new Allowance(WORK, WORK)
  readonly #strange = new Allowance(STRANGE, STRANGE_BURST)
  /** Errors about TCP flows since the kernel's count was read, and that count. */
  #tcpErrors = 0
  #refused: number | undefined

  constructor(options: ListenerOptions) {
    this.#o = options
    this.#told = new ToldTable(options.repeatAfter ?? REPEAT_AFTER, TOLD)
    this.#seen = new ToldTable(options.repeatAfter ?? REPEAT_AFTER, TOLD)
    this.#refused = options.refusedByTcp()
  }

  /** What this machine remembers, for whoever watches that it stays bounded. */
  get memory(): { told: number; seen: number; newest: number; programs: number; waiting: number; queue: number } {
    const { size: told } = this.#told
    const { size: seen } = this.#seen
    const { size: programs } = this.programs
    return { told, seen, newest: this.#newest.size, programs, waiting: this.#waiting.length, queue: this.#queue.length }
  }

  handlePacket(now: Instant, a: Arrival): boolean {
    const heard = hear(a)
    if (typeof heard === 'string') {
      // Echoes and queries are no business of ours, so they are not counted as lost.
      if (heard !== 'not-error') this.#count(heard)
      return false
    }
    this.heard[heard.type] = (this.heard[heard.type] ?? 0) + 1
    const { flow } = heard
    if (flow?.protocol === 'tcp') this.#tcpErrors++
    this.#count(this.#work.take(now) ? this.#handle(now, a.stamp, heard) : 'rate')
    return false
  }

  #handle(now: Instant, at: Instant, heard: Heard): Untold | undefined {
    const claim = claimOf(heard.extensions)
    return claim === undefined || heard.flow === undefined
      ? this.#handleError(now, at, heard)
      : this.#handleNotice(now, at, heard, heard.flow, claim)
  }

  #handleNotice(now: Instant, at: Instant, heard: Heard, flow: Flow, claim: Claim): Untold | undefined {
    this.notices++
    // The very same octets about the same flow: nothing new, whatever they are worth.
    const octets = claim.kind === 'outage' ? latin1(claim.payload) : claim.why
    const key = `${showFlow(flow)} ${heard.type}/${heard.code} ${heard.from} ${octets}`
    if (!this.#seen.first(now, key)) return 'duplicate'
    const about = examine(claim, flow, this.#o.wall(now), this.#o.verify, this.#newest)
    const socket = this.#o.find(now, flow, heard.port)
    const w: Waiting = { due: (now + KERNEL_MS) as Instant, heard, flow, claim, about, socket, at }
    if (flow.protocol !== 'tcp' || socket === undefined || this.#refused === undefined) {
      return this.#tell(now, w, undefined)
    }
    if (this.#waiting.length >= QUEUE) return 'queue-full'
    this.#waiting.push(w)
    return undefined
  }

  #tell(now: Instant, w: Waiting, window: 'in' | 'out' | 'unclear' | undefined): Untold | undefined {
    const { heard, flow, socket, claim, at } = w
    const { from, type, code, port } = heard
    const server = flow.remote
    const judgement = judge(w.about, { socket, fromServer: from === server, window }, this.#o.believe)
    const { trust, believed, findings } = judgement
    // What somebody signed wrongly, nobody said.
    const object = claim.kind === 'outage' && !findings.includes('bad-signature') ? claim.object : undefined
    const said = object === undefined ? '' : `${object.state} ${object.program} ${object.reason} ${object.backAt}`
    // A notice that is repeated a second later is signed anew: what it says is what counts. Trust is part of the key, so
    // that a forged one does not hide a real one behind it.
    const key = `${showFlow(flow)} ${trust} ${believed ? '' : from} ${said}`
    if (!this.#told.first(now, key)) return 'duplicate'
    // A server repeats it without words where the workstation had said too little for more: nothing new.
    this.#told.first(now, errorKey(showFlow(flow), heard))
    if (socket === undefined && !this.#strange.take(now)) return 'no-socket-rate'
    if (believed) this.believed++
    if (socket !== undefined || trust === 'signed') this.programs.note(flow, object, judgement, at)
    return this.#push({ kind: 'notice', at, from, server, flow, type, code, object, socket, judgement, port })
  }

  #handleError(now: Instant, at: Instant, heard: Heard): Untold | undefined {
    const { flow, quoted, type } = heard
    const hard = type === UNREACHABLE[heard.family]
    if (this.#o.notices && (flow === undefined || !hard)) return 'no-live-flow'
    const about = flow === undefined ? `${quoted?.protocol} ${quoted?.src} ${quoted?.dst}` : showFlow(flow)
    if (!this.#told.first(now, errorKey(about, heard))) return 'duplicate'
    const socket = flow === undefined ? undefined : this.#o.find(now, flow, heard.port)
    if (this.#o.notices && socket === undefined) return 'no-live-flow'
    if (socket === undefined && !this.#strange.take(now)) return 'no-socket-rate'
    return this.#push({ kind: 'error', at, heard: { ...heard, extensions: undefined }, socket })
  }

  handleTimeout(now: Instant): void {
    const due = this.#waiting.findIndex((w) => w.due > now)
    const count = due < 0 ? this.#waiting.length : due
    if (count === 0) return
    const refused = this.#o.refusedByTcp()
    const more = refused === undefined || this.#refused === undefined ? undefined : refused - this.#refused
    // All that came by now have been judged by the kernel, those that wait for less than their time perhaps not yet.
    const errors = this.#tcpErrors
    this.#refused = refused
    this.#tcpErrors = this.#waiting.length - count
    const window = more === undefined ? undefined : more === 0 ? 'in' : more >= errors ? 'out' : 'unclear'
    for (const w of this.#waiting.splice(0, count)) this.#count(this.#tell(now, w, window))
  }

  handleSent(_now: Instant, _tag: number, _stamp: Instant, _clock: ClockSource): void {}
  handleUnsent(_now: Instant, _tag: number, _why: LocalDrop, _mtu: number): void {}

  pollTransmit(_now: Instant, _slot: Slot): boolean {
    return false
  }

  pollEvent(): ListenerEvent | undefined {
    return this.#queue.shift()
  }

  pollTimeout(): Instant {
    return this.#waiting[0]?.due ?? (Number.POSITIVE_INFINITY as Instant)
  }

  #push(e: ListenerEvent): Untold | undefined {
    if (this.#queue.length >= QUEUE) return 'queue-full'
    this.#queue.push(e)
    return undefined
  }

  #count(why: Untold | undefined): void {
    if (why !== undefined) this.untold[why] = (this.untold[why] ?? 0) + 1
  }
}

/** The same error about the same, from the same sender. */
function errorKey(about: string, { from, type, code, mtu }: Heard): string {
  return `${about} ${from} ${type}/${code} ${mtu}`
}

/** Octets as a key of a table. */
function latin1(octets: Uint8Array): string {
  return LATIN1.decode(octets)
}

const LATIN1 = new TextDecoder('latin1')

const UNREACHABLE = { 4: 3, 6: 1 } as const
/** Errors a second that are looked at: each costs a question to the kernel, and perhaps a signature. */
const WORK = 10_000
/** Of those that match no socket, told a second, and at once. */
const STRANGE = 10
const STRANGE_BURST = 100
/** The kernel judges an error in the same breath in which it gives it to us; by then it surely has, ms. */
const KERNEL_MS = 5
/** The sender repeats a notice after a second; later it is news again, ms. */
const REPEAT_AFTER = 30_000
const TOLD = 16_384
const QUEUE = 16_384
