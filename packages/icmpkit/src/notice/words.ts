/**
 * What the notices of one outage say now. A template each for a whole notice, one whose quote was rebuilt, and an error
 * without words, over IPv4 and IPv6; made when first wanted, and anew when the operator says something else or when they
 * are so old that a workstation which is told late would take them for a replay.
 */
import type { Instant } from '../clock.ts'
import type { Family } from '../wire/addr.ts'
import { State } from '../wire/outage-object.ts'
import { TCP, UDP } from './flow-view.ts'
import { NoticeTemplate, type Signer } from './notice-template.ts'
import type { Down, ProgramSpec } from './program.ts'

/** `bare`: no object behind its quote, and no longer than an error has to be. */
export type Form = 'whole' | 'rebuilt' | 'bare'

/** Of what the words are made. */
export interface Meaning {
  readonly spec: ProgramSpec
  /** As it is at this moment. */
  down(): Down
  readonly signer: Signer | undefined
  /** Seconds since 1970. */
  wall(now: Instant): number
}

export class Words {
  readonly #meaning: Meaning
  #madeAt = Number.NEGATIVE_INFINITY
  #said: Pick<Down, 'state' | 'reason' | 'backAt'> = { state: 'gone', reason: undefined, backAt: undefined }
  #seconds = 0
  #templates: Record<Family, Partial<Record<Form, NoticeTemplate>>> = { 4: {}, 6: {} }

  constructor(meaning: Meaning) {
    this.#meaning = meaning
  }

  template(now: Instant, family: Family, form: Form): NoticeTemplate {
    const down = this.#meaning.down()
    const { state, reason, backAt } = this.#said
    if (now - this.#madeAt > KEEPS || down.state !== state || down.reason !== reason || down.backAt !== backAt)
      this.#begin(now, down)
    const made = this.#templates[family]
    made[form] ??= this.#make(family, form, down)
    return made[form]
  }

  /** All of them say the same time: a workstation with two addresses would refuse the one that seems older. */
  #begin(now: Instant, { state, reason, backAt }: Down): void {
    this.#madeAt = now
    this.#said = { state, reason, backAt }
    this.#seconds = Math.floor(this.#meaning.wall(now))
    this.#templates = { 4: {}, 6: {} }
  }

  #make(family: Family, form: Form, down: Down): NoticeTemplate {
    const { spec, signer } = this.#meaning
    const { name: program, protocol, port } = spec
    // Prohibited, where newcomers really are; else a closed port.
    const code = spec.code ?? (down.state === 'draining' ? 'admin' : 'port')
    if (form === 'bare') return new NoticeTemplate({ family, code, outage: undefined, signer: undefined })
    const outage = {
      state: State[down.state],
      rebuilt: form === 'rebuilt',
      seconds: this.#seconds,
      program,
      reason: down.reason,
      backAt: down.backAt,
      server: { protocol: protocol === 'udp' ? UDP : TCP, port },
    }
    return new NoticeTemplate({ family, code, outage, signer })
  }
}

/** Milliseconds; a workstation believes a signature for 60 s. */
const KEEPS = 5000
