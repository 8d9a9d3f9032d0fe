/**
 * Extension objects that a node puts behind the quote of its errors, both families (RFC 4884): the label stack that the
 * datagram came with (RFC 4950), what is to be told of the interfaces it met (RFC 5837), and the one it came in by in
 * the form of RFC 8335 §2.1. Everything but the first two of `ERROR_EXTENSION_DEFAULTS` is off: it is disclosure.
 */
import type { Instant } from '../clock.ts'
import { type Ip, type Ip6, isLinkLocal, readIp4, readIp6 } from '../wire/addr.ts'
import { type ExtensionObject, type Extensions, repeatsRole } from '../wire/extension.ts'
import { Afi } from '../wire/interface-identification.ts'
import { type InterfaceInformation, Role } from '../wire/interface-information.ts'
import * as mpls from '../wire/mpls.ts'
import { isIn, type Prefix } from './filter.ts'
import type { Inbound } from './inbound.ts'
import type { Node } from './node.ts'
import type { Port } from './port.ts'

/** What an Interface Information object tells of an interface. */
export type InterfaceItem = 'index' | 'address' | 'name' | 'mtu'

export interface ErrorExtensionSettings {
  /** The label stack goes into unreachable and time exceeded (RFC 4950 §5). Default: yes; only a port with `mpls` has any. */
  mpls: boolean
  /**
   * What is told of a port without an address of the family, where a datagram came in by it: its error's source cannot
   * name it (RFC 5837 §4). Default: index and name.
   */
  unnumbered: readonly InterfaceItem[]
  /** The same of every port where a datagram came in. Default: nothing. */
  incoming: readonly InterfaceItem[]
  /** Of the port that it would have left by. Default: nothing. */
  outgoing: readonly InterfaceItem[]
  /** The address of the next hop. Default: no. */
  nextHop: boolean
  /** The port where it came in, as an Interface Identification object (RFC 8335 §2.1). Default: no. */
  identification: 'name' | 'index' | 'address' | undefined
  /** Only errors to these bear any object (RFC 4950 §6, RFC 5837 §6). Default: all. */
  recipients: readonly Prefix[] | undefined
  /** The last word on each object. Default: yes. */
  permits: ((object: ExtensionObject, recipient: Ip) => boolean) | undefined
}

export const ERROR_EXTENSION_DEFAULTS: ErrorExtensionSettings = {
  mpls: true,
  unnumbered: ['index', 'name'],
  incoming: [],
  outgoing: [],
  nextHop: false,
  identification: undefined,
  recipients: undefined,
  permits: undefined,
}

export class ErrorExtension {
  readonly #node: Node
  readonly #settings: ErrorExtensionSettings

  constructor(node: Node, settings: Partial<ErrorExtensionSettings>) {
    this.#node = node
    this.#settings = { ...ERROR_EXTENSION_DEFAULTS, ...settings }
  }

  /** What goes into an error about the datagram at `d.at`, most important first. That it has room for them the errors know. */
  objects(now: Instant, d: Inbound, family: 4 | 6, error: string): readonly ExtensionObject[] {
    const { mpls: labels, unnumbered, incoming, identification, recipients, permits } = this.#settings
    const to = family === 4 ? readIp4(d.bytes, d.at + 12) : readIp6(d.bytes, d.at + 8)
    if (recipients !== undefined && !recipients.some((p) => isIn(to, p))) return NONE
    const objects: ExtensionObject[] = []
    const stack = labels && error !== 'parameterProblem' ? stackOf(d) : undefined
    if (stack !== undefined) objects.push(stack)
    const known = d.waited !== true
    const told = incoming.length > 0 || this.#addressOf(d.port, family) !== undefined ? incoming : unnumbered
    if (known && told.length > 0) objects.push(this.#information(Role.incoming, d.port, family, told))
    this.#addWay(now, d, family, objects)
    const identified =
      identification === undefined || !known ? undefined : this.#identify(d.port, family, identification)
    if (identified !== undefined) objects.push(identified)
    return permits === undefined ? objects : objects.filter((o) => permits(o, to))
  }

  /** Where it would have gone: nothing where there is no way, or it had arrived. */
  #addWay(now: Instant, d: Inbound, family: 4 | 6, objects: ExtensionObject[]): void {
    const { outgoing, nextHop } = this.#settings
    if (outgoing.length === 0 && !nextHop) return
    const { ip4, ip6 } = this.#node
    const dst = family === 4 ? readIp4(d.bytes, d.at + 16) : readIp6(d.bytes, d.at + 24)
    if (typeof dst === 'bigint' ? ip6.isMine(dst, d.port) : ip4.isMine(dst)) return
    const hop = typeof dst === 'bigint' ? ip6.hop(now, dst) : ip4.hop(now, dst)
    if (typeof hop === 'string') return
    if (outgoing.length > 0) objects.push(this.#information(Role.outgoing, hop.port, family, outgoing))
    if (nextHop) objects.push({ ...NOTHING, role: Role.nextHop, address: hop.nextHop })
  }

  #information(role: number, port: Port, family: 4 | 6, items: readonly InterfaceItem[]): InterfaceInformation {
    return {
      ...NOTHING,
      role,
      index: items.includes('index') ? port.index : undefined,
      // RFC 5837 §4.5: of the family of the datagram, or none.
      address: items.includes('address') ? this.#addressOf(port, family) : undefined,
      name: items.includes('name') ? port.name : undefined,
      mtu: items.includes('mtu') ? port.mtu : undefined,
    }
  }

  #identify(port: Port, family: 4 | 6, by: 'name' | 'index' | 'address'): ExtensionObject | undefined {
    if (by === 'name') return { kind: 'interfaceByName', name: port.name }
    if (by === 'index') return { kind: 'interfaceByIndex', index: port.index }
    const address = this.#addressOf(port, family)
    if (address !== undefined) return { kind: 'interfaceByAddress', afi: family === 4 ? Afi.ip4 : Afi.ip6, address }
    return port.mac.length === 6 ? { kind: 'interfaceByAddress', afi: Afi.mac48, address: port.mac } : undefined
  }

  /** Of IPv6 rather one that means something beyond the link. */
  #addressOf(port: Port, family: 4 | 6): Ip | undefined {
    if (family === 4) return this.#node.ip4.addresses.of(port).find((a) => a.state === 'ready')?.address
    const usable = this.#node.ip6.addresses
      .of(port)
      .filter((a) => a.state === 'preferred' || a.state === 'deprecated')
      .map((a): Ip6 => a.address)
    return usable.find((a) => !isLinkLocal(a)) ?? usable[0]
  }
}

/** A message that came in has two interfaces in one role: it is dropped as a whole, without a word (RFC 5837 §4.5). */
export function repeatsInterface(extensions: Extensions | undefined): boolean {
  return extensions !== undefined && extensions.checksum !== 'bad' && repeatsRole(extensions)
}

/** The label stack in front of the IP header, as it arrived (RFC 4950 §5). */
function stackOf(d: Inbound): ExtensionObject | undefined {
  if (d.labels === undefined || d.labels < 0) return undefined
  const stack = mpls.parse(d.bytes, d.labels, d.at)
  return stack.kind === 'mpls' ? stack : undefined
}

const NONE: readonly ExtensionObject[] = []
const NOTHING: InterfaceInformation = {
  kind: 'interfaceInformation',
  role: Role.incoming,
  index: undefined,
  address: undefined,
  name: undefined,
  mtu: undefined,
  trailing: new Uint8Array(0),
}
