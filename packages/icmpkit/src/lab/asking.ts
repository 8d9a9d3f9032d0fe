/**
 * A network and those who ask in it, moved on together: after each moment at which something happens they look, and when
 * they are due they are woken. In virtual time a scenario does it, in real time whoever keeps the clock.
 */
import type { Instant } from '../clock.ts'
import { familyOf, type Ip, parseIp, showIp } from '../wire/addr.ts'
import type { AskData } from './ask.ts'
import { PingAsker, TraceAsker } from './ask-ping.ts'
import { UdpAsker } from './ask-udp.ts'
import type { Asker, Question } from './asker.ts'
import type { Lab } from './lab.ts'
import { someOf } from './names.ts'
import { Random } from './random.ts'
import type { AskSummary, ScenarioEvent } from './scenario-event.ts'
import { addressesOf } from './vantage.ts'

export interface AskingOptions {
  /** Their chance comes out of it. 1. */
  seed?: number | undefined
  /** Nobody asks from there. */
  but?: string
  emit(e: ScenarioEvent): void
}

export class Asking {
  readonly #net: Lab
  readonly #options: AskingOptions
  readonly #askers: Asker[]
  /** Nodes by their addresses, as text. */
  #owners: Map<string, string> | undefined

  /** @throws TypeError that names the place of what cannot be asked */
  constructor(net: Lab, asks: readonly AskData[], options: AskingOptions) {
    this.#net = net
    this.#options = options
    checkAsks(net, asks)
    this.#askers = asks.flatMap((data, i) => (data.from === options.but ? [] : [this.#asker(data, i)]))
  }

  get now(): Instant {
    return this.#net.now
  }

  /** When something happens, or somebody is due; Infinity where nothing will. */
  get next(): Instant {
    return Math.min(this.due, this.#net.next) as Instant
  }

  /** When the first of them is to be woken. */
  get due(): number {
    let due = Number.POSITIVE_INFINITY
    for (const a of this.#askers) if (a.due !== undefined) due = Math.min(due, a.due)
    return due
  }

  /** Somebody still asks, or waits. */
  get busy(): boolean {
    return this.#askers.some((a) => a.due !== undefined)
  }

  /** Everything that is due until then happens, each at its moment; then it is `until`. */
  run(until: number): void {
    while (this.busy && this.next <= until) this.step(this.next)
    this.#net.run(until)
  }

  /** The network moves on to that moment, before which nothing is due; then they look. */
  step(moment: number): void {
    const net = this.#net
    net.run(Math.max(moment, net.now))
    for (const a of this.#askers) a.look(net.now)
    for (const a of this.#askers) if (a.due !== undefined && a.due <= net.now) a.wake(net.now)
  }

  /** Whatever is under way is given up. */
  stop(): void {
    for (const a of this.#askers) a.stop(this.#net.now)
  }

  summaries(): AskSummary[] {
    return this.#askers.map((a) => a.summary())
  }

  #asker(data: AskData, index: number): Asker {
    const net = this.#net
    const q: Question = {
      index,
      data,
      // Not in hand before it asks: that would begin the network, and nobody has tapped it yet.
      get node() {
        return net.node(data.from)
      },
      ip: addressOf(net, data, `lab: ask[${index}].to`),
      random: new Random(this.#options.seed ?? 1, ASK + index),
      open: () => {
        const door = q.node.door()
        net.clock.leave([door])
        return door
      },
      emit: this.#options.emit,
      ownerOf: (ip) => this.#ownerOf(ip),
    }
    if (data.kind === 'udp') return new UdpAsker(q)
    return data.kind === 'trace' ? new TraceAsker(q) : new PingAsker(q)
  }

  #ownerOf(ip: Ip): string | null {
    this.#owners ??= new Map<string, string>(
      this.#net.links.flatMap((l) =>
        l.ends.flatMap(({ node, port }) => port.addresses.map((a): [string, string] => [showIp(a.address), node])),
      ),
    )
    return this.#owners.get(showIp(ip)) ?? null
  }
}

/** @throws TypeError that names the place of what cannot be asked in that network */
export function checkAsks(net: Lab, asks: readonly AskData[]): void {
  for (const [i, data] of asks.entries()) {
    const where = `lab: ask[${i}]`
    if (!net.has(data.from)) throw new TypeError(`${where}.from: ${none(net, data.from)}`)
    addressOf(net, data, `${where}.to`)
  }
}

function addressOf(net: Lab, { to, family }: AskData, where: string): Ip {
  const address = parseIp(to)
  if (address !== undefined) {
    if (family !== undefined && familyOf(address) !== family) throw new TypeError(`${where}: ${to} is not IPv${family}`)
    return address
  }
  if (!net.has(to)) throw new TypeError(`${where}: ${none(net, to)}, or an address`)
  const [found] = addressesOf(net, to, family)
  if (found === undefined)
    throw new TypeError(`${where}: '${to}' has no ${family === undefined ? '' : `IPv${family} `}address`)
  return found
}

function none(net: Lab, name: string): string {
  return `there is no node '${name}'; expected ${someOf(net.names())}`
}

/** Streams of chance behind those of nodes and links. */
const ASK = 0x4000_0000
