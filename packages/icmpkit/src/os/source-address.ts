/** Which of this machine's addresses a packet would leave with. */
import type { Ip } from '../wire/addr.ts'
import { inNamespace } from './namespace.ts'
import { openNetlink } from './netlink.ts'

/** The kernel's choice towards `dst`, by interface `port` where that is not 0; undefined where there is no route. @throws OsError */
export function sourceTo(dst: Ip, port: number, netns?: string | number): Ip | undefined {
  const ask = () => {
    using netlink = openNetlink()
    const route = netlink.route(port > 0 ? { dst, oif: port } : { dst })
    return route.kind === 'route' ? route.prefSrc : undefined
  }
  return netns === undefined ? ask() : inNamespace(netns, ask)
}
