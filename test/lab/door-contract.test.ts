/** The promises that every door keeps (test/kernel/door-contract.test.ts), kept by the door of a lab. */
import { beforeEach, describe } from 'vitest'
import { type Lab, type LabDoor, lab } from '../../packages/icmpkit/src/lab/index.ts'
import { Asker } from '../kernel/asker.ts'
import { doorPromises } from '../kernel/door-promises.ts'
import { NARROW_MTU, SERVER } from '../kernel/three-hosts.ts'

const UNLIMITED = {
  errorLimit: { rate: Number.POSITIVE_INFINITY, burst: 1 },
  errorLimitPerSource: { rate: Number.POSITIVE_INFINITY, burst: 1 },
}

/** As three-hosts.ts; a route that is `unreachable` is code 6 of ICMPv6 here (RFC 4443 §3.1), no route is code 0 as there. */
function threeHosts(): Lab {
  return lab({
    nodes: {
      client: 'host',
      router: { kind: 'gateway', routes: { '10.66.9.0/24': 'unreachable' }, ip4: UNLIMITED, ip6: UNLIMITED },
      server: 'host',
      lonely: 'host',
    },
    links: [
      [
        'client',
        'router',
        {
          addresses: {
            client: ['10.66.1.1/24', 'fd66:1::1/64', 'fe80::1/64'],
            router: ['10.66.1.2/24', 'fd66:1::2/64', 'fe80::2/64'],
          },
        },
      ],
      [
        'router',
        'server',
        {
          mtu: NARROW_MTU,
          addresses: { router: ['10.66.2.2/24', 'fd66:2::2/64'], server: ['10.66.2.1/24', 'fd66:2::1/64'] },
        },
      ],
    ],
  })
}

describe.each([4, 6] as const)('a door of a lab, IPv%i', (family) => {
  let net: Lab
  // Neighbours are known, as after the first packet: many at once would find the queue for one that is asked for too short.
  beforeEach(async () => {
    net = threeHosts()
    await using door = net.node('client').door()
    await new Asker([{ to: SERVER[family] }], 1).run(door, { clock: net.clock })
  })

  doorPromises(family, {
    get clock() {
      return net.clock
    },
    clocks: ['virtual'],
    open: async () => net.node('client').door(),
    idOf: () => 0x1d1d,
    port: () => [...net.node('client').node.ports.keys()][0]!,
    watch: async () => {
      const door = net.node('server').door()
      net.clock.leave([door])
      return door
    },
    lonely: async () => {
      const door = net.node('lonely').door()
      return { door, [Symbol.asyncDispose]: () => door[Symbol.asyncDispose]() }
    },
    burst: 200,
    lacks: ['own address in a recorded route', 'IPv6 packets that must not be fragmented'],
    settling: (door) => async (packets) => {
      while ((door as LabDoor).waiting < packets) net.run(net.next)
    },
  })
})
