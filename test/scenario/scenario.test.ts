/** The scenarios over the lab: in virtual time, nobody's rights needed. Linux kernels are held to the same elsewhere. */
import { describe, expect, test } from 'vitest'
import { lab } from '../../packages/icmpkit/src/lab/index.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { scenarios } from './all.ts'
import { asExpected, Exchange } from './exchange.ts'
import { familyOfPacket, octetsOf } from './packet.ts'
import type { Packet } from './scenario.ts'

for (const scenario of scenarios) {
  describe(`${scenario.name}, lab`, () => {
    const net = lab(scenario.network)
    for (const c of scenario.cases) {
      test(c.name, async () => {
        const packets = Array.isArray(c.send) ? (c.send as Packet[]) : [c.send as Packet]
        const family = familyOfPacket(packets[0]!)
        const [eth0] = net.node('me').node.ports.values()
        const own = eth0!.addresses.find((a) => (typeof a.address === 'bigint') === (family === 6))!
        const exchange = new Exchange(
          packets.map((p) => octetsOf(p, showIp(own.address))),
          c.answers,
          c.wait,
          1,
        )
        await using door = net.node('me').door()
        await drive(exchange, [door], net.clock, () => {})
        expect(exchange.unsent).toEqual([])
        expect(exchange.faults).toEqual([])
        expect(asExpected(exchange, c.answers)).toEqual(c.answers)
      })
    }
  })
}
