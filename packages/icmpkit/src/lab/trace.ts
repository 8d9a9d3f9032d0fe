/**
 * Every packet on links, and what the lab did to it: as pcapng, a comment on each packet (`r1 → r2, delayed 5.3 ms`;
 * `lost (bursty)`; `black hole: icmp`), and as events. A packet is stamped when it enters its link, and where a node's
 * behaviour takes it, it stands there once more (`r2, silent: errors`).
 */
import { LinkType } from '../wire/link-layer.ts'
import { interfaceBlock, packet, section } from '../wire/pcapng.ts'
import { timeOf } from './asker.ts'
import type { Lab } from './lab.ts'
import type { Taken } from './lab-node.ts'
import type { Link, Passing } from './link.ts'
import { PacketText } from './packet-text.ts'
import type { PacketEvent } from './scenario-event.ts'

/** What the lab did to the packet, in words, from whom and to whom in front. */
export function didTo(p: Passing, link: Link): string {
  return `${p.from} → ${p.to}, ${fateOf(p, link)}`
}

/** Tells each packet on each link. `all` false: only those that something befell. */
export function watchPackets(net: Lab, all: boolean, emit: (e: PacketEvent) => void): void {
  const text = new PacketText()
  for (const link of net.links) {
    net.tap(link.name, (p) => {
      if (!all && p.fate === 'carried') return
      emit({
        kind: 'packet',
        time: timeOf(p.time),
        node: p.from,
        to: p.to,
        link: p.link,
        fate: p.fate,
        delayNs: Number.isNaN(p.arrives) ? null : Math.round((p.arrives - p.time) * 1e6),
        octets: p.end - p.at,
        did: fateOf(p, link),
        packet: text.of(link.medium, p.bytes, p.at, p.end),
      })
    })
  }
  net.watchTaken((t) => emit(takenEvent(t, text)))
}

/** The port's packet that a behaviour took, as an event. */
function takenEvent({ time, node, link, bytes, at, end, why }: Taken, text: PacketText): PacketEvent {
  return {
    kind: 'packet',
    time: timeOf(time),
    node,
    to: null,
    link: link.name,
    fate: 'taken',
    delayNs: null,
    octets: end - at,
    did: why,
    packet: text.of(link.medium, bytes, at, end),
  }
}

/** Writes each packet on each link as pcapng blocks, an interface a link; `write` gets the octets as they come. */
export function capture(net: Lab, write: (block: Uint8Array) => void): { end(): void } {
  write(section({ application: 'icmpkit lab' }))
  let held: Held | undefined
  const flush = () => {
    if (held === undefined) return
    const { wall, data, port, comments } = held
    const seconds = wall / 1_000_000_000n
    const nanoseconds = Number(wall - seconds * 1_000_000_000n)
    write(packet({ seconds: Number(seconds), nanoseconds, data, port, comment: comments.join('; ') }))
    held = undefined
  }
  for (const [port, link] of net.links.entries()) {
    const linkType = link.medium === 'ethernet' ? LinkType.ethernet : LinkType.raw
    write(interfaceBlock({ linkType, name: link.name }))
    net.tap(link.name, (p) => {
      // What a segment brings to many is one packet with a comment for each.
      if (held !== undefined && isSame(held, p, port)) {
        held.comments.push(didTo(p, link))
        held.to.push(p.to)
        return
      }
      flush()
      held = {
        time: p.time,
        wall: net.clock.wall(p.time),
        from: p.from,
        port,
        data: p.bytes.slice(p.at, p.end),
        comments: [didTo(p, link)],
        to: [p.to],
      }
    })
  }
  // What a behaviour takes stands there again, at the moment at which it is taken.
  const ports = new Map<Link, number>(net.links.map((l, i) => [l, i]))
  net.watchTaken((t) => {
    flush()
    const data = t.bytes.slice(t.at, t.end)
    const wall = net.clock.wall(t.time)
    held = {
      time: t.time,
      wall,
      from: t.node,
      port: ports.get(t.link)!,
      data,
      comments: [`${t.node}, ${t.why}`],
      to: [],
    }
    flush()
  })
  return { end: flush }
}

interface Held {
  time: Passing['time']
  wall: bigint
  from: string
  port: number
  data: Uint8Array
  comments: string[]
  to: string[]
}

function isSame(held: Held, p: Passing, port: number): boolean {
  if (held.port !== port || held.time !== p.time || held.from !== p.from || held.to.includes(p.to)) return false
  if (held.data.length !== p.end - p.at) return false
  for (let i = 0; i < held.data.length; i++) if (held.data[i] !== p.bytes[p.at + i]) return false
  return true
}

function fateOf(p: Passing, link: Link): string {
  const delayed = `delayed ${milliseconds(p.arrives - p.time)}`
  switch (p.fate) {
    case 'carried':
      return delayed
    case 'duplicated':
      return `a second time, ${delayed}`
    case 'reordered':
      return `past others, ${delayed}`
    case 'corrupted':
      return `one bit turned, ${delayed}`
    case 'lost':
      return `lost (${p.bursty ? 'bursty' : 'random'})`
    case 'swallowed':
      return `black hole: ${holeOf(p, link)}`
    case 'queue-full':
      return 'dropped: the queue is full'
    case 'too-big':
      return `dropped: longer than the link's ${link.mtu} octets`
    case 'down':
      return 'dropped: the link is down'
    default:
      return p.fate
  }
}

function holeOf(p: Passing, link: Link): string {
  const hole = link.direction(p.from)?.blackHole
  return typeof hole === 'object' ? `above ${hole.above} octets` : (hole ?? 'all')
}

function milliseconds(ms: number): string {
  return `${Number(ms.toFixed(ms < 1 ? 3 : 1))} ms`
}
