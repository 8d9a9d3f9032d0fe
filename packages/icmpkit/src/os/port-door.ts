/**
 * Doors that attach a stack node to an interface: what to open, as plain data, and what was opened, as a node's
 * `PortConfig` wants it. `openPort` picks the door.
 */
import type { Instant } from '../clock.ts'
import type { Arrival, Door, DoorLoss, Machine, Slot } from '../door.ts'
import { monotonic } from './kernel-time.ts'
import { Errno, OsError } from './os-error.ts'
import type { Pollable } from './waker.ts'

/** `tun` and `tap` make an interface, or take a persistent one; `packet` takes one that is there from the kernel. */
export type PortSpec = TunSpec | PacketSpec

interface TunSpec {
  kind: 'tun' | 'tap'
  /** At most 15 octets, `%d` is replaced by a number. Default `tun%d` or `tap%d`. */
  interface?: string
  /** Network namespace by name (`ip netns`), path or process id; the one of this thread where absent. */
  netns?: string | number
  /** Of a new interface; the kernel's default is 1500. */
  mtu?: number
  /** TAP: the node's address, six octets; one of its own choice where absent. The kernel's side has another. */
  mac?: Uint8Array
}

interface PacketSpec {
  kind: 'packet'
  interface: string
  netns?: string | number
  /** Take it though the kernel has addresses on it or it belongs to a bridge. */
  force?: boolean
  /** All frames that pass, not only ours and those to groups. Some network cards let a VLAN through only so. */
  promiscuous?: boolean
  /** The node's address, six octets, in place of the interface's. The card is then asked for all frames. */
  mac?: Uint8Array
}

/** The interface behind a door, as it was when it was opened. */
export interface PortFacts {
  readonly kind: PortSpec['kind']
  readonly index: number
  readonly name: string
  readonly medium: 'ip' | 'ethernet'
  /** The node's address on the link; empty on medium `ip`. */
  readonly mac: Uint8Array
  readonly mtu: number
  /** Administratively up, and with a carrier. */
  readonly up: boolean
}

export interface PortDoor extends Door, Pollable {
  readonly port: PortFacts
  /** Of a TUN or TAP: plugs the kernel's cable out and in. Nothing where the kernel is too old (Linux 5.0 has it). */
  setCarrier?(up: boolean): void
  /** A door that goes through the same motions as this one, whose frames are ours and whose answers go nowhere. */
  warming?(): WarmingDoor
}

export interface WarmingDoor {
  readonly door: PortDoor
  /** Lets `door` receive a frame next. */
  arrive(frame: Uint8Array): void
}

export type Receiver = Pick<Machine<unknown>, 'handlePacket' | 'handleSent' | 'handleUnsent'>
export type Sender = Pick<Machine<unknown>, 'pollTransmit' | 'handleSent' | 'handleUnsent'>

/** What all doors of ports have: what they know of themselves, one arrival and one slot that are filled again and again, an end. */
export abstract class PortDoorBase implements PortDoor {
  abstract readonly name: 'packet' | 'tun' | 'tap'
  abstract readonly loss: DoorLoss
  readonly medium: 'ip' | 'ethernet'
  readonly family: undefined
  readonly prompt = true
  readonly echoId: undefined
  readonly port: PortFacts
  readonly cannot: readonly string[]
  protected readonly arrival: Arrival
  protected readonly slot: Slot
  #open = true

  /** `memory`: where packets come and go, at first. */
  constructor(port: PortFacts, cannot: readonly string[], memory: Uint8Array) {
    this.port = port
    this.medium = port.medium
    this.cannot = cannot
    this.slot = { bytes: memory, at: 0, limit: 0, end: 0, family: undefined, port: port.index, tag: 0 }
    this.arrival = {
      bytes: memory,
      at: 0,
      end: 0,
      length: 0,
      origin: 'wire',
      link: 'host',
      checksum: 'unknown',
      stamp: monotonic(),
      clock: 'user',
      port: port.index,
    }
  }

  abstract get fd(): number
  abstract send(now: Instant, m: Sender): boolean
  abstract receive(now: Instant, m: Receiver, limit: number): number
  /** Called once. */
  protected abstract close(): void

  get mtu(): number {
    return this.port.mtu
  }

  /** From now on it refuses to be used. */
  protected end(): void {
    this.#open = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return
    this.end()
    this.close()
  }

  /** Room for one packet at `at`. */
  protected offer(at: number, room: number): Slot {
    const { slot } = this
    slot.at = at
    slot.limit = at + room
    slot.end = at
    slot.port = this.port.index
    slot.tag = 0
    return slot
  }

  /** @throws OsError EBADF */
  protected refuseClosed(syscall: string): void {
    if (!this.#open) throw new OsError(Errno.EBADF, syscall, this.name, 'The door is closed: open another')
  }
}

/** What the runner gets where there is no such interface, now or any more: it may wait for it and open it again. */
export function noInterface(name: string, syscall: string, door: string): OsError {
  return new OsError(Errno.ENODEV, syscall, door, `There is no interface ${name}: see \`ip link\``)
}
