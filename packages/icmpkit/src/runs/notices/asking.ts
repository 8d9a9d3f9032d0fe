/** The notifier as a driver runs it: what it asks of the outside is answered at once, and goes on from the answer. */
import type { Instant } from '../../clock.ts'
import type { Machine } from '../../door.ts'
import type { NoticeEvent, Notifier, Request } from '../../notice/index.ts'

export class Asking implements Machine<NoticeEvent> {
  readonly #n: Notifier
  readonly #answer: (now: Instant, r: Request) => void

  constructor(n: Notifier, answer: (now: Instant, r: Request) => void) {
    this.#n = n
    this.#answer = answer
  }

  handlePacket: Notifier['handlePacket'] = (now, a) => this.#n.handlePacket(now, a)
  handleSent: Notifier['handleSent'] = (...a) => this.#n.handleSent(...a)
  handleUnsent: Notifier['handleUnsent'] = (...a) => this.#n.handleUnsent(...a)
  pollTransmit: Notifier['pollTransmit'] = (now, slot) => this.#n.pollTransmit(now, slot)
  pollEvent: Notifier['pollEvent'] = () => this.#n.pollEvent()
  pollTimeout: Notifier['pollTimeout'] = () => this.#n.pollTimeout()

  handleTimeout(now: Instant): void {
    this.#n.handleTimeout(now)
    for (let r = this.#n.pollRequest(); r !== undefined; r = this.#n.pollRequest()) this.#answer(now, r)
    this.#n.handleTimeout(now)
  }
}
