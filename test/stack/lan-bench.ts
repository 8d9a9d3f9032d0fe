/**
 * A host (or gateway) 192.0.2.1/24 on an Ethernet with two gateways, G1 192.0.2.254 and G2 192.0.2.253, whose MAC
 * addresses it knows; its default route leads to G1. For tests of what ICMP changes about where datagrams go.
 */
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Arrival } from '../../packages/icmpkit/src/door.ts'
import type { NodeConfig } from '../../packages/icmpkit/src/stack/index.ts'
import type { UdpSocket } from '../../packages/icmpkit/src/stack/transport/udp-table.ts'
import { hex, unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import { ip4, OneNode, port } from './one-node.ts'
import { quad } from './packet4.ts'

export const NODE = '020000000001'
export const G1 = '0200000000fe'
export const G2 = '0200000000fd'
export const G3 = '0200000000fc'
/** Their addresses. */
export const IP: Readonly<Record<string, string>> = {
  [G1]: '192.0.2.254',
  [G2]: '192.0.2.253',
  [G3]: '192.0.2.252',
}
/** An anycast of all stations. */
export const ALL = 'ffffffffffff'

export class Lan {
  readonly n: OneNode
  readonly socket: UdpSocket

  constructor(config: Partial<NodeConfig> = {}) {
    const via = { prefix: ip4('0.0.0.0'), prefixLength: 0, kind: 'unicast', nextHop: ip4(IP[G1]!), port: 1 } as const
    this.n = new OneNode({
      ports: [port(1, { addresses: ['192.0.2.1/24'] })],
      ...config,
      ip4: { arpProbe: { count: 0, announcements: 0 }, routes: [via], ...config.ip4 },
    })
    for (const mac of [G1, G2, G3]) this.arp(mac)
    this.socket = this.n.node.transport.udp.bind({ family: 4, port: 5000 })
    this.n.taken()
  }

  /** The gateway asks for the node, so that it is known. */
  arp(mac: string): void {
    this.n.give(`${ALL}${mac}0806000108000604 0001${mac}${quad(IP[mac]!)}000000000000${quad('192.0.2.1')}`)
  }

  /** Gives an IPv4 datagram that comes from the station `mac`; what left at once, as hex. */
  give(datagram: Uint8Array, mac: string = G1, how: Partial<Arrival> = {}): string[] {
    const frame = new Uint8Array(14 + datagram.length)
    frame.set(unhex(`${how.link === undefined || how.link === 'host' ? NODE : ALL}${mac}0800`))
    frame.set(datagram, 14)
    return this.n.give(frame, how).map((b) => hex(b))
  }

  /** Sends a UDP datagram of `octets` from port 5000 to port 53 of `dst`; the frames. */
  send(dst: string, octets = 0, how: { df?: boolean; probe?: boolean } = {}): Uint8Array[] {
    this.last = this.socket.send(this.n.now as Instant, new Uint8Array(octets), { address: ip4(dst), port: 53, ...how })
    return this.n.collect()
  }

  /** What the last `send` said. */
  last = ''

  /** The station that a datagram to `dst` goes to; empty where none leaves. */
  via(dst: string): string {
    return this.send(dst)
      .map((b) => hex(b, 0, 6))
      .join()
  }
}
