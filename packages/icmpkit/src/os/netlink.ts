/**
 * The kernel's links, addresses, routes and neighbours: asked, changed, and watched, over rtnetlink, without a child
 * process. Answers come before the call returns, so that it works inside `inNamespace` too.
 */
import type { Family, Ip } from '../wire/addr.ts'
import {
  type InterfaceAddress,
  type NewAddress,
  readAddress,
  writeAddress,
  writeAddressQuery,
} from './address-message.ts'
import {
  type Link,
  type LinkChange,
  type NewLink,
  readLink,
  writeLinkChange,
  writeLinkQuery,
  writeLinkRemoval,
  writeNewLink,
} from './link-message.ts'
import {
  type Neighbour,
  type NewNeighbour,
  readNeighbour,
  writeNeighbour,
  writeNeighbourQuery,
} from './neighbour-message.ts'
import { type Message, type MessageReader, MessageWriter } from './netlink-message.ts'
import { NetlinkSocket, Protocol } from './netlink-socket.ts'
import { Errno, OsError } from './os-error.ts'
import {
  type NewRoute,
  type Route,
  type RouteFilter,
  type RouteQuestion,
  readRoute,
  writeRoute,
  writeRouteQuery,
  writeRouteQuestion,
} from './route-message.ts'
import { Group, Rtm } from './rtnetlink.ts'
import { waker } from './waker.ts'

/** The kernel's answer where it would not send: no route, or one that says no. An answer, not an error. */
export interface NoRoute {
  kind: 'no-route'
  why: 'no-route' | 'unreachable' | 'prohibit' | 'blackhole'
}

/** One change; `lost` says that the kernel had to drop some: read the tables anew. */
export type Change =
  | { kind: 'lost' }
  | { kind: 'changed' | 'removed'; what: Link | InterfaceAddress | Route | Neighbour }

export type Watched = 'link' | 'address' | 'route' | 'neighbour'

/** An open question-and-answer socket to this thread's network namespace. @throws OsError */
export function openNetlink(): Netlink {
  return new Netlink(new NetlinkSocket(Protocol.route))
}

/** Speaks to the kernel of the namespace in which it was opened, from wherever. Each call may throw an OsError. */
export class Netlink implements Disposable {
  readonly #socket: NetlinkSocket
  readonly #writer = new MessageWriter()

  constructor(socket: NetlinkSocket) {
    this.#socket = socket
  }

  links(): Link[] {
    return this.#list(writeLinkQuery(this.#writer, undefined), 'RTM_GETLINK', readLink)
  }

  /** undefined where there is no such interface. */
  link(which: number | string): Link | undefined {
    if (typeof which === 'string' && !isInterfaceName(which)) return undefined
    const query = writeLinkQuery(this.#writer, typeof which === 'number' ? { index: which } : { name: which })
    return this.#maybe(query, 'RTM_GETLINK', readLink, Errno.ENODEV)
  }

  /** @throws OsError ENODEV where there is no such interface */
  index(name: string): number {
    const link = this.link(name)
    if (link === undefined) throw new OsError(Errno.ENODEV, 'RTM_GETLINK', 'netlink', `There is no interface ${name}`)
    return link.index
  }

  name(index: number): string | undefined {
    return this.link(index)?.name
  }

  addLink(link: NewLink): void {
    for (const { name } of link.type === 'veth' ? [link, link.peer] : [link]) {
      if (!isInterfaceName(name)) throw new RangeError(`${JSON.stringify(name)} cannot name an interface`)
    }
    this.#socket.request(writeNewLink(this.#writer, link), `RTM_NEWLINK ${link.name}`)
  }

  setLink(which: number | string, change: LinkChange): void {
    const index = typeof which === 'number' ? which : this.index(which)
    const set = (c: LinkChange) => this.#socket.request(writeLinkChange(this.#writer, index, c), `RTM_NEWLINK ${which}`)
    // In one message the kernel brings the link up first, and it makes its address before it hears that it must not.
    const { addrGenMode, ...rest } = change
    if (addrGenMode !== undefined) set({ addrGenMode })
    if (addrGenMode === undefined || Object.keys(rest).length > 0) set(rest)
  }

  removeLink(which: number | string): void {
    const index = typeof which === 'number' ? which : this.index(which)
    this.#socket.request(writeLinkRemoval(this.#writer, index), `RTM_DELLINK ${which}`)
  }

  /** Of one interface, or of all. */
  addresses(index = 0, family?: Family): InterfaceAddress[] {
    return this.#list(writeAddressQuery(this.#writer, index, family), 'RTM_GETADDR', readAddress).filter(
      (a) => index === 0 || a.index === index,
    )
  }

  /** An IPv6 address works a moment later, even without duplicate detection: see `awaitAddress`. */
  addAddress(a: NewAddress): void {
    this.#socket.request(writeAddress(this.#writer, 'add', a), 'RTM_NEWADDR')
  }

  /**
   * Blocks until an address just added works, at most `limit` ms; false where it does not by then. The kernel joins the
   * solicited-node group and makes the local route on a thread of its own: a packet that comes before is not for us.
   */
  awaitAddress(address: Ip, limit = 1000): boolean {
    for (let i = 0; i <= limit; i++) {
      const route = this.route({ dst: address })
      if (route.kind === 'route' && route.type === 'local') return true
      Atomics.wait(SLEEP, 0, 0, 1)
    }
    return false
  }

  removeAddress(a: NewAddress): void {
    this.#socket.request(writeAddress(this.#writer, 'remove', a), 'RTM_DELADDR')
  }

  /** All routes but the learnt exceptions; the kernel filters. */
  routes(filter: RouteFilter = {}): Route[] {
    try {
      return this.#list(writeRouteQuery(this.#writer, filter), 'RTM_GETROUTE', readRoute).filter((r) => fits(r, filter))
    } catch (e) {
      // A table that nobody has put a route into.
      if (e instanceof OsError && e.errno === Errno.ENOENT) return []
      throw e
    }
  }

  /** The way that a packet would take now, or why it would not leave. */
  route(q: RouteQuestion): Route | NoRoute {
    const found: Route[] = []
    try {
      this.#socket.request(writeRouteQuestion(this.#writer, q), 'RTM_GETROUTE', (r, m) => {
        const route = readRoute(r, m)
        if (route !== undefined) found.push(route)
      })
    } catch (e) {
      const why = e instanceof OsError ? refusals.get(e.errno) : undefined
      // EINVAL is the answer of a blackhole, and of a question that the kernel did not understand: that one has words.
      if (why === undefined || (e as OsError).cure !== '') throw e
      return { kind: 'no-route', why }
    }
    const [route] = found
    if (route === undefined) return { kind: 'no-route', why: 'no-route' }
    // IPv6 answers with the route that says no, where IPv4 answers with its errno.
    switch (route.type) {
      case 'unreachable':
      case 'prohibit':
      case 'blackhole':
        return { kind: 'no-route', why: route.type }
    }
    return route
  }

  addRoute(route: NewRoute): void {
    this.#socket.request(writeRoute(this.#writer, 'add', route), 'RTM_NEWROUTE')
  }

  removeRoute(route: NewRoute): void {
    this.#socket.request(writeRoute(this.#writer, 'remove', route), 'RTM_DELROUTE')
  }

  /** Of one interface, or of all. */
  neighbours(index = 0, family?: Family): Neighbour[] {
    return this.#list(writeNeighbourQuery(this.#writer, { index, family }), 'RTM_GETNEIGH', readNeighbour).filter(
      (n) => index === 0 || n.index === index,
    )
  }

  neighbour(index: number, address: Ip): Neighbour | undefined {
    const query = writeNeighbourQuery(this.#writer, { index, address })
    return this.#maybe(query, 'RTM_GETNEIGH', readNeighbour, Errno.ENOENT)
  }

  /** Adds, or overwrites. */
  addNeighbour(n: NewNeighbour): void {
    this.#socket.request(writeNeighbour(this.#writer, 'add', n), 'RTM_NEWNEIGH')
  }

  removeNeighbour(n: NewNeighbour): void {
    this.#socket.request(writeNeighbour(this.#writer, 'remove', n), 'RTM_DELNEIGH')
  }

  close(): void {
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #list<T>(w: MessageWriter, name: string, read: (r: MessageReader, m: Message) => T | undefined): T[] {
    let list: T[] = []
    this.#socket.request(
      w,
      name,
      (r, m) => {
        const one = read(r, m)
        if (one !== undefined) list.push(one)
      },
      () => {
        list = []
      },
    )
    return list
  }

  #maybe<T>(
    w: MessageWriter,
    name: string,
    read: (r: MessageReader, m: Message) => T | undefined,
    absent: number,
  ): T | undefined {
    try {
      return this.#list(w, name, read)[0]
    } catch (e) {
      if (e instanceof OsError && e.errno === absent) return undefined
      throw e
    }
  }
}

/**
 * Changes of this thread's namespace from now on, until the loop is left or `signal` aborts. The kernel's buffer is the
 * only queue: a reader that is too slow gets `lost`. @throws OsError
 */
export function watchNetwork(what: readonly Watched[], signal?: AbortSignal): NetworkWatch {
  const socket = new NetlinkSocket(Protocol.route)
  try {
    for (const w of what) for (const group of GROUPS[w]) socket.join(group)
  } catch (e) {
    socket.close()
    throw e
  }
  return new NetworkWatch(socket, signal)
}

/** One reader. Closed by leaving the loop, by its signal, or by hand. */
export class NetworkWatch implements AsyncIterableIterator<Change, void, void>, Disposable {
  readonly #socket: NetlinkSocket
  readonly #signal: AbortSignal | undefined
  #read: Change[] = []
  #open = true

  constructor(socket: NetlinkSocket, signal: AbortSignal | undefined) {
    this.#socket = socket
    this.#signal = signal
    signal?.addEventListener('abort', this.#close, { once: true })
    if (signal?.aborted) this.close()
  }

  async next(): Promise<IteratorResult<Change, void>> {
    while (this.#open) {
      const value = this.#read.shift()
      if (value !== undefined) return { done: false, value }
      const got = this.#socket.receive()
      if (got > 0) this.#read = changesIn(this.#socket.reader, got)
      // Closing the socket ends the wait too.
      else if (got === 0) await waker().wait([this.#socket], false, Number.POSITIVE_INFINITY).done
      else if (got === -Errno.ENOBUFS || got === -Errno.EMSGSIZE) return { done: false, value: { kind: 'lost' } }
      else throw new OsError(-got, 'recvfrom', 'netlink')
    }
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Change, void>> {
    this.close()
    return { done: true, value: undefined }
  }

  close(): void {
    this.#close()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  [Symbol.dispose](): void {
    this.close()
  }

  readonly #close = (): void => {
    this.#open = false
    this.#signal?.removeEventListener('abort', this.#close)
    this.#socket.close()
  }
}

/** Nobody wakes it: a sleep of a millisecond on this thread. */
const SLEEP = new Int32Array(new SharedArrayBuffer(4))

function changesIn(r: MessageReader, end: number): Change[] {
  const changes: Change[] = []
  for (const m of r.messages(0, end)) {
    const change = readChange(r, m)
    if (change !== undefined) changes.push(change)
  }
  return changes
}

function readChange(r: MessageReader, m: Message): Change | undefined {
  const read = READERS.get(m.type & ~3)
  const what = read?.(r, m)
  return what && { kind: (m.type & 3) === 1 ? 'removed' : 'changed', what }
}

/** Route message types come in fours: new, del, get, set. */
const READERS = new Map<
  number,
  (r: MessageReader, m: Message) => Link | InterfaceAddress | Route | Neighbour | undefined
>([
  [Rtm.newLink, readLink],
  [Rtm.newAddress, readAddress],
  [Rtm.newRoute, readRoute],
  [Rtm.newNeighbour, readNeighbour],
])

const GROUPS: Record<Watched, readonly number[]> = {
  link: [Group.link],
  address: [Group.address4, Group.address6],
  route: [Group.route4, Group.route6],
  neighbour: [Group.neighbour],
}

/** What IPv4 says of routes that lead nowhere (fib_props in the kernel). */
const refusals = new Map<number, NoRoute['why']>([
  [Errno.ENETUNREACH, 'no-route'],
  [Errno.EHOSTUNREACH, 'unreachable'],
  [Errno.EACCES, 'prohibit'],
  [Errno.EINVAL, 'blackhole'],
])

function fits(r: Route, f: RouteFilter): boolean {
  return (
    (f.family === undefined || r.family === f.family) &&
    (f.table === undefined || r.table === f.table) &&
    (f.oif === undefined || r.oif === f.oif || r.nextHops.some((h) => h.oif === f.oif)) &&
    (f.type === undefined || r.type === f.type)
  )
}

/** What the kernel takes for a name: 1 to 15 octets, no slash, colon or blank, neither `.` nor `..`. */
export function isInterfaceName(name: string): boolean {
  return Buffer.byteLength(name) < 16 && /^[^\s/:\u0000-\u001f\u007f]+$/u.test(name) && name !== '.' && name !== '..'
}
