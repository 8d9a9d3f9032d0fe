/**
 * One port of a running node. Its interface may go and come back under another index, by another door; the stack knows it by
 * the index that it had at first.
 */
import type { Instant } from '../../clock.ts'
import type { Door, Machine } from '../../door.ts'
import * as os from '../../os/index.ts'
import { parseMac } from '../../wire/ethernet.ts'
import type { NodeOptions, NodePort } from './options.ts'

export class RunningPort {
  config: NodePort
  /** The stack's name for it. */
  readonly index: number
  readonly medium: 'ethernet' | 'ip'
  mac: Uint8Array
  mtu: number
  /** undefined while the interface is gone. */
  door: os.PortDoor | undefined
  /** How its interface was when that was last told. */
  seen: os.PortChange | undefined
  /** What the watch of the interfaces is to look at: always the present one. */
  readonly watched: os.Watchable
  #options: NodeOptions
  /** Lost by doors that are closed. */
  #overflow = 0

  /** @throws OsError (as a rejection) */
  static async open(config: NodePort, options: NodeOptions): Promise<RunningPort> {
    return new RunningPort(config, options, await os.openPort(specOf(config, options)))
  }

  private constructor(config: NodePort, options: NodeOptions, door: os.PortDoor) {
    this.config = config
    this.#options = options
    this.door = door
    const { index, medium, mac, mtu } = door.port
    this.index = index
    this.medium = medium
    this.mac = mac
    this.mtu = config.mtu ?? mtu
    const port = this
    this.watched = {
      kind: config.door ?? 'packet',
      get index() {
        return port.door?.port.index ?? 0
      },
      get name() {
        return port.door?.port.name ?? config.name
      },
      get mac() {
        return port.mac
      },
    }
  }

  /** The door as the driver is to see it. */
  get driven(): Door | undefined {
    return this.door === undefined ? undefined : new PortOfDoor(this.door, this.index)
  }

  /** The like of `driven` whose frames come out of a play, and go to `m`; undefined where its door has none. */
  warming(m: Machine<unknown>): { door: Door & os.Pollable; arrive: (frame: Uint8Array) => void } | undefined {
    const stage = this.medium === 'ethernet' ? this.door?.warming?.() : undefined
    if (stage === undefined) return undefined
    return { door: new PortOfDoor(stage.door, this.index, m), arrive: stage.arrive }
  }

  get overflow(): number {
    return this.#overflow + (this.door?.loss.queueOverflow ?? 0)
  }

  /** Its interface is not there any more, the door to it still is. */
  get lost(): boolean {
    const { door, seen } = this
    return door !== undefined && seen?.gone === true && seen.index !== door.port.index
  }

  /** There is an interface of its name, and no door to it. */
  get found(): boolean {
    return this.door === undefined && this.seen !== undefined && this.seen.index !== 0
  }

  async close(): Promise<void> {
    const { door } = this
    if (door === undefined) return
    this.#overflow += door.loss.queueOverflow
    this.door = undefined
    await door[Symbol.asyncDispose]()
  }

  /** False where it is half made, or somebody else's: its next change tells. */
  async reopen(): Promise<boolean> {
    try {
      this.door = await os.openPort(specOf(this.config, this.#options))
    } catch {
      return false
    }
    this.take(this.door.port)
    return true
  }

  /** Other options for the same port. True where it has another MTU now. */
  reconfigure(config: NodePort, options: NodeOptions): boolean {
    this.config = config
    this.#options = options
    return this.take({ mtu: this.seen?.mtu || this.door?.port.mtu || this.mtu, mac: this.mac })
  }

  /** What the configuration leaves to the interface. True where that is something new. */
  take({ mtu, mac }: { mtu: number; mac: Uint8Array }): boolean {
    const before = { mtu: this.mtu, mac: this.mac }
    this.mtu = this.config.mtu ?? mtu
    if (this.config.mac === undefined) this.mac = mac
    return this.mtu !== before.mtu || Buffer.compare(this.mac, before.mac) !== 0
  }
}

/**
 * A door under the index that the stack knows its port by: an interface that came back has another. `instead` gets the packets
 * in place of whichever machine is driven.
 */
class PortOfDoor implements Door {
  readonly #door: os.PortDoor
  readonly #index: number
  readonly #instead: Machine<unknown> | undefined
  readonly #adapter = new Map<object, Machine<unknown>>()

  constructor(door: os.PortDoor, index: number, instead?: Machine<unknown>) {
    this.#door = door
    this.#index = index
    this.#instead = instead
  }

  get name(): Door['name'] {
    return this.#door.name
  }
  get medium(): Door['medium'] {
    return this.#door.medium
  }
  get family(): Door['family'] {
    return this.#door.family
  }
  get mtu(): number {
    return this.#door.mtu
  }
  get echoId(): number | undefined {
    return this.#door.echoId
  }
  get cannot(): readonly string[] {
    return this.#door.cannot
  }
  get loss(): Door['loss'] {
    return this.#door.loss
  }
  get prompt(): boolean {
    return this.#door.prompt ?? false
  }
  // What the kernel's clock waits for.
  get fd(): number {
    return this.#door.fd
  }
  get pending(): boolean | undefined {
    return this.#door.pending
  }

  send(now: Instant, m: Machine<unknown>): boolean {
    return this.#door.send(now, this.#machine(m))
  }

  receive(now: Instant, m: Machine<unknown>, limit: number): number {
    return this.#door.receive(now, this.#machine(m), limit)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#door[Symbol.asyncDispose]() as Promise<void>
  }

  #machine(driven: Machine<unknown>): Machine<unknown> {
    const m = this.#instead ?? driven
    if (this.#index === this.#door.port.index) return m
    let adapter = this.#adapter.get(m)
    if (adapter === undefined) {
      adapter = renumbered(m, this.#index, this.#door.port.index)
      this.#adapter.set(m, adapter)
    }
    return adapter
  }
}

function renumbered(m: Machine<unknown>, stack: number, door: number): Machine<unknown> {
  return {
    handlePacket: (now, a) => {
      a.port = stack
      const answer = m.handlePacket(now, a)
      a.port = door
      return answer
    },
    handleSent: (now, tag, stamp, clock) => m.handleSent(now, tag, stamp, clock),
    handleUnsent: (now, tag, why, mtu) => m.handleUnsent(now, tag, why, mtu),
    handleTimeout: (now) => m.handleTimeout(now),
    pollTransmit: (now, slot) => {
      slot.port = stack
      const more = m.pollTransmit(now, slot)
      slot.port = door
      return more
    },
    pollEvent: () => m.pollEvent(),
    pollTimeout: () => m.pollTimeout(),
  }
}

function specOf(p: NodePort, o: NodeOptions): os.PortSpec {
  const mac = p.mac === undefined ? undefined : parseMac(p.mac)
  return {
    kind: p.door ?? 'packet',
    interface: p.name,
    ...(o.netns === undefined ? {} : { netns: o.netns }),
    ...(o.force === undefined ? {} : { force: o.force }),
    ...(p.mtu === undefined ? {} : { mtu: p.mtu }),
    ...(mac === undefined ? {} : { mac }),
  } as os.PortSpec
}
