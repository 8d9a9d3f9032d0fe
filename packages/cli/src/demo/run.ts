/** Runs the demonstration: doors first, then rights given up, then the packets. */
import { type PacketSeen, type PingEvent, ping } from 'icmpkit'
import { type OsError, probeByUdp, type UdpProbe, unusedUdpPort } from 'icmpkit/os'
import { type Family, type Ip, parseIp, registry, showIp } from 'icmpkit/wire'
import { scenes } from './lab-scenes.ts'
import { outageScene } from './outage-scene.ts'
import { datagram, type Seen, see } from './packet.ts'
import { FAR_MTU, openRouter, PLACES, type Router } from './router.ts'
import { asJson, forPeople, type Show, type Summary } from './show.ts'

const LOOPBACK: Record<Family, Ip> = { 4: parseIp('127.0.0.1')!, 6: parseIp('::1')! }
/** traceroute's first port; nobody listens on it in an empty namespace. */
const CLOSED_PORT = 33434
const FIRST_PORT = 40_001

/** Exit code: 0, or 1 where not one packet was answered, 2 where not all could be shown. */
export async function run(json: boolean): Promise<number> {
  const show = json ? asJson() : forPeople()
  const count: Summary = {
    sent: 0,
    replies: 0,
    errors: 0,
    unanswered: 0,
    leftOut: 0,
    lab: { sent: 0, replies: 0, errors: 0 },
    outage: { workstations: 0, told: 0 },
  }
  let router: Router | undefined
  let refusal = ''
  try {
    router = openRouter()
  } catch (e) {
    refusal = (e as OsError).message
  }
  try {
    await pings(show, count)
    if (router === undefined) await closedPorts(show, count, refusal)
    else await provoke(show, count, router)
  } finally {
    router?.[Symbol.dispose]()
  }
  count.lab = scenes(show)
  count.outage = outageScene(show)
  if (!show.end(count)) return 2
  return count.replies + count.errors > 0 ? 0 : 1
}

// ---- ping

async function pings(show: Show, count: Summary): Promise<void> {
  show.part('Ping: this machine, through its own network stack')
  const packets: { direction: 'sent' | 'heard'; packet: Seen }[] = []
  const onPacket = (p: PacketSeen) => {
    const packet = see(p.bytes.slice(p.at, p.end))
    if (packet !== undefined) packets.push({ direction: p.direction === 'out' ? 'sent' : 'heard', packet })
  }
  const targets = [LOOPBACK[4], LOOPBACK[6]].map((a) => showIp(a))
  const session = ping(targets, { count: 1, timeout: 1000, onPacket, dropRights: true })
  const events: PingEvent[] = []
  try {
    for await (const e of session) events.push(e)
  } catch (e) {
    count.leftOut++
    show.leftOut('ping', (e as Error).message)
    return
  }
  const { doors, rights } = await session.doors
  for (const [i, target] of targets.entries()) {
    const door = doors.find((d) => d.family === (i === 0 ? 4 : 6))
    show.scene(`${target}, by ${door?.why.at(-1) ?? 'no door'}`)
    const refused = events.find((e) => e.kind === 'error' && e.origin === 'local' && e.target === target)
    for (const p of refused ? [] : packets) {
      if (p.packet.icmp === null || ![p.packet.src, p.packet.dst].includes(target)) continue
      if (p.direction === 'sent') count.sent++
      const reply = p.direction === 'heard' ? events.find((e) => e.kind === 'reply' && e.address === target) : undefined
      const notes = reply?.kind === 'reply' ? [`round trip ${reply.rttNs / 1e6} ms, ${CLOCKS[reply.clock]}`] : []
      show.packet({ ...p, words: p.packet.icmp.meaning, notes })
    }
    const answered = events.some((e) => e.kind === 'reply' && e.address === target)
    if (answered) count.replies++
    else unanswered(show, count, events, target)
  }
  for (const line of rights) show.say(line)
}

function unanswered(show: Show, count: Summary, events: readonly PingEvent[], target: string): void {
  const error = events.find((e) => e.kind === 'error' && e.target === target)
  count.unanswered++
  const words = error?.kind === 'error' ? `${error.name}: ${error.meaning}` : 'no answer within a second'
  show.say(error?.kind === 'error' && error.origin === 'local' ? `not sent: ${words}` : words)
}

const CLOCKS = {
  hardware: 'by stamps of the network card',
  'kernel-txrx': "by the kernel's stamps at both ends",
  'kernel-rx': "by the kernel's stamp at the near end of the reply",
  user: 'by the time between our two system calls',
  virtual: 'in virtual time',
} as const

// ---- errors from a router

async function provoke(show: Show, count: Summary, router: Router): Promise<void> {
  show.part('Errors: what a router says when a datagram cannot go on')
  show.say("The router is this machine's kernel in a network namespace of its own, behind a TUN.")
  let srcPort = FIRST_PORT
  for (const family of [4, 6] as const) {
    if (family === 6 && router.noIp6 !== undefined) {
      count.leftOut++
      show.leftOut('the IPv6 errors', router.noIp6)
      continue
    }
    for (const c of casesOf(family)) {
      const packet = datagram({ ...c, src: PLACES[family].us, srcPort, dstPort: CLOSED_PORT })
      show.scene(`IPv${family}: ${c.title}`)
      show.packet({ direction: 'sent', packet: see(packet)!, words: c.words })
      count.sent++
      const port = srcPort++
      // The kernel also speaks by itself (multicast listener reports): an answer quotes what we sent.
      const answer = await router.exchange(packet, (octets) => see(octets)?.icmp?.quote?.srcPort === port)
      const heard = answer && see(answer)
      if (heard?.icmp) {
        count.errors++
        show.packet({ direction: 'heard', packet: heard, words: heard.icmp.meaning })
      } else {
        count.unanswered++
        show.say('no answer within half a second: a firewall of this machine may have eaten it')
      }
    }
  }
}

interface Case {
  title: string
  words: string
  dst: Ip
  ttl: number
  length: number
}

function casesOf(family: Family): Case[] {
  const { router, far, unreachable, forbidden } = PLACES[family]
  const hops = family === 4 ? 'TTL' : 'hop limit'
  const small = { ttl: 64, length: family === 4 ? 48 : 68 }
  return [
    {
      title: 'a closed port',
      words: 'A datagram to the router itself, to a UDP port on which no program listens.',
      dst: router,
      ...small,
    },
    {
      title: `a ${hops} that ends`,
      words: `A datagram to a far host whose ${hops} of 1 lets it pass no router: this is how traceroute asks.`,
      dst: far,
      ...small,
      ttl: 1,
    },
    {
      title: 'a destination that cannot be reached',
      words: "A datagram to a network of which the router's table says: unreachable.",
      dst: unreachable,
      ...small,
    },
    {
      title: 'a destination that is forbidden',
      words: "A datagram to a network to which the router's table prohibits traffic.",
      dst: forbidden,
      ...small,
    },
    {
      title: 'a datagram too big for the next link',
      words: `A datagram of 1400 octets that may not be fragmented, and the next link carries ${FAR_MTU}.`,
      dst: far,
      ttl: 64,
      length: 1400,
    },
  ]
}

// ---- without rights

async function closedPorts(show: Show, count: Summary, refusal: string): Promise<void> {
  show.part('Errors: what can be provoked without rights')
  for (const family of [4, 6] as const) {
    show.scene(`IPv${family}: a closed port`)
    try {
      const probe = await probeByUdp(LOOPBACK[family], unusedUdpPort(family), PAYLOAD)
      show.packet({
        direction: 'sent',
        packet: sentBy(probe, family),
        words: 'A datagram to a UDP port on which no program listens.',
      })
      count.sent++
      const heard = heardBy(probe, family)
      if (heard === undefined) {
        count.unanswered++
        show.say('no answer within half a second')
        continue
      }
      count.errors++
      const notes = ["told by the socket's error queue, which keeps neither the packet nor its quote"]
      show.packet({ direction: 'heard', packet: heard, words: heard.icmp!.meaning, notes })
    } catch (e) {
      count.unanswered++
      show.say((e as Error).message)
    }
  }
  count.leftOut += LEFT_OUT.length
  show.leftOut(
    LEFT_OUT.join(', '),
    `A router is needed that says so, in a network namespace of its own: run \`sudo npx icmp demo\`. (${refusal})`,
  )
}

const PAYLOAD = new TextEncoder().encode('icmpkit demonstration')
const LEFT_OUT = ['time exceeded', 'destination unreachable', 'traffic forbidden', 'datagram too big']

/** What a socket does not tell is null. */
function sentBy(p: UdpProbe, family: Family): Seen {
  const length = PAYLOAD.length + (family === 4 ? 28 : 48)
  const what = `UDP ${p.srcPort} → ${p.dstPort}`
  return {
    family,
    src: showIp(p.src),
    dst: showIp(p.dst),
    what,
    ttl: null,
    length,
    df: false,
    icmp: null,
    octets: null,
  }
}

function heardBy(p: UdpProbe, family: Family): Seen | undefined {
  const { error } = p
  if (error?.origin !== 'icmp' || error.from === undefined) return undefined
  const { type, code } = error
  const { name, meaning } = registry.lookup(family, type, code)
  return {
    ...sentBy(p, family),
    src: showIp(error.from),
    dst: showIp(p.src),
    what: `${name} (type ${type}, code ${code})`,
    length: null,
    icmp: { type, code, name, meaning, checksum: null, seq: null, mtu: null, quote: null },
  }
}
