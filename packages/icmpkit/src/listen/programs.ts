/** The table by program: what this machine has been told of each server's programs. Bounded; the one heard longest ago goes. */
import type { Instant } from '../clock.ts'
import type { Ip } from '../wire/addr.ts'
import { type Outage, stateName } from '../wire/outage-object.ts'
import { type Flow, showEnd } from './flow.ts'
import type { Judgement, Trust } from './trust.ts'

export interface ProgramRow {
  server: Ip
  protocol: 'udp' | 'tcp'
  port: number
  /** null where no notice of it could be used. */
  program: string | null
  state: string | null
  reason: string | null
  /** Seconds since 1970. */
  backAt: number | null
  trust: Trust
  believed: boolean
  notices: number
  /** When the latest was heard. */
  at: Instant
}

export class Programs {
  readonly #rows = new Map<string, ProgramRow>()
  readonly #limit: number

  constructor(limit = 1024) {
    this.#limit = limit
  }

  get size(): number {
    return this.#rows.size
  }

  /** `object`: undefined where nothing of it may be used. A less trusted notice does not take the place of a better one. */
  note(
    { protocol, remote: server, remotePort: port }: Flow,
    object: Outage | undefined,
    j: Judgement,
    at: Instant,
  ): void {
    const program = object?.program ?? null
    const key = `${protocol} ${showEnd(server, port)} ${program}`
    const old = this.#rows.get(key)
    const notices = (old?.notices ?? 0) + 1
    this.#rows.delete(key)
    if (this.#rows.size >= this.#limit) this.#rows.delete(this.#rows.keys().next().value!)
    if (old !== undefined && RANK[old.trust] > RANK[j.trust]) {
      this.#rows.set(key, { ...old, notices, at })
      return
    }
    const state = object === undefined ? null : stateName(object.state)
    const { reason = null, backAt = null } = object ?? {}
    const { trust, believed } = j
    this.#rows.set(key, { server, protocol, port, program, state, reason, backAt, trust, believed, notices, at })
  }

  rows(): ProgramRow[] {
    return [...this.#rows.values()]
  }
}

const RANK = { refused: 0, unsigned: 1, signed: 2 } as const
