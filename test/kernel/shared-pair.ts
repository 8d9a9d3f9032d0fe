/** Two hosts for all tests of a file: what a test changes in them, it changes back. */
import { afterAll, beforeAll, beforeEach } from 'vitest'
import { cable, type Host, makeHost, needsRoot } from './testnet.ts'

/**
 * `a` 192.0.2.1 2001:db8::1 fe80::1 and `b` with .2 and ::2, joined by `eth0`; `b` is 192.0.2.3 and 2001:db8::3
 * as well, `a` 192.0.2.10 and 2001:db8::10.
 * Both let every group open ping sockets, answer broadcasts, and send as many errors as there is cause for. Skips each
 * test where it cannot be made.
 */
export function sharedPair(): { readonly a: Host; readonly b: Host } {
  const hosts: Host[] = []
  beforeAll(() => {
    if (process.getuid?.() !== 0) return
    for (const label of ['a', 'b']) hosts.push(makeHost(label))
    const [a, b] = hosts as [Host, Host]
    cable(a, b)
    for (const [i, h] of hosts.entries()) {
      for (const prefix of [`192.0.2.${i + 1}/24`, `2001:db8::${i + 1}/64`, `fe80::${i + 1}/64`])
        h.address('eth0', prefix)
      h.sysctl('ipv4.ping_group_range', '0 2147483647')
      h.sysctl('ipv4.icmp_echo_ignore_broadcasts', 0)
      h.sysctl('ipv4.icmp_ratemask', 0)
      h.sysctl('ipv6.icmp.ratelimit', 0)
    }
    b.address('eth0', '192.0.2.3/24')
    b.address('eth0', '2001:db8::3/64')
    a.address('eth0', '192.0.2.10/24')
    a.address('eth0', '2001:db8::10/64')
  })
  afterAll(() => {
    for (const h of hosts) h.remove()
  })
  beforeEach((ctx) => needsRoot(ctx))
  return {
    get a() {
      return hosts[0]!
    },
    get b() {
      return hosts[1]!
    },
  }
}
