/** A host or a gateway on real interfaces: the runner around the stack (stack/node.ts). Doors, link changes, events. */
import { type Instant, showTime } from './clock.ts'
import type { Door, Machine } from './door.ts'
import { check as checkOptions, configOf, type NodeOptions, type NodePort } from './node-options.ts'
import { macText, type NodeEvent, type NodeSummary, type PortReport, report, summarize } from './node-report.ts'
import * as os from './os/index.ts'
import { drive, EventQueue, type Run } from './run.ts'
import { Counters, Node, type StackEvent } from './stack/index.ts'
import { parseIp, showIp } from './wire/addr.ts'
import { parseMac } from './wire/ethernet.ts'

export interface NodeRun extends Run<NodeEvent, NodeSummary> {
  /** The counters so far. */
  snapshot(): NodeSummary
  /** Other routes and switches from now on; the ports stay. @throws TypeError, RangeError, and keeps what was */
  reconfigure(options: NodeOptions): void
  /** Says goodbye on the links, gives the interfaces back; the summary follows. */
  stop(): void
}

/**
 * A host in user space on real interfaces (RFC 1122, RFC 8504): `for await (const e of host({ ports: [{ name: 'eth1',
 * addresses: ['192.0.2.9/24'] }] }))`. Its first event is `ready`; nothing throws for what the network does.
 * @throws TypeError, RangeError on unusable options; `done` and the iterator reject with an OsError where an interface
 * cannot be opened
 */
export function host(options: NodeOptions): NodeRun {
  checkOptions('host', options)
  return new Running('host', options)
}

/** A router in user space (RFC 1812, RFC 4443, RFC 4861 §6.2); otherwise as `host`. */
export function gateway(options: NodeOptions): NodeRun {
  checkOptions('gateway', options)
  return new Running('gateway', options)
}

class Running implements NodeRun {
  readonly done: Promise<NodeSummary>
  readonly #role: 'host' | 'gateway'
  #options: NodeOptions
  readonly #queue = new EventQueue<NodeEvent>()
  readonly #clock = new os.RealClock()
  readonly #ports: OpenedPort[] = []
  /** Ends the drive of this round: a door came or went. */
  #round = new AbortController()
  readonly #over = new AbortController()
  #node: Node | undefined
  /** Events before all addresses are settled. */
  #early: StackEvent[] | undefined = []
  #stopping = false

  constructor(role: 'host' | 'gateway', options: NodeOptions) {
    this.#role = role
    this.#options = options
    options.signal?.addEventListener('abort', () => this.stop(), { once: true })
    this.done = this.#run()
    this.done.catch(() => {})
  }

  get dropped(): number {
    return this.#queue.dropped
  }

  [Symbol.asyncIterator](): AsyncIterator<NodeEvent> {
    return this.#queue.read(() => this.stop())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop()
    await this.done.catch(() => {})
  }

  snapshot(): NodeSummary {
    const time = showTime(this.#clock.wall(this.#clock.now()))
    const overflow = this.#ports.reduce((sum, p) => sum + p.overflow + (p.door?.loss.queueOverflow ?? 0), 0)
    return summarize(this.#node?.counters ?? new Counters(), time, overflow)
  }

  reconfigure(options: NodeOptions): void {
    checkOptions(this.#role, options)
    const names = (o: NodeOptions) => JSON.stringify(o.ports.map((p) => [p.name, p.door, p.vlan, p.mac]))
    if (names(options) !== names(this.#options))
      throw new TypeError(`${this.#role}: the ports cannot change while it runs: start it anew for that`)
    this.#options = options
    const config = configOf(this.#role, options, this.#ports)
    this.#node?.reconfigure(this.#clock.now(), config)
    this.#clock.wake()
  }

  stop(): void {
    if (this.#stopping) return
    this.#stopping = true
    this.#node?.close(this.#clock.now())
    // Last words that find no way out within this time are not waited for.
    setTimeout(() => this.#over.abort(), LAST_WORDS).unref()
    if (this.#node === undefined) this.#over.abort()
    this.#round.abort()
    this.#clock.wake()
  }

  async #run(): Promise<NodeSummary> {
    let failure: unknown
    try {
      for (const p of this.#options.ports) this.#ports.push(await this.#open(p))
      if (!this.#stopping) await this.#drive()
    } catch (e) {
      failure = e
    }
    this.#over.abort()
    const summary = this.snapshot()
    for (const p of this.#ports) await p.door?.[Symbol.asyncDispose]()
    if (failure === undefined) this.#queue.pushLast(summary)
    this.#queue.end(failure)
    if (failure !== undefined) throw failure
    return summary
  }

  async #open(p: NodePort): Promise<OpenedPort> {
    const door = await os.openPort(portSpec(p, this.#options))
    const { index, medium, mac, mtu } = door.port
    return { config: p, index, medium, mac, mtu, door, overflow: 0 }
  }

  async #drive(): Promise<void> {
    const random = randomness()
    const wall = (at: Instant) => this.#clock.wall(at)
    const config = configOf(this.#role, this.#options, this.#ports)
    const node = new Node({ ...config, random, wall })
    this.#node = node
    node.start(this.#clock.now())
    const watching = this.#watch(node)
    while (!this.#over.signal.aborted) {
      this.#round = new AbortController()
      const doors = this.#ports.flatMap((p) => (p.door === undefined ? [] : [new PortOfDoor(p.door, p.index)]))
      const signal = AbortSignal.any([this.#round.signal, this.#over.signal])
      try {
        await drive(node, doors, this.#clock, (e) => this.#told(e), signal)
        await this.#lost(node)
        if (this.#stopping && node.pollTimeout() === undefined) break
        if (this.#stopping && doors.length === 0) break
      } catch (e) {
        if (!(e instanceof os.OsError) || e.code !== 'ENODEV') throw e
        await this.#lost(node)
      }
    }
    this.#over.abort()
    await watching
  }

  /** An interface is gone: its port is down until one of that name is there again. */
  async #lost(node: Node): Promise<void> {
    using netlink = this.#netlink()
    for (const p of this.#ports) {
      if (p.door === undefined || netlink.link(p.door.port.name)?.index === p.door.port.index) continue
      const door = p.door
      p.overflow += door.loss.queueOverflow
      p.door = undefined
      node.changePort(this.#clock.now(), p.index, { up: false })
      this.#say(p, 'gone')
      await door[Symbol.asyncDispose]()
    }
  }

  /** Changes of the links, and interfaces that come back. */
  async #watch(node: Node): Promise<void> {
    const { netns } = this.#options
    const open = () => os.watchNetwork(['link'], this.#over.signal)
    const watch = netns === undefined ? open() : os.inNamespace(netns, open)
    for await (const change of watch) {
      if (this.#over.signal.aborted) break
      if (change.kind === 'lost') {
        await this.#compare(node)
        continue
      }
      if (change.what.kind !== 'link') continue
      const { name, index } = change.what
      const p = this.#ports.find((o) => (o.door?.port.name ?? o.config.name) === name)
      if (p === undefined) continue
      if (change.kind === 'removed') {
        // The door is closed between two rounds, never under the driver's hands.
        if (p.door?.port.index === index) this.#round.abort()
      } else if (p.door === undefined) await this.#back(node, p)
      else this.#changed(node, p, change.what)
    }
  }

  async #compare(node: Node): Promise<void> {
    using netlink = this.#netlink()
    for (const p of this.#ports) {
      const link = netlink.link(p.door?.port.name ?? p.config.name)
      if (link !== undefined && p.door?.port.index === link.index) this.#changed(node, p, link)
      else if (link !== undefined && p.door === undefined) await this.#back(node, p)
    }
  }

  #changed(node: Node, p: OpenedPort, link: os.Link): void {
    const mtu = p.config.mtu ?? link.mtu
    const own = p.config.mac !== undefined || p.config.door === 'tap' || p.medium === 'ip'
    const mac = own ? p.mac : link.address
    const up = link.up && link.running
    const port = node.ports.get(p.index)!
    if (port.mtu === mtu && port.up === up && Buffer.compare(port.mac, mac) === 0) return
    p.mtu = mtu
    p.mac = mac
    node.changePort(this.#clock.now(), p.index, { up, mtu, mac })
    this.#clock.wake()
  }

  async #back(node: Node, p: OpenedPort): Promise<void> {
    try {
      p.door = await os.openPort(portSpec(p.config, this.#options))
    } catch {
      // Half made: the next change of it tells.
      return
    }
    const { mac, mtu, up } = p.door.port
    p.mac = p.config.mac === undefined ? mac : p.mac
    p.mtu = p.config.mtu ?? mtu
    node.changePort(this.#clock.now(), p.index, { up, mtu: p.mtu, mac: p.mac })
    this.#say(p, 'back')
    this.#round.abort()
  }

  #netlink(): os.Netlink {
    const { netns } = this.#options
    return netns === undefined ? os.openNetlink() : os.inNamespace(netns, os.openNetlink)
  }

  #say(p: OpenedPort, state: 'gone' | 'back'): void {
    const time = showTime(this.#clock.wall(this.#clock.now()))
    this.#queue.push({ kind: 'port', time, port: p.config.name, state, mtu: p.mtu, mac: macText(p.mac) })
  }

  #told(e: StackEvent): void {
    if (this.#early === undefined) this.#queue.push(this.#report(e))
    else {
      this.#early.push(e)
      this.#settle()
    }
  }

  /** `ready`, once each configured address is in use or refused; what was told meanwhile follows. */
  #settle(): void {
    const early = this.#early!
    const told = (kind: StackEvent['kind'], address: string) =>
      early.some((e) => e.kind === kind && 'address' in e && showIp(e.address) === address)
    const waits = (p: NodePort) =>
      p.addresses.map(bare).some((a) => !told('address-ready', a) && !told('address-conflict', a))
    if (this.#options.ports.some(waits)) return
    this.#early = undefined
    const time = showTime(this.#clock.wall(this.#clock.now()))
    this.#queue.push({ kind: 'ready', time, ports: this.#ports.map((p) => this.#portReport(p, early)) })
    for (const e of early) if (e.kind !== 'address-ready' || !this.#configured(e)) this.#queue.push(this.#report(e))
  }

  #portReport(p: OpenedPort, early: readonly StackEvent[]): PortReport {
    const addresses: string[] = []
    const conflicts: PortReport['conflicts'] = []
    for (const e of early) {
      if (e.port !== p.index) continue
      if (e.kind === 'address-ready') addresses.push(`${showIp(e.address)}/${e.prefixLength}`)
      else if (e.kind === 'address-conflict')
        conflicts.push({ address: showIp(e.address), by: macText(e.by) ?? 'somebody' })
    }
    const { door, medium, mac, mtu, config } = p
    const notes = door?.cannot.map((c) => `cannot: ${c}`) ?? []
    return { name: config.name, door: door?.name ?? '', medium, mac: macText(mac), mtu, addresses, conflicts, notes }
  }

  #configured(e: StackEvent & { kind: 'address-ready' }): boolean {
    return this.#options.ports.some((p) => p.addresses.map(bare).includes(showIp(e.address)))
  }

  #report(e: StackEvent): NodeEvent {
    return report(e, this.#clock, (index) => this.#ports.find((p) => p.index === index)?.config.name ?? `${index}`)
  }
}

interface OpenedPort {
  config: NodePort
  /** The stack's name for it: the interface index that it had at first. */
  index: number
  medium: 'ethernet' | 'ip'
  mac: Uint8Array
  mtu: number
  /** undefined while the interface is gone. */
  door: os.PortDoor | undefined
  /** Lost by doors that are closed. */
  overflow: number
}

/** A door under the index that the stack knows its port by: an interface that came back has another. */
class PortOfDoor implements Door {
  readonly #door: os.PortDoor
  readonly #index: number
  readonly #adapter = new Map<object, Machine<unknown>>()

  constructor(door: os.PortDoor, index: number) {
    this.#door = door
    this.#index = index
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
  get fd(): number {
    return (this.#door as unknown as { fd: number }).fd
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

  #machine(m: Machine<unknown>): Machine<unknown> {
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

function portSpec(p: NodePort, o: NodeOptions): os.PortSpec {
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

/** The address of `192.0.2.1/24`, as it is shown. */
function bare(prefix: string): string {
  const address = parseIp(prefix.split('/')[0]!)!
  return showIp(address)
}

/** Chance that nobody outside can guess, 32 bits at a time, from the kernel in pages. */
function randomness(): () => number {
  let page = new DataView(os.secret(4096).buffer)
  let at = 0
  return () => {
    if (at === page.byteLength) {
      page = new DataView(os.secret(4096).buffer)
      at = 0
    }
    at += 4
    return page.getUint32(at - 4) / 2 ** 32
  }
}

/** Longest that last advertisements and leaves may take to get out, ms. */
const LAST_WORDS = 1000
