/** What would everybody learn, and when, if the program went offline? In a lab, in virtual time, without privileges. */
import { rehearseOutage } from 'icmpkit'
import { outageObject } from 'icmpkit/wire'

const events = rehearseOutage({
  network: {
    nodes: {
      srv: 'host',
      isp: 'gateway',
      box: { kind: 'gateway', behaviours: { nat: { outside: 'eth0' } } },
      pc: 'host',
      ws: 'host',
    },
    links: [
      ['srv', 'isp', { delay: 4 }],
      ['isp', 'ws', { delay: 1 }],
      ['isp', 'box', { delay: 8 }],
      ['box', 'pc', { delay: 1 }],
    ],
  },
  server: 'srv',
  program: { name: 'shop', protocol: 'udp', port: 5000 },
  workstations: ['ws', 'pc'],
  outage: { at: 10_000, how: 'offline', reason: 'a new disk' },
})

for (const e of events) {
  if (e.kind === 'learned' && e.outage !== undefined)
    console.log(
      `${e.node}: ${e.outage.program} is ${outageObject.stateName(e.outage.state)}, ${e.outage.reason}, after ${e.afterNs / 1e6} ms`,
    )
  if (e.kind === 'summary') console.log(`${e.learned} of ${e.workstations} know`)
}
