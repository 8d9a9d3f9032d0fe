/**
 * A throw-away router: this machine's kernel in a network namespace without a name, behind a TUN. What we write into the
 * TUN arrives at it as from a cable, what it answers we read back. No child process, and nothing left behind: all of it
 * ends with the descriptors that hold it.
 *
 *   us 192.0.2.2 ── near0 1500 ── router 192.0.2.1 ── far0 1280 ── 203.0.113.0/24, 2001:db8:2::/48
 */
import { writeFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { createNamespace, inNamespace, type Namespace, openNetlink, openTun, type Tun } from 'icmpkit/os'
import { type Family, type Ip, parseIp } from 'icmpkit/wire'

const ip = (text: string): Ip => parseIp(text)!

/** The places of this little world (documentation addresses, RFC 5737 and RFC 3849). */
export const PLACES: Record<Family, { us: Ip; router: Ip; far: Ip; unreachable: Ip; forbidden: Ip }> = {
  4: {
    us: ip('192.0.2.2'),
    router: ip('192.0.2.1'),
    far: ip('203.0.113.9'),
    unreachable: ip('198.51.100.9'),
    forbidden: ip('198.51.100.129'),
  },
  6: {
    us: ip('2001:db8:1::2'),
    router: ip('2001:db8:1::1'),
    far: ip('2001:db8:2::9'),
    unreachable: ip('2001:db8:3::9'),
    forbidden: ip('2001:db8:4::9'),
  },
}

/** Octets that the link behind the router carries. */
export const FAR_MTU = 1280

export class Router implements Disposable {
  readonly #namespace: Namespace
  readonly #near: Tun
  readonly #far: Tun
  /** Why there is no IPv6 here; undefined where there is. */
  readonly noIp6: string | undefined
  readonly #buffer = new Uint8Array(2048)

  constructor(namespace: Namespace, near: Tun, far: Tun, noIp6: string | undefined) {
    this.#namespace = namespace
    this.#near = near
    this.#far = far
    this.noIp6 = noIp6
  }

  /** The kernel's first answer for which `mine` says so, or undefined. The packet is on loan until the next. */
  async exchange(packet: Uint8Array, mine: (answer: Uint8Array) => boolean): Promise<Uint8Array | undefined> {
    if (!this.#near.write(packet)) return undefined
    const until = performance.now() + ANSWER
    do {
      for (let got = this.#near.read(this.#buffer); got > 0; got = this.#near.read(this.#buffer)) {
        const answer = this.#buffer.subarray(0, got)
        if (mine(answer)) return answer
      }
      await delay(2)
    } while (performance.now() < until)
    return undefined
  }

  [Symbol.dispose](): void {
    this.#near.close()
    this.#far.close()
    this.#namespace.close()
  }
}

/** @throws OsError naming the right that is missing, or what the system does not have */
export function openRouter(): Router {
  const namespace = createNamespace()
  try {
    return inNamespace(namespace, () => build(namespace))
  } catch (e) {
    namespace.close()
    throw e
  }
}

function build(namespace: Namespace): Router {
  const near = openTun({ name: 'near0' })
  let far: Tun | undefined
  try {
    far = openTun({ name: 'far0' })
    using netlink = openNetlink()
    netlink.setLink('lo', { up: true })
    netlink.setLink('near0', { addrGenMode: 'none', up: true })
    netlink.setLink('far0', { addrGenMode: 'none', mtu: FAR_MTU, up: true })
    const index = netlink.index('near0')
    const oif = netlink.index('far0')
    set('ipv4/ip_forward', 1)
    // A kernel counts its errors out, one a second to each address; a demonstration wants them all at once. Not by
    // icmp_ratelimit 0: that empties the bucket which Linux's `ip_error` shares, and unreachables no longer come.
    set('ipv4/icmp_ratemask', 0)
    netlink.addAddress({ index, address: PLACES[4].router, prefixLength: 24 })
    netlink.addRoute({ dst: ip('203.0.113.0'), prefixLength: 24, oif })
    netlink.addRoute({ dst: ip('198.51.100.0'), prefixLength: 25, type: 'unreachable' })
    netlink.addRoute({ dst: ip('198.51.100.128'), prefixLength: 25, type: 'prohibit' })
    return new Router(
      namespace,
      near,
      far,
      without6(() => {
        set('ipv6/conf/all/forwarding', 1)
        set('ipv6/icmp/ratelimit', 0)
        netlink.addAddress({ index, address: PLACES[6].router, prefixLength: 64, noDad: true })
        netlink.awaitAddress(PLACES[6].router)
        netlink.addRoute({ dst: ip('2001:db8:2::'), prefixLength: 48, oif })
        netlink.addRoute({ dst: ip('2001:db8:3::'), prefixLength: 48, type: 'unreachable' })
        netlink.addRoute({ dst: ip('2001:db8:4::'), prefixLength: 48, type: 'prohibit' })
      }),
    )
  } catch (e) {
    near.close()
    far?.close()
    throw e
  }
}

function without6(fn: () => void): string | undefined {
  try {
    fn()
    return undefined
  } catch (e) {
    return (e as Error).message
  }
}

function set(name: string, value: number): void {
  writeFileSync(`/proc/sys/net/${name}`, `${value}`)
}

/** The kernel answers inside our write; this is for a machine that is very busy. */
const ANSWER = 500
