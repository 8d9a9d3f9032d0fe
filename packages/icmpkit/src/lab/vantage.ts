/**
 * What asks from inside a node of a lab: `ping('srv', { over: net.from('me') })`. A door, the clock, and what a system
 * knows beside: names of hosts, interfaces, source addresses, chance (out of the seed).
 */
import type { Clock } from '../clock.ts'
import type { Door } from '../door.ts'
import { type Family, familyOf, type Ip } from '../wire/addr.ts'
import type { Lab } from './lab.ts'
import type { LabDoor } from './lab-door.ts'
import type { Random } from './random.ts'

/** What whoever asks wants to know of the system around a door. */
export interface Surroundings {
  /** Addresses of a host by its name; none: there is no such name. */
  addressesOf(name: string): readonly Ip[]
  /** Index of an interface, by its name. */
  portOf(name: string): number | undefined
  portName(index: number): string | undefined
  /** The source that a packet to `to` will bear; undefined where no route leads there. */
  sourceFor(to: Ip, port: number): Ip | undefined
  /** 0 ≤ r < 1: identifiers and tokens. */
  random(): number
}

/** Door and clock for one run of `ping`, `send` or `drive`, which closes the door. */
export interface Vantage extends Surroundings {
  readonly clock: Clock
  readonly door: Door
  /** The same one. */
  readonly doors: readonly Door[]
}

export function vantage(net: Lab, name: string, random: Random): Vantage {
  const node = net.node(name)
  const { ports, ip4, ip6 } = node.node
  const door: LabDoor = node.door()
  const portNamed = (index: number) => (index === 0 ? undefined : ports.get(index))
  return {
    clock: net.clock,
    door,
    doors: [door],
    addressesOf: (of) => addressesOf(net, of),
    portOf: (text) => [...ports.values()].find((p) => p.name === text || String(p.index) === text)?.index,
    portName: (index) => ports.get(index)?.name,
    sourceFor: (to, index) => {
      if (typeof to === 'bigint') {
        const hop = ip6.hop(net.now, to, portNamed(index))
        return typeof hop === 'string' ? undefined : ip6.sourceFor(to, hop.port)
      }
      const hop = ip4.hop(net.now, to, portNamed(index))
      return typeof hop === 'string' ? undefined : ip4.sourceFor(to, hop.port)
    },
    random: () => random.fraction(),
  }
}

/** Of a node, IPv4 first, in the order of its links. */
export function addressesOf(net: Lab, name: string, family?: Family): Ip[] {
  if (!net.has(name)) return []
  const all = net.links.flatMap((l) => l.ends.filter((e) => e.node === name).flatMap((e) => e.port.addresses))
  const of = (f: Family) => all.filter((a) => familyOf(a.address) === f).map((a) => a.address)
  return family === undefined ? [...of(4), ...of(6)] : of(family)
}
