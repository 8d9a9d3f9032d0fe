/**
 * Waking up: one epoll descriptor a thread holds every door and one timer, and ONE handle of libuv watches it. The only
 * file that knows how we are woken (docs/decisions/waking-up.md has the measurements and the traps).
 *
 * Doors are armed for one event at a time (EPOLLONESHOT): a door that nobody waits for must not wake anybody, and
 * EPOLLERR (a transmit stamp has arrived) can't be masked in another way.
 *
 * A worker thread has no such handle: koffi's aborts the whole process where the worker is terminated while an event
 * comes. It looks by itself, often at first and then at growing distances.
 */
import { arena } from './arena.ts'
import { type BusyPoll, BusyRounds } from './busy-poll.ts'
import { monotonic } from './kernel-time.ts'
import { inMainThread, LITTLE, must, type Sys, sys } from './sys.ts'

/** What a door gives to be waited for; `fd` may change between waits, never during one. */
export interface Pollable {
  readonly fd: number
  /** Whether something waits in it, where that can be seen without a system call (busy polling). */
  readonly pending?: boolean | undefined
}

export interface Waiting {
  readonly done: Promise<void>
  /** Ends it now. */
  end(): void
}

/** koffi's declaration leaves the status out. */
interface PollHandle {
  close(): void
  ref(): void
  unref(): void
}
type Poll = (
  fd: number,
  options: { readable: boolean },
  callback: (status: number, events: unknown) => void,
) => PollHandle

interface Waiter {
  until: number
  resolve: () => void
  fds: number[]
  doors: readonly Pollable[]
  ready: ((door: Pollable) => void) | undefined
  busy: BusyPoll | undefined
  /** Ends the looking. */
  sleep: (() => void) | undefined
  /** What `ready` threw, for whoever waits. */
  failure: { why: unknown } | undefined
}

interface Watched {
  waiter: Waiter | undefined
  /** Events that the kernel will report next; 0 once it has. */
  armed: number
}

/**
 * 'libuv': koffi's poll handle. 'threadpool': where koffi has none; a `process.exit` then waits up to a quarter of a
 * second. 'naps': without anything native that could outlive its thread.
 */
export type WakingUp = 'libuv' | 'threadpool' | 'naps'

/** This thread's waker, made at the first call. */
export function waker(how?: WakingUp): Waker {
  shared ??= new Waker(how ?? usual())
  return shared
}

function usual(): WakingUp {
  const os = sys()
  if (!inMainThread(os)) return 'naps'
  return typeof os.koffi.node?.poll === 'function' ? 'libuv' : 'threadpool'
}

/** Each door says so before it closes its descriptor. */
export function forget(fd: number): void {
  shared?.forget(fd)
}

export class Waker {
  readonly #os: Sys
  readonly #events = arena(EVENTS * EPOLL_EVENT, 'waker')
  readonly #event = new DataView(new ArrayBuffer(EPOLL_EVENT))
  readonly #eventBytes = new Uint8Array(this.#event.buffer)
  readonly #spec = new DataView(new ArrayBuffer(32))
  readonly #specBytes = new Uint8Array(this.#spec.buffer)
  readonly #waiters = new Set<Waiter>()
  /** By descriptor: who waits for it, and what for. Absent: not in the epoll set. */
  readonly #doors = new Map<number, Watched>()
  #epoll = -1
  #timer = -1
  #armedUntil = Number.POSITIVE_INFINITY
  #handle: PollHandle | undefined
  #polling = false
  #immediate: NodeJS.Immediate | undefined
  #woken: Waiter[] = []
  /** Naps: since when nothing has happened, and what ends the present one. */
  #quietSince = 0
  #nap: { clear(): void } | undefined
  readonly #how: WakingUp
  readonly #rounds: BusyRounds

  constructor(how: WakingUp) {
    this.#os = sys()
    this.#how = how
    // Without a handle of libuv's nobody else looks at the descriptors meanwhile.
    this.#rounds = new BusyRounds(how === 'naps' ? () => this.#glance() : undefined)
  }

  /**
   * Until one of `doors` is readable (or writable, where `full`), or the clock says `until`. `ready` is told the door in
   * the poll phase, before promises run: it may make system calls and nothing that others see; what it throws `done` throws.
   * `busy`: while it lasts the doors are looked at, and nobody sleeps.
   */
  wait(
    doors: readonly Pollable[],
    full: boolean,
    until: number,
    ready: ((door: Pollable) => void) | undefined = undefined,
    busy: BusyPoll | undefined = undefined,
  ): Waiting {
    this.#open()
    const fds = doors.map((d) => d.fd)
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiter: Waiter = { until, resolve, fds, doors, ready, busy, sleep: undefined, failure: undefined }
    this.#waiters.add(waiter)
    if (busy !== undefined && busy.until > monotonic() && !full) this.#stayUp(waiter, busy)
    else for (const fd of fds) this.#arm(fd, full ? EPOLLIN | EPOLLOUT : EPOLLIN, waiter)
    if (until <= monotonic()) this.#wake(waiter)
    else this.#setTimer()
    if (this.#waiters.size === 1 || this.#how === 'naps') this.#watch()
    return {
      done: ready === undefined ? promise : promise.then(() => this.#throwFailure(waiter)),
      end: () => {
        if (this.#leave(waiter)) resolve()
      },
    }
  }

  /** A door is closing its descriptor, or has changed it. Whoever waits for it is woken. With the last one all is closed. */
  forget(fd: number): void {
    const waiter = this.#doors.get(fd)?.waiter
    if (!this.#doors.delete(fd)) return
    this.#os.epoll_ctl(this.#epoll, EPOLL_CTL_DEL, fd, this.#eventBytes)
    if (waiter !== undefined && this.#leave(waiter)) waiter.resolve()
    if (this.#doors.size === 0 && this.#waiters.size === 0) this.#close()
  }

  /** Looks at the doors until it is time to sleep; epoll watches those only that cannot be looked at. */
  #stayUp(waiter: Waiter, poll: BusyPoll): void {
    const { doors, fds } = waiter
    for (const [i, fd] of fds.entries()) {
      const door = this.#doors.get(fd)
      if (door !== undefined && doors[i]!.pending !== undefined) door.waiter = waiter
      else this.#arm(fd, EPOLLIN, waiter)
    }
    waiter.sleep = this.#rounds.begin({
      doors,
      poll,
      tell: (door) => this.#tell(waiter, door),
      found: () => {
        if (this.#leave(waiter)) waiter.resolve()
      },
      over: () => {
        waiter.sleep?.()
        waiter.sleep = undefined
        for (const fd of fds) this.#arm(fd, EPOLLIN, waiter)
        if (this.#how === 'naps') this.#watch()
      },
    })
  }

  #arm(fd: number, events: number, waiter: Waiter): void {
    const door = this.#doors.get(fd)
    if (door?.armed === events) {
      door.waiter = waiter
      return
    }
    this.#event.setUint32(0, events | EPOLLONESHOT, LITTLE)
    this.#event.setInt32(DATA, fd, LITTLE)
    const operation = door === undefined ? EPOLL_CTL_ADD : EPOLL_CTL_MOD
    must(this.#os.epoll_ctl(this.#epoll, operation, fd, this.#eventBytes), 'epoll_ctl', 'waker')
    this.#doors.set(fd, { waiter, armed: events })
  }

  #throwFailure(waiter: Waiter): void {
    if (waiter.failure !== undefined) throw waiter.failure.why
  }

  /** True where it was still waiting. */
  #leave(waiter: Waiter): boolean {
    if (!this.#waiters.delete(waiter)) return false
    if (waiter.sleep !== undefined) {
      waiter.sleep()
      waiter.sleep = undefined
      if (this.#how === 'naps' && this.#waiters.size > 0) this.#watch()
    }
    for (const fd of waiter.fds) {
      const door = this.#doors.get(fd)
      if (door?.waiter === waiter) door.waiter = undefined
    }
    if (this.#waiters.size === 0) {
      this.#handle?.unref()
      this.#nap?.clear()
      if (this.#doors.size === 0) this.#close()
    }
    return true
  }

  /**
   * Promises do not run after a callback of koffi's handle until something else enters Node (measured: 300 ms late on
   * Node 26), so the waiters are resolved from an immediate, which follows the poll phase at once.
   */
  #wake(waiter: Waiter): void {
    this.#woken.push(waiter)
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined
      // After a late wake-up several are due: the earliest first.
      const woken = this.#woken.sort((a, b) => a.until - b.until)
      this.#woken = []
      for (const w of woken) if (this.#leave(w)) w.resolve()
    })
  }

  #setTimer(): void {
    const first = this.#first()
    if (first === this.#armedUntil) return
    this.#armedUntil = first
    // All zeros disarm. A moment in the past is armed as is: it fires at once.
    const at = Number.isFinite(first) ? Math.max(first, 0.000001) : 0
    const seconds = Math.floor(at / 1000)
    this.#spec.setBigInt64(16, BigInt(seconds), LITTLE)
    this.#spec.setBigInt64(24, BigInt(Math.floor((at - seconds * 1000) * 1e6)), LITTLE)
    must(this.#os.timerfd_settime(this.#timer, TFD_TIMER_ABSTIME, this.#specBytes, null), 'timerfd_settime', 'waker')
  }

  /** When the first waiter is due. */
  #first(): number {
    let first = Number.POSITIVE_INFINITY
    for (const w of this.#waiters) first = Math.min(first, w.until)
    return first
  }

  /** Runs in the poll phase: system calls only. */
  #collect(count: number): void {
    for (let i = 0; i < count; i++) {
      const fd = this.#events.view.getInt32(i * EPOLL_EVENT + DATA, LITTLE)
      if (fd === this.#timer) this.#armedUntil = Number.POSITIVE_INFINITY
      else {
        const door = this.#doors.get(fd)
        if (door === undefined) continue
        door.armed = 0
        const { waiter } = door
        if (waiter === undefined) continue
        this.#came(waiter, fd)
        this.#tell(waiter, waiter.doors[waiter.fds.indexOf(fd)]!)
        this.#wake(waiter)
      }
    }
    // Whoever was told may have closed the last door.
    if (this.#epoll < 0) return
    const now = monotonic()
    let later = false
    for (const w of this.#waiters) {
      if (w.until <= now) this.#wake(w)
      else later ||= Number.isFinite(w.until)
    }
    if (later) this.#setTimer()
  }

  /** An error of a door is no frame. */
  #came({ busy, doors, fds }: Waiter, fd: number): void {
    if (busy === undefined || doors[fds.indexOf(fd)]!.pending === false) return
    busy.woken++
    busy.extend(monotonic())
  }

  #tell(waiter: Waiter, door: Pollable): void {
    try {
      waiter.ready?.(door)
    } catch (why) {
      waiter.failure = { why }
    }
  }

  #watch(): void {
    switch (this.#how) {
      case 'libuv':
        this.#handle?.ref()
        return
      case 'threadpool':
        this.#watchByPool()
        return
      case 'naps':
        this.#quietSince = monotonic()
        this.#lieDown(this.#quietSince)
    }
  }

  #watchByPool(): void {
    if (this.#polling) return
    this.#polling = true
    this.#os.epollWaitAsync(this.#epoll, this.#events.address, EVENTS, LIMIT, (count) => {
      this.#polling = false
      if (this.#epoll < 0) return
      this.#collect(Math.max(0, count))
      if (this.#waiters.size > 0) this.#watchByPool()
    })
  }

  /**
   * What comes soon is awaited in the kernel, a millisecond in each turn of the loop, for which nothing else in this
   * thread waits long. Then naps: what took t ms is seen t/8 later, and a thread that only waits looks twenty times a
   * second. The last millisecond before a moment is spent in the kernel again, so that nothing leaves late.
   */
  #lieDown(now: number): void {
    this.#nap?.clear()
    if (this.#rounds.any) return
    const nap = Math.min((now - this.#quietSince) / 8, LONGEST_NAP, this.#first() - now - SLICE)
    if (nap < 1) {
      const immediate = setImmediate(() => this.#look(SLICE))
      this.#nap = { clear: () => clearImmediate(immediate) }
    } else {
      const timer = setTimeout(() => this.#look(0), nap)
      this.#nap = { clear: () => clearTimeout(timer) }
    }
  }

  #look(atMost: number): void {
    this.#nap = undefined
    const count = this.#os.epoll_wait(this.#epoll, this.#events.address, EVENTS, atMost)
    const now = monotonic()
    if (count > 0) this.#quietSince = now
    this.#collect(Math.max(0, count))
    if (this.#waiters.size > 0) this.#lieDown(now)
  }

  /** While nobody sleeps. */
  #glance(): void {
    if (this.#epoll < 0) return
    this.#collect(Math.max(0, this.#os.epoll_wait(this.#epoll, this.#events.address, EVENTS, 0)))
  }

  #open(): void {
    if (this.#epoll >= 0) return
    const os = this.#os
    this.#epoll = must(os.epoll_create1(EPOLL_CLOEXEC), 'epoll_create1', 'waker')
    this.#timer = must(os.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC), 'timerfd_create', 'waker')
    this.#armedUntil = Number.POSITIVE_INFINITY
    // Edge: setting the timer anew is what clears it, so that nobody has to read it.
    this.#event.setUint32(0, EPOLLIN | EPOLLET, LITTLE)
    this.#event.setInt32(DATA, this.#timer, LITTLE)
    must(os.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, this.#timer, this.#eventBytes), 'epoll_ctl', 'waker')
    if (this.#how !== 'libuv') return
    this.#handle = (os.koffi.node.poll as unknown as Poll)(this.#epoll, { readable: true }, () => {
      if (this.#epoll < 0) return
      this.#collect(Math.max(0, os.epoll_wait(this.#epoll, this.#events.address, EVENTS, 0)))
    })
    this.#handle.unref()
  }

  /** The handle before its descriptor: the other way round aborts the process. */
  #close(): void {
    if (this.#epoll < 0) return
    this.#handle?.close()
    this.#handle = undefined
    this.#os.close(this.#timer)
    this.#os.close(this.#epoll)
    this.#epoll = -1
    this.#timer = -1
  }
}

let shared: Waker | undefined

/** Events fetched at a time. */
const EVENTS = 64
/** Longest call of the threadpool way, ms: `process.exit` waits for it. */
const LIMIT = 250
/** Of the naps, ms: the longest, and the longest call, for which nothing else runs in that thread. */
const LONGEST_NAP = 50
const SLICE = 1
/** struct epoll_event is packed on x86-64 alone. */
const PACKED = process.arch === 'x64'
const EPOLL_EVENT = PACKED ? 12 : 16
const DATA = PACKED ? 4 : 8
const EPOLLIN = 1
const EPOLLOUT = 4
const EPOLLONESHOT = 1 << 30
const EPOLLET = 1 << 31
const EPOLL_CTL_ADD = 1
const EPOLL_CTL_DEL = 2
const EPOLL_CTL_MOD = 3
const EPOLL_CLOEXEC = 0o2000000
const CLOCK_MONOTONIC = 1
const TFD_TIMER_ABSTIME = 1
const TFD_NONBLOCK = 0o4000
const TFD_CLOEXEC = 0o2000000
