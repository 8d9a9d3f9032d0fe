/** Routes as a user writes them: `{ '192.0.2.0/24': '10.0.0.2', '::/0': 'fe80::1%eth0', '198.51.100.0/24': 'prohibit' }`. */
import type { PortConfig } from '../stack/port.ts'
import type { Route } from '../stack/route-table.ts'
import { familyOf, type Ip, type Ip4, type Ip6, parseIp } from '../wire/addr.ts'
import { type NodePlan, parsePrefix } from './topology.ts'

type RoutePort = Pick<PortConfig, 'index' | 'name' | 'addresses'>
type Given<A extends Ip> = Pick<Route<A>, 'prefix' | 'prefixLength' | 'kind' | 'nextHop' | 'port'>

/** @throws TypeError that names the place of what cannot be used */
export function givenRoutes(
  node: Pick<NodePlan, 'name' | 'routes'>,
  ports: readonly RoutePort[],
  place = `lab: nodes.${node.name}.routes`,
): { ip4: Given<Ip4>[]; ip6: Given<Ip6>[] } {
  const given: { ip4: Given<Ip4>[]; ip6: Given<Ip6>[] } = { ip4: [], ip6: [] }
  for (const [text, via] of Object.entries(node.routes ?? {})) {
    const where = `${place}.${text}`
    const { address, prefixLength } = parsePrefix(text, where)
    for (const one of typeof via === 'string' ? [via] : via) {
      const rule = { prefix: address, prefixLength, ...hopOf(one, address, ports, where) }
      if (typeof address === 'bigint') given.ip6.push(rule as Given<Ip6>)
      else given.ip4.push(rule as Given<Ip4>)
    }
  }
  return given
}

function hopOf(
  via: string,
  to: Ip,
  ports: readonly RoutePort[],
  where: string,
): Pick<Given<Ip>, 'kind' | 'nextHop' | 'port'> {
  if (via === 'unreachable' || via === 'prohibit' || via === 'blackhole')
    return { kind: via, nextHop: undefined, port: -1 }
  const [text, zone] = via.split('%')
  const nextHop = text === '' ? undefined : parseIp(text!)
  if (text !== '' && (nextHop === undefined || familyOf(nextHop) !== familyOf(to)))
    throw new TypeError(
      `${where}: '${via}' is no next hop; expected an IPv${familyOf(to)} address on a link of it, a neighbour's name, ` +
        'unreachable, prohibit or blackhole',
    )
  const port = ports.find((p) => (zone === undefined ? nextHop !== undefined && isOn(nextHop, p) : p.name === zone))
  if (port === undefined)
    throw new TypeError(
      `${where}: no port of it leads to '${via}'; expected an address on a link of it, or ADDRESS%eth0`,
    )
  return { kind: 'unicast', nextHop, port: port.index }
}

function isOn(ip: Ip, port: RoutePort): boolean {
  return (port.addresses ?? []).some(({ address, prefixLength }) => {
    if (typeof address === 'bigint' && typeof ip === 'bigint')
      return (address ^ ip) >> BigInt(128 - prefixLength) === 0n
    if (typeof address === 'bigint' || typeof ip === 'bigint') return false
    return prefixLength === 0 || (address ^ ip) >>> (32 - prefixLength) === 0
  })
}
