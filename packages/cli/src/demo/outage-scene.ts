/**
 * The third part of the demonstration: a program goes offline, and each connected workstation is told, in a lab and in
 * virtual time. What is drawn is what happened there: who learned of it and after how long is read from the events.
 */
import { type Learned, type OutageRehearsal, rehearseOutage } from 'icmpkit'
import { type Family, outageObject, registry, showIp } from 'icmpkit/wire'
import type { OutageTold, Show } from './show.ts'

const WORKSTATIONS = ['ws1', 'ws2', 'ws3', 'pc1', 'pc2', 'tv'] as const

/** Where each stands in the picture: what is drawn in front of its name. */
const TREE: Record<(typeof WORKSTATIONS)[number], string> = {
  ws1: 'srv ── r1 ── r2 ─┬─ ',
  ws2: '                 ├─ ',
  ws3: '                 ├─ ',
  pc1: '                 ╰─ nat ─┬─ ',
  pc2: '                         ├─ ',
  tv: '                         ╰─ ',
}

/** Where the wall clock of a lab begins: 2026, seconds since 1970. */
const START = 1_767_225_600

/** Three workstations at r2, a home with three more behind a NAT; the server far away. */
const REHEARSAL: OutageRehearsal = {
  network: {
    seed: 1,
    nodes: {
      srv: 'host',
      r1: 'gateway',
      r2: 'gateway',
      nat: { kind: 'gateway', behaviours: { nat: { outside: 'eth0' } } },
      ws1: 'host',
      ws2: 'host',
      ws3: 'host',
      pc1: 'host',
      pc2: 'host',
      tv: 'host',
    },
    links: [
      ['srv', 'r1', { delay: 1 }],
      ['r1', 'r2', { delay: 5 }],
      ['r2', 'ws1', { delay: 0.5 }],
      ['r2', 'ws2', { delay: 1 }],
      ['r2', 'ws3', { delay: 2 }],
      ['r2', 'nat', { delay: 8 }],
      ['nat', 'pc1', 'pc2', 'tv', { delay: 1 }],
    ],
  },
  server: 'srv',
  program: { name: 'shop', protocol: 'udp', port: 5000 },
  workstations: WORKSTATIONS,
  outage: { at: 60_000, how: 'offline', reason: 'a new database', backAt: START + 3600 },
}

/** Shows the outage in both families, and the same without notices; returns what was counted. */
export function outageScene(show: Show): { workstations: number; told: number } {
  show.part('When a program goes offline: every connected workstation is told')
  show.say('The same is `icmp notify serve` on a server and `icmp listen --notices` on a workstation.')
  const told = ([4, 6] as const).map((family) => happened(family))
  const silent = [...rehearseOutage({ ...REHEARSAL, notices: false })].find((e) => e.kind === 'summary')
  show.scene('shop is taken offline')
  show.outage(WORDS, MEANING, told, silent?.kind === 'summary' ? silent.learned : null)
  const sum = (of: (t: OutageTold) => number) => told.reduce((total, t) => total + of(t), 0)
  return { workstations: sum((t) => t.workstations), told: sum((t) => t.learned.length) }
}

const WORDS =
  'Six workstations hold a UDP socket to the program shop on srv, three of them behind a NAT. They have talked with it a minute ago, and wait.'
const MEANING =
  "Each notice quotes the workstation's own datagram, so its kernel hands the error to that very socket: ECONNREFUSED, at once. Behind the quote stands who, why and until when (RFC 4884), for those that look."

function happened(family: Family): OutageTold {
  const events = [...rehearseOutage({ ...REHEARSAL, family })]
  const outage = events.find((e) => e.kind === 'outage')
  return {
    family,
    workstations: WORKSTATIONS.length,
    sent: outage?.kind === 'outage' ? outage.sent : 0,
    learned: events.filter((e) => e.kind === 'learned').map((e) => learned(e, family)),
  }
}

function learned(e: Learned, family: Family): OutageTold['learned'][number] {
  const { outage } = e
  const seen = outage?.workstation
  return {
    node: e.node,
    drawn: TREE[e.node as keyof typeof TREE] ?? '',
    afterNs: e.afterNs,
    from: e.from,
    type: e.type,
    code: e.code,
    name: registry.lookup(family, e.type, e.code).name,
    program: outage?.program ?? null,
    state: outage === undefined ? null : outageObject.stateName(outage.state),
    reason: outage?.reason ?? null,
    backAt: outage?.backAt ?? null,
    seenAs: seen === undefined ? null : `${showIp(seen.address)} port ${seen.port}`,
  }
}
