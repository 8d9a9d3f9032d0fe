/**
 * Networks to test in: namespaces joined by veth pairs, made through our own netlink client, without a child process.
 * Names carry the process id, so that runs side by side do not meet; all is removed when the test ends, failed or not.
 */
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { onTestFinished, type TestContext } from 'vitest'
import type { NewAddress } from '../../packages/icmpkit/src/os/address-message.ts'
import {
  addNamespace,
  inNamespace,
  type Namespace,
  openNamespace,
  removeNamespace,
} from '../../packages/icmpkit/src/os/namespace.ts'
import { type Netlink, openNetlink } from '../../packages/icmpkit/src/os/netlink.ts'
import { type Ip, parseIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'

/** One host of the test network: a namespace of its own. */
export interface Host extends Disposable {
  /** As `ip netns exec NAME` and `--netns NAME` take it. */
  readonly name: string
  readonly namespace: Namespace
  /** Speaks to this host's kernel from anywhere. */
  readonly netlink: Netlink
  /** Runs synchronous code in there. */
  inside<T>(fn: () => T): T
  /** Writes below /proc/sys/net: `sysctl('ipv4.ip_forward', 1)`. */
  sysctl(name: string, value: number | string): void
  /** Gives an interface an address, usable at once: `address('a0', '192.0.2.1/24')`. */
  address(link: string, prefix: string): NewAddress
  remove(): void
}

/** Skips the test with the reason and the cure where namespaces cannot be made. */
export function needsRoot(ctx: Pick<TestContext, 'skip'>): void {
  if (process.getuid?.() !== 0)
    ctx.skip('skipped, because making network namespaces needs root (sudo npm run test:kernel)')
}

/** A host with nothing but a loopback interface, up. Removed when the running test ends. */
export function host(label: string): Host {
  const one = makeHost(label)
  onTestFinished(() => one.remove())
  return one
}

/** The same, for a suite: the caller removes it in `afterAll`. */
export function makeHost(label: string): Host {
  if (made === 0) removeOrphans()
  const name = `ik-${process.pid}-${label}${++made}`
  addNamespace(name)
  let namespace: Namespace | undefined
  try {
    namespace = openNamespace(name)
    const netlink = inNamespace(namespace, openNetlink)
    netlink.setLink('lo', { up: true })
    return new TestHost(name, namespace, netlink)
  } catch (e) {
    namespace?.close()
    removeNamespace(name)
    throw e
  }
}

/** Its kernel says every error that it owes, however many there are. */
export function withoutLimits(h: Host): void {
  // Not icmp_ratelimit=0: that empties the bucket that unreachable routes share with it.
  h.sysctl('ipv4.icmp_ratemask', 0)
  h.sysctl('ipv6.icmp.ratelimit', 0)
  h.sysctl('ipv4.icmp_msgs_per_sec', 1_000_000)
  h.sysctl('ipv4.icmp_msgs_burst', 1_000_000)
}

/**
 * Joins two hosts by a cable. Ends are named after the other side's label unless told, are up with a carrier, have fixed MACs
 * (02:00:00:00:NN:01 and :02, NN counting cables), and make no link-local address of their own.
 */
export function cable(a: Host, b: Host, nameA = 'eth0', nameB = 'eth0', mtu = 1500): void {
  const number = ++cables
  const mac = (end: number) => unhex(`02000000${(number & 0xff).toString(16).padStart(2, '0')}0${end}`)
  a.netlink.addLink({
    type: 'veth',
    name: nameA,
    mtu,
    address: mac(1),
    peer: { name: nameB, mtu, address: mac(2), netns: { fd: b.namespace.fd } },
  })
  a.netlink.setLink(nameA, { addrGenMode: 'none', up: true })
  b.netlink.setLink(nameB, { addrGenMode: 'none', up: true })
  for (const [h, name] of [
    [a, nameA],
    [b, nameB],
  ] as const) {
    awaitUp(h, name)
  }
}

/** Until the kernel has told the queues that there is a carrier: what is sent before is dropped, and asked for a second later. */
function awaitUp(h: Host, name: string): void {
  const end = performance.now() + LONG_MS
  while (performance.now() < end) {
    if (h.netlink.link(name)?.operState === 'up') return
    Atomics.wait(SLEEP, 0, 0, 1)
  }
  throw new Error(`${h.name}: ${name} has no carrier after a minute`)
}

const SLEEP = new Int32Array(new SharedArrayBuffer(4))
/** The kernel does these on threads of its own, in milliseconds or, where others make and remove namespaces, in seconds. */
const LONG_MS = 60_000

/** Two hosts, one cable: 192.0.2.1/24 and .2, 2001:db8::1/64 and ::2 on `eth0`. The commonest test network. */
export function pair(): { a: Host; b: Host } {
  const a = host('a')
  const b = host('b')
  cable(a, b)
  for (const [h, last] of [
    [a, 1],
    [b, 2],
  ] as const) {
    h.address('eth0', `192.0.2.${last}/24`)
    h.address('eth0', `2001:db8::${last}/64`)
  }
  return { a, b }
}

/** The address of text; a test's own mistake throws. */
export function ip(text: string): Ip {
  const address = parseIp(text)
  if (address === undefined) throw new TypeError(`${text} is not an address`)
  return address
}

/** What a killed run left behind: namespaces that carry the id of a process that is gone. */
function removeOrphans(): void {
  const names = existsSync(RUN) ? readdirSync(RUN) : []
  for (const name of names) {
    const pid = /^ik-(\d+)-/.exec(name)?.[1]
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue
    try {
      removeNamespace(name)
    } catch {
      // Another test process was faster; what really cannot be removed shows in `ip netns list`.
    }
  }
}

class TestHost implements Host {
  readonly name: string
  readonly namespace: Namespace
  readonly netlink: Netlink
  #removed = false

  constructor(name: string, namespace: Namespace, netlink: Netlink) {
    this.name = name
    this.namespace = namespace
    this.netlink = netlink
  }

  inside<T>(fn: () => T): T {
    return inNamespace(this.namespace, fn)
  }

  sysctl(name: string, value: number | string): void {
    this.inside(() => writeFileSync(`/proc/sys/net/${name.replaceAll('.', '/')}`, `${value}`))
  }

  address(link: string, prefix: string): NewAddress {
    const [text, length] = prefix.split('/')
    const index = this.netlink.index(link)
    const a: NewAddress = { index, address: ip(text!), prefixLength: Number(length), noDad: true }
    this.netlink.addAddress(a)
    if (!this.netlink.awaitAddress(a.address, LONG_MS)) throw new Error(`${this.name}: ${prefix} does not come up`)
    return a
  }

  remove(): void {
    if (this.#removed) return
    this.#removed = true
    this.netlink.close()
    this.namespace.close()
    removeNamespace(this.name)
  }

  [Symbol.dispose](): void {
    this.remove()
  }
}

const RUN = '/run/netns'
let made = 0
let cables = 0
