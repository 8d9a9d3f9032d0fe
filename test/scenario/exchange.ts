/** A machine that sends the packets of a case and writes down what comes back; it runs over any door. */
import type { ClockSource, Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Arrival, LocalDrop, Machine, Slot } from '../../packages/icmpkit/src/door.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import * as icmp4 from '../../packages/icmpkit/src/wire/icmp4.ts'
import * as icmp6 from '../../packages/icmpkit/src/wire/icmp6.ts'
import * as ip4 from '../../packages/icmpkit/src/wire/ip4.ts'
import * as ip4Option from '../../packages/icmpkit/src/wire/ip4-option.ts'
import * as ip6 from '../../packages/icmpkit/src/wire/ip6.ts'
import type { Answer, Case } from './scenario.ts'

/** Silence behind the last expected answer, in which none may come that is not expected; milliseconds. */
const LINGER = 120
const WAIT = 30_000
const WAIT_FOR_NOTHING = 300

/** Neighbour discovery and group reports are of the network, not of the case. */
const OF_THE_NETWORK = { 4: [9, 10], 6: [130, 131, 132, 133, 134, 135, 136, 143] } as const

export class Exchange implements Machine<never> {
  readonly heard: (Answer & { sum: string })[] = []
  /** What is wrong whatever was expected: a bad checksum, a quote of something else, data that changed on the way. */
  readonly faults: string[] = []
  readonly unsent: LocalDrop[] = []
  readonly #packets: readonly Uint8Array[]
  readonly #port: number
  readonly #expected: number
  readonly #wait: number
  #next = 0
  #now = 0
  #deadline = Number.NaN

  /** `port`: what packets to groups and on the link leave by. */
  constructor(packets: readonly Uint8Array[], answers: readonly Answer[], wait: Case['wait'], port: number) {
    this.#packets = packets
    this.#port = port
    this.#expected = answers.length
    this.#wait = wait ?? (answers.length === 0 ? WAIT_FOR_NOTHING : WAIT)
  }

  handlePacket(now: Instant, a: Arrival): boolean {
    const bytes = a.bytes.slice(a.at, a.end)
    const four = bytes[0]! >>> 4 === 4
    const h = four ? ip4.parse(bytes) : ip6.parse(bytes)
    if (h.kind === 'malformed' || h.end - h.payload < 8)
      throw new Error(`a door gave ${bytes.length} octets of nothing`)
    const type = bytes[h.payload]!
    const code = bytes[h.payload + 1]!
    if ((OF_THE_NETWORK[four ? 4 : 6] as readonly number[]).includes(type)) return false
    // One's own request, where the host sends it to a group that it is in.
    if (type === (four ? 8 : 128)) return false
    const m = four ? icmp4.parse(bytes, h.payload, h.end) : icmp6.parse(bytes, h.payload, h.end)
    const length = h.end - h.payload
    const sum = four
      ? icmp4.verify(bytes, h.payload, h.end, length)
      : icmp6.verifyAt(bytes, h.payload, h.end, length, 0)
    const quote = 'quote' in m ? m.quote : new Uint8Array(0)
    const seen: Exchange['heard'][number] = { from: showIp(h.src), type, code, sum, quotes: quote.length }
    seen.ttl = h.kind === 'ip4' ? h.ttl : h.hopLimit
    seen.tos = h.kind === 'ip4' ? h.tos : h.trafficClass
    if (quote.length > 8) seen.quotedTtl = quote[four ? 8 : 7]!
    if ('seq' in m && typeof m.seq === 'number') seen.seq = m.seq
    if ('data' in m && m.data instanceof Uint8Array) seen.size = m.data.length
    if ('nextHopMtu' in m && typeof m.nextHopMtu === 'number') seen.mtu = m.nextHopMtu
    if ('mtu' in m && typeof m.mtu === 'number') seen.mtu = m.mtu
    if ('pointer' in m) seen.pointer = m.pointer
    if ('gateway' in m) seen.gateway = showIp(m.gateway)
    if (m.kind === 'redirect' && 'target' in m) seen.gateway = showIp(m.target)
    if (type === (four ? 43 : 161)) seen.state = bytes[h.payload + 7]!
    if (h.kind === 'ip4' && h.options.length > 0) {
      const options = ip4Option.parseOptions(h.options)
      const route = Array.isArray(options)
        ? options.find((o): o is ip4Option.Route => o.kind === 'recordRoute')
        : undefined
      if (route !== undefined) seen.recorded = ip4Option.visited(route).map((x) => showIp(x))
    }
    this.heard.push(seen)
    if (sum !== 'ok') this.faults.push(`type ${type} has a checksum that is ${sum}`)
    if (quote.length > 0 && !this.#packets.some((p) => sameDatagram(p, quote)))
      this.faults.push(`type ${type} quotes what was never sent`)
    if (m.kind === 'echoReply' && m.data.some((octet, i) => octet !== ((i + 8) & 255)))
      this.faults.push('the data of an echo changed')
    if (this.heard.length >= this.#expected) this.#deadline = Math.min(this.#deadline, now + LINGER)
    return false
  }

  handleSent(_now: Instant, _tag: number, _stamp: Instant, _clock: ClockSource): void {}

  handleUnsent(_now: Instant, _tag: number, why: LocalDrop, _mtu: number): void {
    this.unsent.push(why)
  }

  handleTimeout(now: Instant): void {
    this.#now = now
    if (Number.isNaN(this.#deadline)) this.#deadline = now + this.#wait
  }

  pollTransmit(_now: Instant, slot: Slot): boolean {
    const packet = this.#packets[this.#next]
    if (packet === undefined) return false
    this.#next++
    slot.bytes.set(packet, slot.at)
    slot.end = slot.at + packet.length
    const six = packet[0]! >>> 4 === 6
    const first = packet[six ? 24 : 16]!
    // ff00::/8 and fe80::/10, 224.0.0.0/4 and 255.255.255.255 mean nothing without a port.
    if (six ? first >= 0xfe : first >= 224) slot.port = this.#port
    slot.tag = this.#next
    return true
  }

  pollEvent(): undefined {}

  pollTimeout(): Instant | undefined {
    return this.#now >= this.#deadline ? undefined : (this.#deadline as Instant)
  }
}

/** What was heard, cut down to what each expected answer names; ready to be compared with the expectation as a whole. */
export function asExpected(e: Exchange, answers: readonly Answer[]): unknown[] {
  const left = [...e.heard]
  const cut = answers.map((want) => {
    const i = left.findIndex(
      (h) => h.from === want.from && h.type === want.type && h.code === want.code && sameSeq(h, want),
    )
    if (i < 0) return 'did not come'
    const [h] = left.splice(i, 1)
    const { quotes } = want
    const seen = Object.fromEntries(Object.keys(want).map((k) => [k, h![k as keyof Answer]]))
    return quotes !== undefined && h!.quotes! >= quotes ? { ...seen, quotes } : seen
  })
  return [...cut, ...left.map((h) => ({ unexpected: h }))]
}

/** The same version, protocol and addresses, and what a gateway does not change: identification, or flow label and length. */
function sameDatagram(sent: Uint8Array, quote: Uint8Array): boolean {
  const octets =
    sent[0]! >>> 4 === 4
      ? [0, 4, 5, 9, 12, 13, 14, 15, 16, 17, 18, 19]
      : [0, 1, 2, 3, 4, 5, 6, ...Array.from({ length: 32 }, (_, i) => i + 8)]
  return octets.every((i) => sent[i] === quote[i])
}

const sameSeq = (h: Answer, want: Answer) => want.seq === undefined || want.seq === h.seq
