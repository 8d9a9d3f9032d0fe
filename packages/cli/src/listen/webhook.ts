/** Notices to a URL, one POST after the other: a queue that is bounded, a time-out, and failures said, not repeated. */
import type { Notice } from 'icmpkit'
import { safeText } from 'icmpkit/wire'

export class Webhook {
  readonly #url: string
  readonly #say: (text: string) => void
  readonly #queue: Notice[] = []
  #sending: Promise<void> | undefined
  #lost = 0

  constructor(url: string, say: (text: string) => void) {
    this.#url = url
    this.#say = say
  }

  post(n: Notice): void {
    if (this.#queue.length >= MOST) {
      if (this.#lost++ === 0) this.#say(`webhook: more than ${MOST} notices wait: some are lost`)
      return
    }
    this.#queue.push(n)
    this.#sending ??= this.#send()
  }

  /** What waits is still sent, as long as somebody answers. */
  async end(): Promise<void> {
    await this.#sending
    if (this.#lost > 0) this.#say(`webhook: lost: ${this.#lost}`)
  }

  async #send(): Promise<void> {
    for (let n = this.#queue.shift(); n !== undefined; n = this.#queue.shift()) {
      try {
        const response = await fetch(this.#url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ schema: 'icmpkit.listen.v1', ...n }),
          // Somebody else's server is not told where the user did not say so.
          redirect: 'error',
          signal: AbortSignal.timeout(TIMEOUT),
        })
        await response.body?.cancel()
        if (!response.ok) this.#failed(`it answered ${response.status}`)
      } catch (e) {
        const { message, cause } = e as Error
        this.#failed(cause instanceof Error ? cause.message : message)
      }
    }
    this.#sending = undefined
  }

  #failed(why: string): void {
    this.#lost++
    this.#say(`webhook: a notice did not arrive: ${safeText(why)}`)
  }
}

/** Notices that wait. */
const MOST = 1000
/** Longest for one, ms. */
const TIMEOUT = 5000
