/** The examples of `icmp lab new`: each runs as it is. Its first line says what it shows. */
export const TEMPLATES: Readonly<Record<string, string>> = {
  line: `# Three hops, a slow link that loses, and that goes down for a while
seed: 1
nodes: { me: host, r1: gateway, r2: gateway, srv: host }
links:
  - [me, r1]
  - [r1, r2, { delay: 5ms, jitter: 1ms, loss: 1%, mtu: 1400 }]
  - [r2, srv]
at:
  2.5s: { down: [r1, r2] }
  5.5s: { up: [r1, r2] }
ask:
  - { from: me, to: srv, kind: ping, count: 8 }
  - { from: me, to: srv, kind: udp, at: 100ms, count: 1 }
  - { from: me, to: srv, kind: trace, at: 200ms }
`,
  detour: `# Two ways: when the short one fails, packets go round by the long one
seed: 1
nodes: { me: host, west: gateway, east: gateway, north: gateway, srv: host }
links:
  - [me, west]
  - [west, east, { delay: 10ms }]
  - [west, north, { delay: 30ms }]
  - [north, east, { delay: 30ms }]
  - [east, srv]
at:
  2s: { down: [west, east] }
  4s: { up: [west, east] }
ask:
  - { from: me, to: srv, count: 6, at: 500ms }
  - { from: me, to: srv, kind: trace, at: 1s, count: 1 }
  - { from: me, to: srv, kind: trace, at: 3s, count: 1 }
`,
  radio: `# A radio link: bursts of loss, packets that overtake each other, copies, and turned bits
seed: 7
nodes: { me: host, ap: gateway, srv: host }
links:
  - - me
    - ap
    - delay: 3ms
      jitter: 2ms
      burstLoss: { enter: 4%, leave: 40% }
      reorder: 5%
      duplicate: 3%
      corrupt: 2%
      rate: 20Mbit
  - [ap, srv, { delay: 8ms }]
ask:
  - { from: me, to: srv, count: 50, interval: 100ms }
`,
  blackhole: `# A path MTU black hole: what is longer than 1400 octets vanishes, and so do the errors about it
seed: 1
nodes: { me: host, r1: gateway, r2: gateway, srv: host }
links:
  - [me, r1]
  - [r1, r2, { delay: 10ms, blackHole: { above: 1400 } }]
  - [r2, srv]
ask:
  - { from: me, to: srv, count: 2, size: 1300, df: true }
  - { from: me, to: srv, count: 2, size: 1450, df: true, at: 3s }
`,
  office: `# A switched segment with three hosts behind one gateway, both families
seed: 1
nodes: { ann: host, bob: host, printer: host, gw: gateway, srv: host }
links:
  - [ann, bob, printer, gw, { name: lan, delay: 200us }]
  - [gw, srv, { delay: 12ms, rate: 50Mbit, queue: 100 }]
ask:
  - { from: ann, to: printer, count: 2 }
  - { from: bob, to: srv, count: 2, family: 6 }
  - { from: ann, to: srv, kind: trace, at: 1s, count: 1 }
`,
}
