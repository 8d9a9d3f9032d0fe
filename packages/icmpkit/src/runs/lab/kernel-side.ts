/**
 * The kernel as a node of a lab: a network namespace, an interface for each of the node's links, its addresses and routes.
 * On an Ethernet link that is a TAP with the node's own MAC, so that the kernel itself resolves its neighbours and hears
 * what the segment says; on a link without framing a TUN. All of it ends with the process, killed or not.
 */
import type { Lab, LabNode } from '../../lab/index.ts'
import * as os from '../../os/index.ts'
import type { Port, PortAddress, Route } from '../../stack/index.ts'
import { linkLocalOf } from '../../stack/ip6/addresses.ts'
import { type Ip, isLinkLocal, showIp } from '../../wire/addr.ts'

export interface KernelOptions {
  /** Name of the interface; of further ones the next number. lab0. */
  tun?: string
  /** A namespace: made and removed where there is none of that name; one that is there is used as `here` uses its own. */
  netns?: string | number
  /** The namespace of this process: routes to the lab's prefixes, and no others. */
  here?: boolean
}

/** One interface of the kernel's. */
export interface KernelPort {
  lab: Port
  door: os.PortDoor
  addresses: PortAddress[]
}

export interface KernelRoute {
  prefix: Ip
  prefixLength: number
  via: Ip | undefined
  kind: Route<Ip>['kind']
  port: KernelPort | undefined
}

export class KernelSide implements AsyncDisposable {
  /** As `ip netns exec` and `nsenter` know it; undefined: this process's own. */
  readonly netns: string | number | undefined
  /** Nothing else is in there. */
  readonly own: os.OwnNamespace | undefined
  readonly ports: KernelPort[] = []
  readonly routes: KernelRoute[] = []
  readonly cannot: string[] = []

  private constructor(netns: string | number | undefined, own: os.OwnNamespace | undefined) {
    this.netns = netns
    this.own = own
  }

  /** Nothing is left where it fails. @throws OsError that names the right or the route that stands in the way */
  static async open(net: Lab, node: LabNode, o: KernelOptions): Promise<KernelSide> {
    const given = o.here === true ? undefined : o.netns
    // An orphan of that name is nobody's, and not one that was there.
    os.removeOrphanNamespaces()
    const shared = o.here === true || (given !== undefined && exists(given))
    const own = shared ? undefined : os.ownNamespace(given === undefined ? undefined : `${given}`)
    const side = new KernelSide(shared ? given : own!.name, own)
    try {
      await side.#attach(node, o.tun)
      side.#inside(() => side.#configure(net, node))
      own?.nameHosts(hostsOf(net))
      side.cannot.push(...(own?.cannot ?? []))
      return side
    } catch (e) {
      await side[Symbol.asyncDispose]()
      throw e
    }
  }

  /** Carrier or MTU of a link changed. */
  change(door: number, change: { up?: boolean; mtu?: number }): void {
    const port = this.ports.find((p) => p.door.port.index === door)
    if (port === undefined) return
    if (change.up !== undefined) port.door.setCarrier?.(change.up)
    if (change.mtu === undefined) return
    const mtu = mtuOf(port.lab.medium, change.mtu)
    this.#inside(() => {
      using netlink = os.openNetlink()
      netlink.setLink(door, { mtu })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const p of this.ports) await p.door[Symbol.asyncDispose]()
    this.own?.remove()
  }

  async #attach(node: LabNode, name: string | undefined): Promise<void> {
    for (const lab of node.node.ports.values()) {
      const door = await os.openPort({
        kind: lab.medium === 'ip' ? 'tun' : 'tap',
        interface: nameOf(name, this.ports.length),
        mtu: mtuOf(lab.medium, lab.mtu),
        ...(this.netns === undefined ? {} : { netns: this.netns }),
        ...(lab.medium === 'ip' ? {} : { mac: lab.mac }),
      })
      this.ports.push({ lab, door, addresses: [] })
    }
  }

  #configure(net: Lab, node: LabNode): void {
    using netlink = os.openNetlink()
    if (this.own !== undefined) netlink.setLink('lo', { up: true })
    for (const p of this.ports) this.#address(netlink, p)
    for (const r of this.own === undefined ? this.#towards(net, node) : this.#all(node)) this.#route(netlink, r)
    const last = this.ports.flatMap((p) => p.addresses).findLast((a) => typeof a.address === 'bigint')
    if (last !== undefined) netlink.awaitAddress(last.address)
  }

  #address(netlink: os.Netlink, p: KernelPort): void {
    const { lab, door } = p
    const { index } = door.port
    if (lab.medium === 'ethernet') netlink.setLink(index, { address: lab.mac })
    netlink.setLink(index, { addrGenMode: 'none', up: true })
    const wanted = [...lab.addresses]
    if (lab.medium === 'ethernet' && lab.mtu >= MIN_MTU6)
      wanted.unshift({ address: linkLocalOf(lab.mac), prefixLength: 64 })
    for (const a of wanted) {
      if (typeof a.address === 'bigint' && lab.mtu < MIN_MTU6) {
        this.cannot.push(`IPv6 on ${door.port.name}: its MTU is under ${MIN_MTU6}`)
        continue
      }
      netlink.addAddress({ index, ...a, noDad: true })
      p.addresses.push(a)
    }
    if (lab.up === false) door.setCarrier?.(false)
  }

  /** All that the node has. */
  #all(node: LabNode): KernelRoute[] {
    const tables = [...node.node.ip4.routes, ...node.node.ip6.routes] as Route<Ip>[]
    return tables
      .filter((r) => r.origin !== 'connected')
      .map((r) => ({
        prefix: r.prefix,
        prefixLength: r.prefixLength,
        via: r.nextHop,
        kind: r.kind,
        port: this.ports.find((p) => p.lab.index === r.port),
      }))
  }

  /** To the links of the lab, and nothing beside. */
  #towards(net: Lab, node: LabNode): KernelRoute[] {
    const found: KernelRoute[] = []
    const own = this.ports.flatMap((p) => p.addresses)
    const seen = new Set<string>()
    for (const { address, prefixLength } of net.links.flatMap((l) => l.ends.flatMap((e) => e.port.addresses))) {
      const prefix = masked(address, prefixLength)
      const key = `${showIp(prefix)}/${prefixLength}`
      if (isLinkLocal(address) || seen.has(key)) continue
      seen.add(key)
      if (own.some((a) => a.prefixLength === prefixLength && masked(a.address, prefixLength) === prefix)) continue
      const by =
        typeof address === 'bigint' ? node.node.ip6.routes.lookup(address) : node.node.ip4.routes.lookup(address)
      const port = this.ports.find((p) => p.lab.index === by?.port)
      if (by?.kind === 'unicast' && port !== undefined)
        found.push({ prefix, prefixLength, via: by.nextHop, kind: 'unicast', port })
    }
    return found
  }

  #route(netlink: os.Netlink, r: KernelRoute): void {
    if (typeof r.prefix === 'bigint' && r.port !== undefined && r.port.lab.mtu < MIN_MTU6) return
    try {
      netlink.addRoute({
        dst: r.prefix,
        prefixLength: r.prefixLength,
        type: r.kind,
        ...(r.via === undefined ? {} : { gateway: r.via }),
        ...(r.port === undefined ? {} : { oif: r.port.door.port.index }),
      })
    } catch (e) {
      if (!(e instanceof os.OsError) || e.code !== 'EEXIST') throw e
      const cure = `This machine has a route to ${showIp(r.prefix)}/${r.prefixLength} already: give the lab's link other addresses, or a namespace of its own`
      throw new os.OsError(e.errno, e.syscall, e.door, cure)
    }
    this.routes.push(r)
  }

  #inside<T>(work: () => T): T {
    return this.netns === undefined ? work() : os.inNamespace(this.netns, work)
  }
}

function exists(netns: string | number): boolean {
  try {
    os.openNamespace(netns).close()
    return true
  } catch (e) {
    if (e instanceof os.OsError && e.code === 'ENOENT' && /^(?!\d+$)[^/]+$/.test(`${netns}`)) return false
    throw e
  }
}

/** `lab0`, `lab1` …: what the name ends in counts on. */
function nameOf(name: string | undefined, n: number): string {
  if (name === undefined) return 'lab%d'
  if (n === 0) return name
  const [, stem, digits] = /^(.*?)(\d*)$/.exec(name)!
  return `${stem}${Number(digits === '' ? 0 : digits) + n}`
}

/** A frame of the kernel's holds 64 KiB, its header included. */
function mtuOf(medium: Port['medium'], mtu: number): number {
  return Math.min(mtu, medium === 'ip' ? 65_535 : 65_521)
}

function masked(address: Ip, length: number): Ip {
  if (typeof address !== 'bigint') return (length === 0 ? 0 : address & (-1 << (32 - length))) as Ip
  const host = BigInt(128 - length)
  return ((address >> host) << host) as Ip
}

/** Each address, and the node that has it. */
function hostsOf(net: Lab): [string, string][] {
  return net.links.flatMap((l) =>
    l.ends.flatMap((e) => e.port.addresses.map((a): [string, string] => [showIp(a.address), e.node])),
  )
}

/** RFC 8200 §5. */
const MIN_MTU6 = 1280
