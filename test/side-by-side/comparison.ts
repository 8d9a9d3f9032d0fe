/** One input given to both, and how the answers differ. */
import type { Ip } from '../../packages/icmpkit/src/wire/addr.ts'
import { parseIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { type Answer, describe } from './answer.ts'
import { difference } from './likeness.ts'
import type { Linux } from './linux.ts'
import { ADDRESSES, Ours } from './ours.ts'

export interface Comparison {
  role: 'host' | 'gateway'
  packets: readonly Uint8Array[]
  /** In words, sorted. */
  linux: readonly string[]
  ours: readonly string[]
  /** Of the octets, where the answers are of the same kinds. */
  octets: string | undefined
}

export class Pair {
  readonly role: 'host' | 'gateway'
  readonly #linux: Linux
  #ours: Ours

  constructor(role: 'host' | 'gateway', linux: Linux) {
    this.role = role
    this.#linux = linux
    this.#ours = new Ours(role)
  }

  /** undefined: both answer alike. */
  compare(packets: readonly Uint8Array[]): Comparison | undefined {
    return this.#judge(packets, this.#linux.askQuickly(packets), this.#ours.ask(packets))
  }

  /** The same where nothing is left of what came before, and with time for late answers. */
  compareAlone(packets: readonly Uint8Array[]): Comparison | undefined {
    this.forget()
    return this.#judge(packets, this.#linux.ask(packets), this.#ours.ask(packets))
  }

  forget(): void {
    this.#linux.forget()
    this.#ours = new Ours(this.role)
  }

  #judge(packets: readonly Uint8Array[], linux: readonly Answer[], ours: readonly Answer[]): Comparison | undefined {
    const [a, b] = [told(linux), told(ours)]
    const same = a.length === b.length && a.every((x, i) => x.words === b[i]!.words)
    const paired = a.length === b.length && a.every((x, i) => nameOf(x.words) === nameOf(b[i]!.words))
    const octets = paired
      ? a.map((x, i) => difference(x.answer, b[i]!.answer, isMine)).find((d) => d !== undefined)
      : undefined
    if (same && octets === undefined) return undefined
    return { role: this.role, packets, linux: a.map((x) => x.words), ours: b.map((x) => x.words), octets }
  }
}

function told(answers: readonly Answer[]): { words: string; answer: Answer }[] {
  const list: { words: string; answer: Answer }[] = []
  for (const answer of answers) {
    const words = describe(answer)
    // A kernel gives up on fragments of an earlier input whenever it likes.
    if (words !== undefined && !LATE.test(words)) list.push({ words, answer })
  }
  return list.sort((x, y) => (x.words < y.words ? -1 : x.words > y.words ? 1 : 0))
}

const LATE = /\((?:11|3)\/1\), .*Reassembly|Fragment Reassembly Time|Fragment reassembly time/
/** A kernel speaks from the routers' anycast addresses too. */
const mine = new Set(
  [...Object.values(ADDRESSES).flat(), '2001:db8:a::/64', '2001:db8:b::/64'].map((a) => parseIp(a.split('/')[0]!)!),
)

/** Port, type and code, or protocol. */
function nameOf(words: string): string {
  return words.slice(0, words.indexOf(','))
}

function isMine(address: Ip): boolean {
  return mine.has(address)
}
