/** All that `serveNotices` has open of the kernel: doors in and out, what it watches, what it may ask for. */
import type { Instant } from '../../clock.ts'
import type { Door } from '../../door.ts'
import type { Connection, Notifier, Request, Sign } from '../../notice/index.ts'
import * as os from '../../os/index.ts'
import { OwnAddresses } from './addresses.ts'
import { Detector } from './detector.ts'
import type { NoticeProgram } from './options.ts'
import { Reach } from './reach.ts'

export interface WorldOptions {
  netns: string | number | undefined
  /** Found out by itself: a socket ended, a probe failed. */
  sign(program: string, sign: Sign): void
  stateOf(program: string): ReturnType<Notifier['stateOf']>
  /** For people: what could not be done. */
  note(what: string): void
}

export class World {
  readonly doors: readonly Door[]
  readonly addresses: OwnAddresses
  readonly #options: WorldOptions
  readonly #flows: os.FlowDoor
  readonly #detector: Detector
  readonly #reach: Reach
  #programs: readonly NoticeProgram[] = []
  /** TCP programs that are down, and what is looked at of them. */
  readonly #tcp = new Map<string, 'opening' | 'arriving'>()

  private constructor(
    options: WorldOptions,
    addresses: OwnAddresses,
    doors: { flows: os.FlowDoor; out: readonly Door[] },
    reach: Reach,
  ) {
    this.#options = options
    this.addresses = addresses
    this.#flows = doors.flows
    this.doors = [doors.flows, ...doors.out]
    this.#reach = reach
    this.#detector = new Detector(options)
  }

  /** Watches no program yet. @throws OsError, and then nothing is open */
  static async open(options: WorldOptions): Promise<World> {
    const { netns } = options
    const where = netns === undefined ? {} : { netns }
    const addresses = new OwnAddresses(netns)
    const flows = os.openFlowDoor({ ports: [], ...where })
    const out: Door[] = []
    try {
      for (const family of [4, 6] as const) {
        const spec = { kind: 'raw-socket', family, headers: 'ours', accept: 'none', stamps: false } as const
        try {
          out.push((await os.openDoor({ ...spec, ...where })).door)
        } catch (e) {
          // A kernel without IPv6.
          if (!(e instanceof os.OsError) || e.code !== 'EAFNOSUPPORT') throw e
        }
      }
      return new World(options, addresses, { flows, out }, new Reach(netns))
    } catch (e) {
      for (const d of [flows, ...out]) await d[Symbol.asyncDispose]()
      throw e
    }
  }

  /** Datagrams that came faster than they were read. */
  get unseen(): number {
    return this.#flows.loss.queueOverflow
  }

  /** From now on these. @throws OsError */
  watch(programs: readonly NoticeProgram[]): void {
    this.#programs = programs
    this.#detector.watch(programs)
    this.#look()
  }

  /** How many live sockets hold its port. @throws OsError */
  holders(p: NoticeProgram): number {
    return this.#detector.holders(p)
  }

  /** Does what the notifier asks for, and tells it what came of it. */
  answer(now: Instant, n: Notifier, r: Request): void {
    const p = this.#programs.find((o) => o.name === r.program)
    if (p === undefined) return
    try {
      switch (r.kind) {
        case 'recheck': {
          const count = this.#detector.holders(p)
          // Who has just been confirmed may still wait in the ring.
          if (count === 0) while (this.#flows.receive(now, n, BATCH) === BATCH);
          n.sign(now, p.name, { kind: 'holders', count })
          return
        }
        case 'connections':
          // The answers to what is about to be asked.
          this.#tcp.set(p.name, 'arriving')
          this.#look()
          n.connections(
            now,
            p.name,
            this.#reach.connections(p).filter((c) => !this.#isProbe(c)),
          )
          return
        case 'reject':
          if (r.on) this.#reach.reject(p, n.workstations(p.name))
          else this.#reach.admit(p)
          return
        case 'reset':
          this.#reach.reset(r.connection)
      }
    } catch (e) {
      this.#options.note(`program ${p.name}: ${(e as Error).message}`)
    }
  }

  /** What is worth looking at of a TCP program now: nothing while it is up, who connects while it is down. */
  changed(program: string, down: boolean): void {
    const p = this.#programs.find((o) => o.name === program)
    if (p?.protocol !== 'tcp') return
    if (down) this.#tcp.set(program, 'opening')
    else this.#tcp.delete(program)
    this.#look()
  }

  async close(): Promise<void> {
    this.#detector.close()
    this.#reach.close()
    for (const d of this.doors) await d[Symbol.asyncDispose]()
  }

  #isProbe(c: Connection): boolean {
    return this.#detector.asked(c.remotePort) && this.addresses.mine(c.remote)
  }

  #look(): void {
    this.#flows.watch(
      this.#programs.flatMap((p): os.FlowPort[] => {
        if (p.protocol === 'udp') return [{ protocol: 'udp', port: p.port }]
        const what = this.#tcp.get(p.name)
        return what === undefined ? [] : [{ protocol: 'tcp', port: p.port, what }]
      }),
    )
  }
}

const BATCH = 4096
