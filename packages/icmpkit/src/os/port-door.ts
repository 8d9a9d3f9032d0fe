/**
 * Doors that attach a stack node to an interface: what to open, as plain data, and what was opened, as a node's
 * `PortConfig` wants it. `openPort` picks the door.
 */
import type { Door } from '../door.ts'
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

/** What the runner gets where there is no such interface, now or any more: it may wait for it and open it again. */
export function noInterface(name: string, syscall: string, door: string): OsError {
  return new OsError(Errno.ENODEV, syscall, door, `There is no interface ${name}: see \`ip link\``)
}
