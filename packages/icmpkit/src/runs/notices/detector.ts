/**
 * What the world shows of the programs: sockets that end (sock_diag), processes that end or stop (pidfd), probes that are
 * not answered. It judges nothing; each sign goes to the notifier.
 */

import type { ProgramState, Protocol } from '../../notice/event.ts'
import type { Sign } from '../../notice/program.ts'
import * as os from '../../os/index.ts'
import { type Ip, parseIp } from '../../wire/addr.ts'
import type { NoticeProbe, NoticeProgram } from './options.ts'
import { pidsOfUnit } from './unit.ts'

export interface DetectorOptions {
  netns: string | number | undefined
  sign(program: string, sign: Sign): void
  stateOf(program: string): ProgramState | undefined
  /** For people: what could not be watched. */
  note(what: string): void
  /** Where the control groups of units are mounted; a test has some of its own. */
  cgroups?: string
}

export class Detector {
  readonly #options: DetectorOptions
  readonly #diag: os.SockDiag
  #programs: readonly NoticeProgram[] = []
  /** Programs that other machines have reached. */
  readonly #outside = new Set<string>()
  #sockets: os.SocketWatch | undefined
  /** Ports of the last probes, oldest first. */
  readonly #asked = new Set<number>()
  /** Processes whose end is waited for. */
  following = 0
  /** Of the programs at hand. */
  #round = new AbortController()

  /** @throws OsError */
  constructor(options: DetectorOptions) {
    this.#options = options
    this.#diag = os.openSockDiag(options.netns)
  }

  /** From now on these. @throws OsError */
  watch(programs: readonly NoticeProgram[]): void {
    this.#round.abort()
    this.#round = new AbortController()
    const { signal } = this.#round
    const { netns } = this.#options
    this.#programs = programs
    const before = this.#sockets
    const ports = [...new Set<number>(programs.map((p) => p.port))]
    const sockets = os.watchSockets({ ports, ...(netns === undefined ? {} : { netns }) })
    this.#sockets = sockets
    before?.close()
    void this.#followSockets(sockets, signal)
    for (const p of programs) {
      if (p.pid !== undefined && !this.#followProcess(p, p.pid, signal))
        this.#options.note(`program ${p.name}: there is no process ${p.pid}; its socket is watched all the same`)
      if (p.unit !== undefined) void this.#followUnit(p, p.unit, signal)
      if (p.probe !== undefined) void this.#probe(p, p.probe, signal)
    }
  }

  /**
   * How many live sockets hold the program's port. Of one that other machines reach, those alone: the resolver that a
   * machine has for itself at 127.0.0.53 does not serve the workstations of its DNS server.
   */
  holders(p: NoticeProgram): number {
    const { count, outside } = this.#diag.holders(p.protocol, p.port)
    if (outside > 0) this.#outside.add(p.name)
    return this.#outside.has(p.name) ? outside : count
  }

  /** Did a probe come from that port a moment ago? Nobody has to be told there. */
  asked(port: number): boolean {
    return this.#asked.has(port)
  }

  #remember(port: number): void {
    this.#asked.delete(port)
    this.#asked.add(port)
    for (const oldest of this.#asked) {
      if (this.#asked.size <= MOST_ASKED) return
      this.#asked.delete(oldest)
    }
  }

  close(): void {
    this.#round.abort()
    this.#sockets?.close()
    this.#diag.close()
  }

  async #followSockets(watch: os.SocketWatch, signal: AbortSignal): Promise<void> {
    let lost = 0
    while (!signal.aborted) {
      try {
        watch.read((s) => this.#ended(s.protocol, s.localPort, !s.loopback))
      } catch (e) {
        if (!signal.aborted) this.#options.note((e as Error).message)
        return
      }
      // The kernel had no room to tell: each of them may have ended.
      if (watch.lost !== lost) {
        lost = watch.lost
        for (const p of this.#programs) this.#options.sign(p.name, { kind: 'lost' })
      }
      await watch.readable()
    }
  }

  #ended(protocol: Protocol, port: number, outside: boolean): void {
    for (const p of this.#programs) {
      if (p.protocol !== protocol || p.port !== port) continue
      if (outside) this.#outside.add(p.name)
      this.#options.sign(p.name, { kind: 'lost' })
    }
  }

  /** After each restart its processes are others. */
  async #followUnit(p: NoticeProgram, unit: string, signal: AbortSignal): Promise<void> {
    const followed = new Set<number>()
    for (let looked = false; !signal.aborted; looked = true) {
      const pids = pidsOfUnit(unit, this.#options.cgroups)
      if (!looked && pids.length === 0)
        this.#options.note(`program ${p.name}: no unit ${unit} runs here yet; its socket is watched all the same`)
      for (const pid of followed) if (!pids.includes(pid)) followed.delete(pid)
      for (const pid of pids) {
        if (followed.has(pid)) continue
        followed.add(pid)
        this.#followProcess(p, pid, signal)
      }
      await sleep(UNIT_EVERY, signal)
    }
  }

  /** False where there is no such process. */
  #followProcess(p: NoticeProgram, pid: number, signal: AbortSignal): boolean {
    let process: os.ProcessWatch | undefined
    try {
      process = os.watchProcess(pid)
    } catch (e) {
      this.#options.note(`program ${p.name}: ${(e as Error).message}`)
      return true
    }
    if (process === undefined) return false
    const watch = process
    this.following++
    const over = () => {
      this.following--
      watch.close()
    }
    signal.addEventListener('abort', over, { once: true })
    const follow = async () => {
      await watch.readable()
      if (signal.aborted) return
      signal.removeEventListener('abort', over)
      over()
      this.#options.sign(p.name, { kind: 'lost' })
    }
    void follow()
    return true
  }

  /** Asks again and again; at once after a failure, so that the time-outs alone decide how fast a hang is known. */
  async #probe(p: NoticeProgram, probe: NoticeProbe, signal: AbortSignal): Promise<void> {
    const { every = EVERY, timeout = TIMEOUT } = probe
    let failed = false
    for (;;) {
      await sleep(failed ? Math.min(every, AGAIN) : every, signal)
      if (signal.aborted) return
      failed = false
      const state = this.#options.stateOf(p.name)
      // Whoever is gone, or was taken offline, need not answer.
      if (state !== 'up' && state !== 'suspect' && state !== 'hung') continue
      const address = this.#addressOf(p, probe)
      if (address === undefined) continue
      const { netns } = this.#options
      const question = questionOf(p, probe)
      let why: string | undefined
      try {
        why = await os.askHealth({
          question,
          address,
          port: p.port,
          timeout,
          from: (port) => this.#remember(port),
          ...(netns === undefined ? {} : { netns }),
        })
      } catch (e) {
        // No socket to be had says nothing about the program.
        this.#options.note(`program ${p.name}: ${(e as Error).message}`)
        continue
      }
      if (signal.aborted) return
      if (why === os.REFUSED) this.#options.sign(p.name, { kind: 'lost' })
      else
        this.#options.sign(p.name, why === undefined ? { kind: 'probe', ok: true } : { kind: 'probe', ok: false, why })
      failed = why !== undefined && why !== os.REFUSED
    }
  }

  /** Where the program hears; undefined where nobody holds its port. */
  #addressOf(p: NoticeProgram, probe: NoticeProbe): Ip | undefined {
    if (probe.address !== undefined) return parseIp(probe.address)
    const states = [p.protocol === 'tcp' ? 'listen' : 'close'] as const
    const all = this.#diag.list({ protocol: p.protocol, port: p.port, states }).filter((s) => s.remotePort === 0)
    const socket = all.find((s) => !s.loopback) ?? all[0]
    if (socket === undefined) return undefined
    if (socket.local === ANY4 || socket.both) return LOOPBACK4
    return socket.local === ANY6 ? LOOPBACK6 : socket.local
  }
}

function questionOf(p: NoticeProgram, probe: NoticeProbe): os.HealthQuestion {
  switch (probe.kind) {
    case 'udp':
      return { kind: 'udp', payload: probe.payload ?? new Uint8Array(1) }
    case 'tcp':
      return { kind: 'tcp' }
    case 'http':
      return { kind: 'http', path: probe.path ?? '/', host: p.name.replace(/[^\w.-]/g, '-') }
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const over = () => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', over)
      resolve()
    }, ms)
    signal.addEventListener('abort', over, { once: true })
  })
}

const ANY4 = parseIp('0.0.0.0')
const ANY6 = parseIp('::')
const LOOPBACK4 = parseIp('127.0.0.1')
const LOOPBACK6 = parseIp('::1')
/** Milliseconds between probes, for an answer, and between a failure and the next. */
const EVERY = 1000
const TIMEOUT = 500
const AGAIN = 100
/** Between two looks which processes a unit has. */
const UNIT_EVERY = 1000
/** Ports of probes that are remembered: a stopped program has the last ones in its queue. */
const MOST_ASKED = 1024
