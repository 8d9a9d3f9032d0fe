/**
 * Two Linux hosts with routers in a row between them, each router a Linux kernel or an `icmp gateway`: what the tools of
 * a host say of one must be what they say of the other.
 */
import { start } from './icmp-command.ts'
import { cable, type Host, host, ip } from './testnet.ts'

export interface Line {
  /** 192.0.2.1, 2001:db8:1::1; behind router 1. */
  left: Host
  /** 198.51.100.1, 2001:db8:2::1; behind the last router. */
  right: Host
  routers: Host[]
}

export interface LineOptions {
  routers?: number
  /** Of the last link. */
  mtu?: number
  /** More flags of `icmp gateway`. */
  flags?: readonly string[]
}

/** Link n joins router n-1 and n, 10.0.n.0/24 and 2001:db8:f00n::/64 in between. */
export async function line(kind: 'linux' | 'icmpkit', o: LineOptions = {}): Promise<Line> {
  const count = o.routers ?? 1
  const left = host('ll')
  const right = host('lr')
  const routers = Array.from({ length: count }, () => host('lg'))
  cable(left, routers[0]!, 'eth0', 'west')
  for (let n = 1; n < count; n++) cable(routers[n - 1]!, routers[n]!, 'east', 'west')
  cable(routers.at(-1)!, right, 'east', 'eth0', o.mtu ?? 1500)
  end(left, '192.0.2', '2001:db8:1')
  end(right, '198.51.100', '2001:db8:2')
  const links = (n: number): { west: [string, string]; east: [string, string] } => ({
    west: n === 0 ? ['192.0.2.254', '2001:db8:1::fe'] : [`10.0.${n}.2`, `2001:db8:f00${n}::2`],
    east: n === count - 1 ? ['198.51.100.254', '2001:db8:2::fe'] : [`10.0.${n + 1}.1`, `2001:db8:f00${n + 1}::1`],
  })
  for (const [n, r] of routers.entries()) {
    const { west, east } = links(n)
    const toRight = n < count - 1 ? [`10.0.${n + 1}.2`, `2001:db8:f00${n + 1}::2`] : undefined
    const toLeft = n > 0 ? [`10.0.${n}.1`, `2001:db8:f00${n}::1`] : undefined
    const routes: [string, string][] = []
    if (toRight !== undefined) routes.push(['198.51.100.0/24', toRight[0]!], ['2001:db8:2::/64', toRight[1]!])
    if (toLeft !== undefined) routes.push(['192.0.2.0/24', toLeft[0]!], ['2001:db8:1::/64', toLeft[1]!])
    if (kind === 'linux') {
      r.sysctl('ipv4.ip_forward', 1)
      r.sysctl('ipv6.conf.all.forwarding', 1)
      r.sysctl('ipv4.icmp_ratemask', 0)
      r.sysctl('ipv6.icmp.ratelimit', 0)
      for (const [link, [a4, a6], fe80] of [
        ['west', west, 'fe80::2/64'],
        ['east', east, 'fe80::1/64'],
      ] as const) {
        for (const prefix of [`${a4}/24`, `${a6}/64`, fe80]) r.address(link, prefix)
      }
      for (const [prefix, gateway] of routes) route(r, prefix, gateway)
    } else {
      const flags = [
        'gateway',
        '--port',
        `west=${west[0]}/24,${west[1]}/64`,
        '--port',
        `east=${east[0]}/24,${east[1]}/64`,
        ...routes.flatMap(([prefix, gateway]) => ['--route', `${prefix}=${gateway}`]),
        ...['--conflict-check', 'fast', '--json'],
        // As the kernel beside it: every packet that asks for an error gets one.
        ...['--set', 'ip4.errorLimit.rate=10000', '--set', 'ip4.errorLimit.burst=10000'],
        ...['--set', 'ip6.errorLimit.rate=10000', '--set', 'ip6.errorLimit.burst=10000'],
        ...(o.flags ?? []),
      ]
      await start(r, flags).until(/"kind":"ready"/)
    }
  }
  return { left, right, routers }
}

function end(h: Host, four: string, six: string): void {
  for (const prefix of [`${four}.1/24`, `${six}::1/64`, 'fe80::ff/64']) h.address('eth0', prefix)
  route(h, '0.0.0.0/0', `${four}.254`)
  route(h, '::/0', `${six}::fe`)
  h.sysctl('ipv4.icmp_ratemask', 0)
  h.sysctl('ipv6.icmp.ratelimit', 0)
}

function route(h: Host, prefix: string, gateway: string): void {
  const [dst, length] = prefix.split('/')
  h.netlink.addRoute({ dst: ip(dst!), prefixLength: Number(length), gateway: ip(gateway) })
}
