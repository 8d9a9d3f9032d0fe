/**
 * The second half of the demonstration, which needs no privileges: a lab network in this process, in virtual time. What is
 * drawn is what happened there: where a packet ended and who answered is read from the events of the scenario.
 */
import { type AskData, type ScenarioConfig, type ScenarioEvent, scenario } from 'icmpkit/lab'
import type { Family } from 'icmpkit/wire'
import type { LabTold, Show } from './show.ts'

const PATH = ['me', 'r1', 'r2', 'r3', 'srv'] as const
/** Octets that the link between r2 and r3 carries. */
const NARROW = 1280

/** Network `n` of the path is 10.0.n.0/24 and 2001:db8:0:n::/64. */
const NETWORK: ScenarioConfig = {
  seed: 1,
  nodes: { me: 'host', r1: 'gateway', r2: 'gateway', r3: 'gateway', srv: 'host' },
  links: [
    ['me', 'r1', { delay: 1 }],
    ['r1', 'r2', { delay: 5 }],
    ['r2', 'r3', { delay: 5, mtu: NARROW }],
    ['r3', 'srv', { delay: 1 }],
  ],
}

interface Scene {
  title: string
  /** What is about to happen. */
  words: string
  ask: Omit<AskData, 'from' | 'to' | 'family'>
  there: (family: Family) => string
  /** What the answer means here. */
  meaning: string
  config?: ScenarioConfig
  /** Of the packet that is drawn; the first where that is not said. */
  seq?: number
  /** On the line between two nodes. */
  links?: readonly string[]
}

const SCENES: readonly Scene[] = [
  {
    title: 'A ping crosses three gateways',
    words: 'Each gateway takes one from the TTL of 64 and passes the packet on; the answer comes back the same way.',
    ask: { count: 2 },
    there: () => 'Echo Request',
    meaning: 'The round trip is twice the sum of the delays: 1 + 5 + 5 + 1 ms (and a little for each link).',
    // Of the first, neighbours have to be found.
    seq: 2,
  },
  {
    title: 'A TTL ends',
    words: 'The same with a TTL of 2: r1 makes it 1, r2 makes it 0 and may not pass it on.',
    ask: { count: 1, ttl: 2 },
    there: (family) => `Echo Request, ${family === 4 ? 'TTL' : 'hop limit'} 2`,
    meaning: 'Whoever throws it away says so, and so gives its address: this is all that traceroute needs.',
  },
  {
    title: 'A packet is too big',
    words: `1400 octets that may not be split, and the link behind r2 carries ${NARROW}.`,
    ask: { count: 1, size: 1372, df: true },
    there: () => 'Echo Request, 1400 octets',
    meaning: `The error says what fits, ${NARROW}, and the sender sends smaller ones: path MTU discovery. Who filters this message makes a black hole.`,
    links: ['', '', `${NARROW}`, ''],
  },
  {
    title: 'A port is closed',
    words: 'A UDP datagram arrives at srv, but no program there listens on port 33434.',
    ask: { count: 1, kind: 'udp' },
    there: () => 'UDP to port 33434',
    meaning:
      'The host is up and nobody is at home: to a client that is the difference between an error now and a timeout.',
  },
  {
    title: 'A route disappears',
    words: 'One ping a second. At 1.5 s r2 loses its route to the network of srv; the third ping finds out.',
    ask: { count: 3 },
    there: () => 'Echo Request, the third',
    meaning: 'r2 has nowhere to send it and says so. Everything before r2 still works, which is where to look.',
    seq: 3,
    config: {
      ...NETWORK,
      nodes: {
        ...NETWORK.nodes,
        r2: {
          kind: 'gateway',
          makeRoutes: false,
          routes: {
            '10.0.0.0/24': '10.0.1.1',
            '10.0.3.0/24': '10.0.2.2',
            '2001:db8:0:0::/64': '2001:db8:0:1::1',
            '2001:db8:0:3::/64': '2001:db8:0:2::2',
          },
        },
      },
      at: [{ time: 1500, routes: { r2: { '10.0.3.0/24': 'none', '2001:db8:0:3::/64': 'none' } } }],
    },
    links: ['', '', '✗', ''],
  },
]

/** Shows each scene in both families; returns what was counted. */
export function scenes(show: Show): LabTold {
  show.part('In a lab: a network in this process, in virtual time, without any privileges')
  show.say(`Three gateways between two hosts; the same is \`icmp lab run FILE\` with a network of your own.`)
  const count: LabTold = { sent: 0, replies: 0, errors: 0 }
  for (const scene of SCENES) {
    const told = ([4, 6] as const).map((family) => happened(scene, family))
    for (const t of told) {
      count.sent += t.sent
      count.replies += t.replies
      count.errors += t.errors
    }
    show.scene(scene.title)
    show.journey(
      scene.words,
      scene.meaning,
      told.map((t) => t.journey),
    )
  }
  return count
}

function happened(scene: Scene, family: Family) {
  const ask = { from: 'me', to: 'srv', family, ...scene.ask }
  const events = [...scenario({ ...(scene.config ?? NETWORK), ask: [ask] }, { packets: 'none', states: false })]
  const count = (kind: ScenarioEvent['kind']) => events.filter((e) => e.kind === kind).length
  const seq = scene.seq ?? 1
  const answer = events.find((e) => (e.kind === 'reply' || e.kind === 'error') && e.seq === seq)
  const error = answer?.kind === 'error' ? answer : undefined
  const reply = answer?.kind === 'reply' ? answer : undefined
  const by = (error ?? reply)?.by ?? PATH[0]
  const echoReply = family === 4 ? 0 : 129
  return {
    sent: count('sent'),
    replies: count('reply'),
    errors: count('error'),
    journey: {
      family,
      there: scene.there(family),
      path: PATH,
      links: scene.links ?? ['', '', '', ''],
      place: Math.max(0, (PATH as readonly string[]).indexOf(by)),
      by,
      from: (error ?? reply)?.from ?? null,
      time: answer?.time ?? null,
      type: error?.type ?? (reply === undefined ? null : echoReply),
      code: error?.code ?? (reply === undefined ? null : 0),
      name: error?.name ?? (reply === undefined ? null : 'Echo Reply'),
      mtu: error?.mtu ?? null,
      rttNs: reply?.rttNs ?? null,
    },
  }
}
