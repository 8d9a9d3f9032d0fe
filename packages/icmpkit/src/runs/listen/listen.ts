/** Which ICMP errors reach this machine, which program they hit, and which of its servers say that they are down. */
import { showTime } from '../../clock.ts'
import type { Door } from '../../door.ts'
import { type Believe, Listener, type ListenerEvent, type NoticeHeard } from '../../listen/index.ts'
import * as os from '../../os/index.ts'
import { drive, EventQueue, type Run } from '../../run.ts'
import type { Family } from '../../wire/addr.ts'
import { State } from '../../wire/outage-object.ts'
import type { NoticeKey } from '../notices/keys.ts'
import { KeyRing } from '../outages/key.ts'
import { type ListenEvent, type ListenSummary, type Notice, reportError, reportNotice, summarize } from './report.ts'
import { Sockets } from './sockets.ts'
import { WindowCounter } from './window.ts'

export interface ListenOptions {
  /** Only outage notices, and errors without one that say that the other end of a live flow can't be reached. */
  notices?: boolean
  /** Who may say so: `readKeys(file)`. None: every notice is `unsigned`. */
  keys?: readonly NoticeKey[]
  /** What `believed` means: 'signed' by one of the keys (default), or 'flow': also unsigned, where all else speaks for it. */
  believe?: Believe
  /**
   * End the connection that a notice is about, at once (needs CAP_NET_ADMIN): 'signed', those that are signed and believed,
   * or 'any': whatever is not refused and hits a live flow. A notice of draining or of being back closes nothing.
   */
  close?: 'signed' | 'any'
  /** Network namespace by name, path or process id. */
  netns?: string | number
  signal?: AbortSignal
}

export interface ListenRun extends Run<ListenEvent, ListenSummary> {
  /** The counters so far. */
  snapshot(): ListenSummary
  /** Other keys from now on. */
  setKeys(keys: readonly NoticeKey[]): void
  /** Ends it; the summary follows. */
  stop(): void
}

/**
 * Listens to this machine's ICMP errors: `for await (const n of listen({ notices: true }))`. Its first event is `ready`.
 * Needs CAP_NET_RAW; to name the programs of other users, CAP_SYS_PTRACE (root has both).
 * @throws TypeError on unusable options; `done` and the iterator reject with an OsError where no socket can be opened
 */
export function listen(options: ListenOptions = {}): ListenRun {
  const { close, believe } = options
  if (close !== undefined && close !== 'signed' && close !== 'any')
    throw new TypeError(`listen: close is 'signed' or 'any', not ${close}`)
  if (believe !== undefined && believe !== 'signed' && believe !== 'flow')
    throw new TypeError(`listen: believe is 'signed' or 'flow', not ${believe}`)
  return new Listening(options)
}

class Listening implements ListenRun {
  readonly done: Promise<ListenSummary>
  readonly #o: ListenOptions
  readonly #queue = new EventQueue<ListenEvent>()
  readonly #clock = new os.RealClock()
  readonly #over = new AbortController()
  readonly #doors: Door[] = []
  #keys: KeyRing
  #listener: Listener | undefined
  #sockets: Sockets | undefined
  #overflow = 0

  constructor(options: ListenOptions) {
    this.#o = options
    this.#keys = new KeyRing(options.keys ?? [])
    if (options.signal?.aborted) this.stop()
    options.signal?.addEventListener('abort', () => this.stop(), { once: true })
    this.done = this.#run()
    this.done.catch(() => {})
  }

  get dropped(): number {
    return this.#queue.dropped
  }

  [Symbol.asyncIterator](): AsyncIterator<ListenEvent> {
    return this.#queue.read(() => this.stop())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
    await this.done.catch(() => {})
  }

  snapshot(): ListenSummary {
    const overflow = this.#doors.reduce((sum, d) => sum + d.loss.queueOverflow, 0)
    return summarize(this.#listener, this.#clock, this.#overflow + overflow)
  }

  setKeys(keys: readonly NoticeKey[]): void {
    this.#keys = new KeyRing(keys)
  }

  stop(): void {
    this.#over.abort()
    this.#clock.wake()
  }

  async #run(): Promise<ListenSummary> {
    let failure: unknown
    let memory: NodeJS.Timeout | undefined
    const { netns, notices = false, believe = 'signed' } = this.#o
    try {
      const notes = await this.#open()
      const sockets = new Sockets(netns)
      this.#sockets = sockets
      using window = new WindowCounter(netns)
      const listener = new Listener({
        notices,
        believe,
        wall: (now) => Number(this.#clock.wall(now) / 1_000_000_000n),
        find: (now, flow, port) => sockets.find(now, flow, port),
        verify: (object, payload) => this.#keys.verify(object, payload),
        refusedByTcp: () => window.read(),
      })
      this.#listener = listener
      sockets.remember(this.#clock.now(), true)
      let round = 0
      memory = setInterval(() => {
        try {
          sockets.remember(this.#clock.now(), ++round % UDP_ROUNDS === 0)
        } catch (e) {
          // A list that changes under each reading: the next round reads it anew.
          if (!(e instanceof os.OsError)) throw e
        }
      }, ROUND_MS)
      const time = showTime(this.#clock.wall(this.#clock.now()))
      this.#queue.push({
        kind: 'ready',
        time,
        notes: [...notes, ...sockets.notes, RIGHTS[process.geteuid?.() === 0 ? 'root' : 'other']],
      })
      await drive(listener, this.#doors, this.#clock, (e) => this.#told(e), this.#over.signal)
    } catch (e) {
      failure = e
    }
    clearInterval(memory)
    const summary = this.snapshot()
    for (const d of this.#doors.splice(0)) await d[Symbol.asyncDispose]()
    this.#overflow = summary.queueOverflow
    this.#sockets?.[Symbol.dispose]()
    if (failure === undefined) this.#queue.pushLast(summary)
    this.#queue.end(failure)
    if (failure !== undefined) throw failure
    return summary
  }

  /** Both families, where the kernel has both. */
  async #open(): Promise<string[]> {
    const notes: string[] = []
    let refusal: unknown
    for (const family of [4, 6] satisfies Family[]) {
      try {
        const { netns } = this.#o
        const spec = {
          kind: 'raw-socket',
          family,
          receiveBuffer: QUEUE,
          ...(netns === undefined ? {} : { netns }),
        } as const
        const { door, why } = await os.openDoor(spec)
        this.#doors.push(door)
        notes.push(...why, ...door.cannot.map((c) => `IPv${family} cannot: ${c}`))
      } catch (e) {
        if (!(e instanceof os.OsError)) throw e
        refusal ??= e
        notes.push(e.message)
      }
    }
    if (this.#doors.length === 0) throw refusal
    return notes
  }

  #told(e: ListenerEvent): void {
    const zone = (index: number) => os.interfaceName(index, this.#o.netns)
    if (e.kind === 'error') {
      this.#queue.push(reportError(e, this.#clock, zone))
      return
    }
    const key = e.judgement.trust === 'signed' && e.object !== undefined ? this.#keys.keyOf(e.object) : undefined
    this.#queue.push(reportNotice(e, this.#clock, zone, key, this.#close(e)))
  }

  #close({ judgement, socket, object, flow, port }: NoticeHeard): Notice['closed'] {
    const { close } = this.#o
    const down = object !== undefined && (CLOSING as readonly number[]).includes(object.state)
    if (close === undefined || !down || socket === undefined || !socket.connected) return null
    const { trust, believed, findings } = judgement
    const meant =
      close === 'signed' ? trust === 'signed' && believed : trust !== 'refused' && !findings.includes('out-of-window')
    if (!meant) return null
    try {
      return this.#sockets!.destroy(flow, port) ? 'closed' : 'no-socket'
    } catch (e) {
      if (e instanceof os.OsError) return 'refused'
      throw e
    }
  }
}

const RIGHTS = {
  root: 'rights: kept while it listens, to see whose sockets there are',
  other: 'rights: whose the sockets of other users are is not seen (that needs CAP_SYS_PTRACE)',
} as const
/** Octets: room for 20,000 notices at once, which is a proxy with as many connections to a server that goes. */
const QUEUE = 16 << 20
const CLOSING = [State.gone, State.hung, State.offline]
/** How often connections that are being set up are noted, ms; connected UDP sockets each so many times. */
const ROUND_MS = 250
const UDP_ROUNDS = 4
