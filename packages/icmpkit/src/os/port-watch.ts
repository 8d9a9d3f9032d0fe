/**
 * What happens to the interfaces of ports while they run, for the runner to tell its node: carrier lost and back, MTU and
 * MAC changed, the interface removed and another made under its name.
 */

import type { Link } from './link-message.ts'
import { inNamespace } from './namespace.ts'
import { type Netlink, type NetworkWatch, openNetlink, watchNetwork } from './netlink.ts'
import type { PortFacts } from './port-door.ts'

/** How one port is now. The first of each port is how it is when the watch begins. */
export interface PortChange {
  /** Which of those that are watched. */
  port: Watchable
  name: string
  /** Of the interface that has the name now: another than the port's where it was made anew, 0 where there is none. */
  index: number
  /** The port's interface is not there any more. Where `index` is not 0 it may be opened again. */
  gone: boolean
  /** Whatever has the name now is administratively up, and has a carrier. */
  up: boolean
  mtu: number
  /** The node's address: of a TAP that is not the interface's, and it does not change. */
  mac: Uint8Array
}

export interface WatchOptions {
  netns?: string | number
  signal?: AbortSignal
}

/** A port that is open, or one that waits for its interface (`index` 0). Read anew at each look, so it may change. */
export type Watchable = Pick<PortFacts, 'kind' | 'index' | 'name' | 'mac'>

/**
 * The changes of `ports` from now on, until the loop is left or the signal aborts. What the kernel had to leave out is
 * read anew, so that the last change of each port is always how it is. @throws OsError
 */
export function watchPorts(ports: readonly Watchable[], options: WatchOptions = {}): PortWatch {
  const open = () => new PortWatch(ports, openNetlink(), watchNetwork(['link'], options.signal))
  return options.netns === undefined ? open() : inNamespace(options.netns, open)
}

/** One reader. */
export class PortWatch implements AsyncIterableIterator<PortChange, void, void>, Disposable {
  readonly #ports: readonly Watchable[]
  readonly #netlink: Netlink
  readonly #watch: NetworkWatch
  /** What was told last, by port. */
  readonly #told: (PortChange | undefined)[] = []
  readonly #queue: PortChange[] = []

  constructor(ports: readonly Watchable[], netlink: Netlink, watch: NetworkWatch) {
    this.#ports = ports
    this.#netlink = netlink
    this.#watch = watch
    this.#look()
  }

  async next(): Promise<IteratorResult<PortChange, void>> {
    for (;;) {
      const value = this.#queue.shift()
      if (value !== undefined) return { done: false, value }
      const { done } = await this.#watch.next()
      if (done) {
        this.#netlink.close()
        return { done: true, value: undefined }
      }
      // Not what the message says, which may be old by now, but what is.
      this.#look()
    }
  }

  async return(): Promise<IteratorResult<PortChange, void>> {
    this.close()
    return { done: true, value: undefined }
  }

  close(): void {
    this.#watch.close()
    this.#netlink.close()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #look(): void {
    for (const [i, port] of this.#ports.entries()) {
      // By its index, which a new name leaves alone; else whatever has the name now.
      const link = (port.index === 0 ? undefined : this.#netlink.link(port.index)) ?? this.#netlink.link(port.name)
      const change = changeOf(port, link)
      const before = this.#told[i]
      if (before !== undefined && same(before, change)) continue
      this.#told[i] = change
      this.#queue.push(change)
    }
  }
}

function changeOf(port: Watchable, link: Link | undefined): PortChange {
  const gone = link === undefined || link.index !== port.index
  return {
    port,
    name: port.name,
    index: link?.index ?? 0,
    gone,
    up: link?.up === true && link.running,
    mtu: link?.mtu ?? 0,
    mac: gone || port.kind !== 'packet' || port.mac.length === 0 ? port.mac : link.address,
  }
}

function same(a: PortChange, b: PortChange): boolean {
  const plain = a.index === b.index && a.gone === b.gone && a.up === b.up && a.mtu === b.mtu
  return plain && Buffer.compare(a.mac, b.mac) === 0
}
