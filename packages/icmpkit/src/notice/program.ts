/**
 * What is known of one program: up → suspect → down (gone, hung, offline, draining) → up. A grace between suspect and gone
 * lets a supervisor restart it without a word to anybody; another socket on its port is no outage at all.
 */
import type { Instant } from '../clock.ts'
import type { BackEvent, DownState, ProgramState, Protocol, Request, SuspectEvent } from './event.ts'

export interface ProgramSpec {
  /** 1 to 32 octets of UTF-8, no control characters. */
  name: string
  protocol: Protocol
  port: number
  /** Milliseconds from the sign that its socket is gone until that is an outage. 250. */
  grace?: number
  /** What an error says: a closed port (the default), or prohibited by the administrator. */
  code?: 'port' | 'admin'
  /** The reason that is told where nobody gives another; 64 octets of UTF-8 at most. */
  message?: string
  /** When it is expected back, where nobody says otherwise: seconds since 1970. */
  backAt?: number
  /** The same, seconds from the outage on. */
  backIn?: number
  /** Probes in a row that fail until it hangs. 3. */
  failures?: number
  /** TCP: connections are ended with a reset behind the notice. */
  reset?: boolean
  /** TCP: workstations are asked for their sequence numbers with a bare acknowledgement. true; else what they say by themselves has to do. */
  elicit?: boolean
}

/** What the world found out about a program. */
export type Sign =
  /** A socket of it was closed, or a process of it ended. */
  | { kind: 'lost' }
  /** So many live sockets hold its port. */
  | { kind: 'holders'; count: number }
  /** It was asked for a sign of life. */
  | { kind: 'probe'; ok: boolean; why?: string }

type Phase =
  | { kind: 'up' }
  | {
      kind: 'suspect'
      /** When the first sign came. */
      since: Instant
      /** Nobody holds its port, or it answers no probe. */
      cause: 'gone' | 'hung'
      /** A question about holders is out; since when. */
      asked: Instant | undefined
      told: boolean
    }
  | Down

/** It is down. */
export interface Down {
  kind: 'down'
  state: DownState
  /** The sign of it, and the decision. */
  since: Instant
  decided: Instant
  reason: string | undefined
  backAt: number | undefined
}

/** What a program needs of its notifier. */
export interface Outside {
  ask(r: Request): void
  tell(e: SuspectEvent | BackEvent): void
  /** Seconds since 1970. */
  wall(now: Instant): number
}

export class Program {
  spec: ProgramSpec
  phase: Phase = { kind: 'up' }
  /** Probes that failed in a row, and when the first did. */
  #failed = 0
  #failedSince = 0 as Instant
  /** While it is gone: when its port is looked at again. */
  #lookAt = Number.POSITIVE_INFINITY
  readonly #outside: Outside

  /** @throws RangeError on a specification that cannot be */
  constructor(spec: ProgramSpec, o: Outside) {
    check(spec)
    this.spec = spec
    this.#outside = o
  }

  get state(): ProgramState {
    return this.phase.kind === 'down' ? this.phase.state : this.phase.kind
  }

  get down(): Down | undefined {
    return this.phase.kind === 'down' ? this.phase : undefined
  }

  /** When something of it is due; Infinity where nothing is. */
  get due(): number {
    const p = this.phase
    if (p.kind === 'suspect' && p.cause === 'gone') {
      return p.asked === undefined ? p.since + this.#grace : p.asked + PATIENCE
    }
    return this.#lookAt
  }

  /** True where it is down from now on, and its workstations are to be told. */
  sign(now: Instant, s: Sign): boolean {
    switch (s.kind) {
      case 'lost':
        this.#lost(now)
        return false
      case 'holders':
        return this.#holders(now, s.count)
      case 'probe':
        return this.#probed(now, s)
    }
  }

  /** The operator says so. True: its workstations are to be told. */
  stop(now: Instant, state: 'offline' | 'draining', reason: string | undefined, backAt: number | undefined): boolean {
    const was = this.phase
    if (was.kind === 'down' && was.state === state) {
      was.reason = reason ?? was.reason
      was.backAt = backAt ?? was.backAt
      return false
    }
    if (state === 'draining') this.#outside.ask({ kind: 'reject', program: this.spec.name, on: true })
    else if (was.kind === 'down' && was.state === 'draining')
      this.#outside.ask({ kind: 'reject', program: this.spec.name, on: false })
    this.#down(now, state, now, reason, backAt)
    return was.kind !== 'down'
  }

  /** The operator says that it is back; its port is looked at all the same. */
  back(now: Instant): void {
    if (this.phase.kind !== 'down') return
    this.#up(now)
    this.#lost(now)
  }

  /** Other settings from now on; name, protocol and port stay. @throws RangeError on a specification that cannot be */
  change(spec: ProgramSpec): void {
    check(spec)
    this.spec = spec
  }

  /** As it was before a restart: nobody is told again, and what it is now has to be asked. */
  resume(now: Instant, down: Down | undefined): void {
    if (down !== undefined) {
      this.phase = down
      this.#lookAt = down.state === 'gone' ? now : Number.POSITIVE_INFINITY
      if (down.state === 'draining') this.#outside.ask({ kind: 'reject', program: this.spec.name, on: true })
    } else this.#lost(now)
  }

  handleTimeout(now: Instant): void {
    if (this.due > now) return
    const p = this.phase
    if (p.kind === 'suspect') p.asked = now
    else this.#lookAt = now + LOOK_EVERY
    this.#outside.ask({ kind: 'recheck', program: this.spec.name })
  }

  get #grace(): number {
    return this.spec.grace ?? GRACE
  }

  #lost(now: Instant): void {
    const p = this.phase
    if (p.kind === 'down') {
      // A program that hung and ends is gone: its workstations know already.
      if (p.state === 'hung') this.#outside.ask({ kind: 'recheck', program: this.spec.name })
      return
    }
    if (p.kind === 'suspect' && p.cause === 'gone') return
    this.phase = { kind: 'suspect', since: now, cause: 'gone', asked: now, told: false }
    this.#outside.ask({ kind: 'recheck', program: this.spec.name })
  }

  #holders(now: Instant, count: number): boolean {
    const p = this.phase
    if (p.kind === 'up') return false
    if (p.kind === 'down') {
      if (p.state === 'hung' && count === 0) {
        p.state = 'gone'
        this.#lookAt = now + LOOK_EVERY
      } else if (p.state === 'gone' && count > 0) this.#up(now)
      return false
    }
    if (p.cause !== 'gone') return false
    if (count > 0) {
      this.phase = { kind: 'up' }
      return false
    }
    p.asked = undefined
    if (now >= p.since + this.#grace) {
      this.#down(now, 'gone', p.since)
      return true
    }
    if (!p.told) this.#suspect('no socket holds its port')
    p.told = true
    return false
  }

  #probed(now: Instant, { ok, why }: { ok: boolean; why?: string }): boolean {
    const p = this.phase
    if (ok) {
      this.#failed = 0
      if (p.kind === 'suspect' && p.cause === 'hung') this.phase = { kind: 'up' }
      else if (p.kind === 'down' && p.state === 'hung') this.#up(now)
      return false
    }
    if (p.kind === 'down') return false
    if (this.#failed++ === 0) this.#failedSince = now
    if (this.#failed >= (this.spec.failures ?? FAILURES)) {
      this.#down(now, 'hung', this.#failedSince)
      return true
    }
    if (p.kind === 'up') {
      this.phase = { kind: 'suspect', since: now, cause: 'hung', asked: undefined, told: true }
      this.#suspect(why ?? 'a probe was not answered')
    }
    return false
  }

  #suspect(why: string): void {
    const { name: program, protocol, port } = this.spec
    this.#outside.tell({ kind: 'suspect', program, protocol, port, why })
  }

  #down(now: Instant, state: DownState, since: Instant, reason?: string, backAt?: number): void {
    const was = this.phase
    // Another word of the operator does not make the outage begin anew.
    const from = was.kind === 'down' ? { since: was.since, decided: was.decided } : { since, decided: now }
    const { spec } = this
    const expected = spec.backIn === undefined ? undefined : Math.floor(this.#outside.wall(now)) + spec.backIn
    this.phase = {
      kind: 'down',
      state,
      ...from,
      reason: reason ?? spec.message,
      backAt: backAt ?? spec.backAt ?? expected,
    }
    this.#failed = 0
    this.#lookAt = state === 'gone' ? now + LOOK_EVERY : Number.POSITIVE_INFINITY
  }

  #up(now: Instant): void {
    const p = this.phase
    if (p.kind !== 'down') return
    const { name: program, protocol, port } = this.spec
    if (p.state === 'draining') this.#outside.ask({ kind: 'reject', program, on: false })
    this.phase = { kind: 'up' }
    this.#failed = 0
    this.#lookAt = Number.POSITIVE_INFINITY
    this.#outside.tell({
      kind: 'back',
      program,
      protocol,
      port,
      state: p.state,
      downNs: Math.round((now - p.since) * 1e6),
    })
  }
}

function check(s: ProgramSpec): void {
  const octets = new TextEncoder().encode(s.name).length
  if (octets < 1 || octets > 32 || CONTROL.test(s.name))
    throw new RangeError(
      `program ${JSON.stringify(s.name)}: a name is 1 to 32 octets of UTF-8 without control characters`,
    )
  if (s.protocol !== 'udp' && s.protocol !== 'tcp')
    throw new RangeError(`program ${s.name}: the protocol is udp or tcp`)
  if (!Number.isInteger(s.port) || s.port < 1 || s.port > 0xffff)
    throw new RangeError(`program ${s.name}: port ${s.port}`)
  if (s.grace !== undefined && !(s.grace >= 0)) throw new RangeError(`program ${s.name}: a grace of ${s.grace} ms`)
  if (s.failures !== undefined && !(Number.isInteger(s.failures) && s.failures >= 1))
    throw new RangeError(`program ${s.name}: ${s.failures} failed probes`)
  if (s.backIn !== undefined && !(Number.isInteger(s.backIn) && s.backIn >= 0 && s.backIn <= 0x7fffffff))
    throw new RangeError(`program ${s.name}: back in ${s.backIn} seconds`)
  checkReason(s.message)
  checkBackAt(s.backAt)
}

/** @throws RangeError on a text that no notice has room for */
export function checkReason(reason: string | undefined): void {
  if (reason === undefined) return
  const octets = new TextEncoder().encode(reason).length
  const has = CONTROL.test(reason) ? 'a control character in it' : octets > 64 ? `${octets}` : undefined
  if (has !== undefined)
    throw new RangeError(`a reason is at most 64 octets of UTF-8 without control characters; this one has ${has}`)
}

/** @throws RangeError */
export function checkBackAt(seconds: number | undefined): void {
  if (seconds !== undefined && !(Number.isInteger(seconds) && seconds >= 0 && seconds <= 0xffffffff))
    throw new RangeError(`back at ${seconds}: whole seconds since 1970`)
}

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/
/** A supervisor's restart takes less (field notes §3). */
const GRACE = 250
const FAILURES = 3
/** A question about holders that nobody answered is asked again. */
const PATIENCE = 1000
/** How often the port of a program that is gone is looked at. */
const LOOK_EVERY = 250
