/** A Linux kernel between two point-to-point links, set up as the stack beside it is: see stimuli.py. */
import { inNamespace } from '../../packages/icmpkit/src/os/namespace.ts'
import { openTun, type Tun } from '../../packages/icmpkit/src/os/tun.ts'
import { type Host, ip, makeHost } from '../kernel/testnet.ts'
import type { Answer } from './answer.ts'
import { ADDRESSES, MTU, REFUSED } from './ours.ts'

export class Linux {
  readonly host: Host
  readonly #tuns: { A: Tun; B: Tun }
  readonly #buffer = new Uint8Array(66_000)

  constructor(role: 'host' | 'gateway') {
    this.host = makeHost(role === 'host' ? 'sh' : 'sg')
    const { netlink, namespace } = this.host
    if (role === 'gateway') {
      this.host.sysctl('ipv4.ip_forward', 1)
      this.host.sysctl('ipv6.conf.all.forwarding', 1)
    }
    for (const which of ['all', 'default']) this.host.sysctl(`ipv4.conf.${which}.rp_filter`, 0)
    // One error for each cause: what the limits do is not the question here.
    this.host.sysctl('ipv4.icmp_ratemask', 0)
    this.host.sysctl('ipv4.icmp_msgs_per_sec', 1_000_000)
    this.host.sysctl('ipv4.icmp_msgs_burst', 1_000_000)
    this.host.sysctl('ipv6.icmp.ratelimit', 0)
    const tun = (name: 'A' | 'B') => {
      const t = inNamespace(namespace, () => openTun({ name: `tun${name}` }))
      netlink.setLink(t.name, { addrGenMode: 'none', mtu: MTU[name], up: true })
      for (const a of ADDRESSES[name]) this.host.address(t.name, a)
      return t
    }
    this.#tuns = { A: tun('A'), B: tun('B') }
    for (const [type, prefixes] of Object.entries(REFUSED)) {
      for (const p of prefixes) {
        const [dst, length] = p.split('/')
        netlink.addRoute({ dst: ip(dst!), prefixLength: Number(length), type: type as 'unreachable' })
      }
    }
    // What the kernel says of its own when links come up.
    pause(300)
    this.#read()
  }

  /** Where fewer than `expected` answers are there, it looks again for a while: a busy kernel may put one off. */
  ask(packets: readonly Uint8Array[], expected = 0): Answer[] {
    const answers = this.askQuickly(packets)
    // An answer that took another way through the kernel than the write itself.
    pause(packets.length > 1 || answers.length === 0 ? 5 : 1)
    answers.push(...this.#read())
    for (let i = 0; i < 30 && answers.length < expected; i++) {
      pause(10)
      answers.push(...this.#read())
    }
    return answers
  }

  /** What is there as soon as a packet is written: nearly always all. */
  askQuickly(packets: readonly Uint8Array[]): Answer[] {
    const answers: Answer[] = []
    for (const packet of packets) {
      if (!this.#tuns.A.write(packet)) throw new Error('the TUN is full')
      answers.push(...this.#read())
    }
    return answers
  }

  /** Forgets what redirects and too-big messages have taught it; what is still to come of earlier packets is thrown away. */
  forget(): void {
    this.host.sysctl('ipv4.route.flush', 1)
    this.host.sysctl('ipv6.route.flush', 1)
    pause(5)
    this.#read()
  }

  /** Fragments are given up after a second, and there is room for many; nobody configures it. For many inputs in a row. */
  hurry(): void {
    for (const name of ['ipv4.ipfrag', 'ipv6.ip6frag']) {
      this.host.sysctl(`${name}_high_thresh`, 1 << 28)
      this.host.sysctl(`${name}_time`, 1)
    }
    for (const which of ['all', 'default', 'tunA', 'tunB']) this.host.sysctl(`ipv6.conf.${which}.accept_ra`, 0)
  }

  /** Until its limit for errors of routes, which no switch in a namespace takes off, has room for each neighbour again. */
  rest(): void {
    pause(1100)
    this.#read()
  }

  remove(): void {
    this.#tuns.A.close()
    this.#tuns.B.close()
    this.host.remove()
  }

  #read(): Answer[] {
    const answers: Answer[] = []
    for (const port of ['A', 'B'] as const) {
      for (let n = this.#tuns[port].read(this.#buffer); n > 0; n = this.#tuns[port].read(this.#buffer))
        answers.push({ port, bytes: this.#buffer.slice(0, n) })
    }
    return answers
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}
