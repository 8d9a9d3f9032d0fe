/** The scenarios of test/scenario over Linux kernels: what the lab is held to, they do. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openDoor } from '../../packages/icmpkit/src/os/open-door.ts'
import { RealClock } from '../../packages/icmpkit/src/os/real-clock.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { scenarios } from '../scenario/all.ts'
import { asExpected, Exchange } from '../scenario/exchange.ts'
import { familyOfPacket, octetsOf } from '../scenario/packet.ts'
import type { Packet } from '../scenario/scenario.ts'
import { type ScenarioNet, scenarioNet } from './scenario-net.ts'
import { needsRoot } from './testnet.ts'

for (const scenario of scenarios) {
  describe(`${scenario.name}, Linux`, () => {
    let net: ScenarioNet | undefined
    beforeAll(() => {
      if (process.getuid?.() === 0) net = scenarioNet(scenario)
    })
    afterAll(() => net?.[Symbol.dispose]())
    beforeEach((ctx) => needsRoot(ctx))
    for (const c of scenario.cases) {
      test(c.name, async () => {
        const { me } = net!.hosts
        const packets = Array.isArray(c.send) ? (c.send as Packet[]) : [c.send as Packet]
        const family = familyOfPacket(packets[0]!)
        const own = me!.netlink
          .addresses()
          .find((a) => (typeof a.address === 'bigint') === (family === 6) && a.scope === 'global')
        const answers = c.linux?.answers ?? c.answers
        const octets = packets.map((p) => octetsOf(p, showIp(own!.address)))
        const spec = {
          kind: 'raw-socket',
          family,
          headers: 'ours',
          accept: 'all',
          broadcast: true,
          multicastLoop: false,
        } as const
        const { door } = await openDoor({ ...spec, netns: me!.name })
        await using open = door
        const exchange = new Exchange(octets, answers, c.linuxWait ?? c.wait, me!.netlink.index('eth0'))
        await drive(exchange, [open], new RealClock(), () => {})
        expect(exchange.unsent).toEqual([])
        expect(exchange.faults).toEqual([])
        expect(asExpected(exchange, answers)).toEqual(answers)
      })
    }
  })
}
