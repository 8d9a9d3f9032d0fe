/**
 * Three kernels in a row: the client, a router with a narrow link behind it, and the server.
 *
 *   client 10.66.1.1 fd66:1::1 fe80::1 ── router 10.66.1.2 fd66:1::2 fe80::2 │ 10.66.2.2 fd66:2::2 ── server 10.66.2.1 fd66:2::1
 *
 * The far link has an MTU of 1300. 10.66.9.0/24 and fd66:9::/64 are unreachable, says the router.
 */
import { cable, type Host, ip, makeHost, withoutLimits } from './testnet.ts'

export interface ThreeHosts extends Disposable {
  readonly client: Host
  readonly router: Host
  readonly server: Host
}

export const SERVER = { 4: '10.66.2.1', 6: 'fd66:2::1' } as const
export const ROUTER = { 4: '10.66.1.2', 6: 'fd66:1::2' } as const
export const CLIENT = { 4: '10.66.1.1', 6: 'fd66:1::1' } as const
export const UNREACHABLE = { 4: '10.66.9.9', 6: 'fd66:9::9' } as const
export const NARROW_MTU = 1300

export function threeHosts(): ThreeHosts {
  const hosts: Host[] = []
  const remove = () => {
    for (const h of hosts) h.remove()
  }
  try {
    const [client, router, server] = ['client', 'router', 'server'].map((label) => {
      const h = makeHost(label)
      hosts.push(h)
      h.sysctl('ipv4.ping_group_range', '0 2147483647')
      withoutLimits(h)
      return h
    }) as [Host, Host, Host]
    cable(client, router, 'near', 'near')
    cable(router, server, 'far', 'far', NARROW_MTU)
    client.address('near', '10.66.1.1/24')
    client.address('near', 'fd66:1::1/64')
    client.address('near', 'fe80::1/64')
    router.address('near', '10.66.1.2/24')
    router.address('near', 'fd66:1::2/64')
    router.address('near', 'fe80::2/64')
    router.address('far', '10.66.2.2/24')
    router.address('far', 'fd66:2::2/64')
    // A router asks for its neighbours from a link-local address or not at all.
    router.address('far', 'fe80::3/64')
    // And the server answers it from one.
    server.address('far', 'fe80::4/64')
    server.address('far', '10.66.2.1/24')
    server.address('far', 'fd66:2::1/64')
    router.sysctl('ipv4.ip_forward', 1)
    router.sysctl('ipv6.conf.all.forwarding', 1)
    router.netlink.addRoute({ dst: ip('10.66.9.0'), prefixLength: 24, type: 'unreachable' })
    router.netlink.addRoute({ dst: ip('fd66:9::'), prefixLength: 64, type: 'unreachable' })
    for (const [h, out, via4, via6] of [
      [client, 'near', '10.66.1.2', 'fd66:1::2'],
      [server, 'far', '10.66.2.2', 'fd66:2::2'],
    ] as const) {
      const oif = h.netlink.index(out)
      h.netlink.addRoute({ dst: ip('0.0.0.0'), prefixLength: 0, gateway: ip(via4), oif })
      h.netlink.addRoute({ dst: ip('::'), prefixLength: 0, gateway: ip(via6), oif })
    }
    return { client, router, server, [Symbol.dispose]: remove }
  } catch (e) {
    remove()
    throw e
  }
}
