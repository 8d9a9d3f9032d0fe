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
  diamond: `# Equal ways: a gateway that spreads flows, and a trace that sees only its own
seed: 1
nodes:
  me: host
  in: { kind: gateway, behaviours: { ecmp: flow } }
  a: gateway
  b: gateway
  out: gateway
  srv: host
links:
  - [me, in]
  - [in, a, { delay: 4ms }]
  - [in, b, { delay: 9ms }]
  - [a, out]
  - [b, out]
  - [out, srv]
ask:
  - { from: me, to: srv, kind: trace }
  - { from: me, to: srv, kind: trace, at: 2s }
  - { from: me, to: srv, kind: trace, at: 4s }
`,
  mpls: `# A label switched path that a traceroute sees, labels and all (try implicit, opaque, invisible)
seed: 1
nodes: { me: host, pe1: gateway, p1: gateway, p2: gateway, pe2: gateway, srv: host }
links:
  - [me, pe1]
  - [pe1, p1, { delay: 3ms }]
  - [p1, p2, { delay: 8ms }]
  - [p2, pe2, { delay: 3ms }]
  - [pe2, srv]
tunnels:
  - { path: [pe1, p1, p2, pe2], mode: explicit }
  - { path: [pe2, p2, p1, pe1], mode: explicit }
ask:
  - { from: me, to: srv, kind: trace, count: 1 }
`,
  home: `# A home behind NAT, a provider's silent router, and a firewall that swallows ICMP at last
seed: 1
nodes:
  laptop: host
  box: { kind: gateway, behaviours: { nat: { outside: eth1 } } }
  isp: { kind: gateway, behaviours: { silent: time-exceeded } }
  core: gateway
  wall: { kind: gateway, behaviours: { blackHole: icmp } }
  web: { kind: host, udp: [53], tcp: [80] }
links:
  - [laptop, box, { name: wifi, delay: 2ms, jitter: 1ms }]
  - [box, isp, { delay: 8ms, rate: 50Mbit, queue: 200 }]
  - [isp, core, { delay: 3ms }]
  - [core, wall]
  - [wall, web]
ask:
  - { from: laptop, to: core, count: 2 }
  - { from: laptop, to: web, count: 2 }
  - { from: laptop, to: web, kind: udp, port: 53, count: 1 }
  - { from: laptop, to: core, kind: trace, at: 3s, count: 1 }
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
