/** Neighbour entries over rtnetlink (Linux `linux/neighbour.h`): ARP and neighbour discovery, octets ⇄ plain objects. */
import type { Family, Ip } from '../wire/addr.ts'
import { Flag, type Message, type MessageReader, type MessageWriter } from './netlink-message.ts'
import { AF_INET, AF_INET6, af, familyAt, octetsOf, Rtm, readIp } from './rtnetlink.ts'

export type NeighbourState =
  | 'incomplete'
  | 'reachable'
  | 'stale'
  | 'delay'
  | 'probe'
  | 'failed'
  | 'noarp'
  | 'permanent'
  | 'none'

export interface Neighbour {
  kind: 'neighbour'
  index: number
  address: Ip
  /** undefined while nobody has answered. */
  lladdr: Uint8Array | undefined
  state: NeighbourState
  /** It says of itself that it is a router (RFC 4861). */
  router: boolean
  proxy: boolean
}

export function readNeighbour(r: MessageReader, m: Message): Neighbour | undefined {
  const family = familyAt(r, m, NDMSG)
  if (family === undefined) return undefined
  const a = r.attributes(m.at + NDMSG, m.end)
  const address = readIp(r, a.get(Nda.dst), family)
  if (address === undefined) return undefined
  const flags = r.u8(m.at + 10)
  return {
    kind: 'neighbour',
    index: r.i32(m.at + 4),
    address,
    lladdr: r.octets(a.get(Nda.lladdr)),
    state: stateOf(r.u16(m.at + 8)),
    router: (flags & Ntf.router) !== 0,
    proxy: (flags & Ntf.proxy) !== 0,
  }
}

export interface NewNeighbour {
  index: number
  address: Ip
  lladdr?: Uint8Array
  state?: NeighbourState
  router?: boolean
  /** Answers for `address` on this link. */
  proxy?: boolean
}

export function writeNeighbour(w: MessageWriter, type: 'add' | 'remove', n: NewNeighbour): MessageWriter {
  const adding = type === 'add'
  w.begin(
    adding ? Rtm.newNeighbour : Rtm.delNeighbour,
    Flag.request | Flag.ack | (adding ? Flag.create | Flag.replace : 0),
  )
  ndmsg(w, n, adding ? STATE_BITS[n.state ?? 'permanent'] : 0)
  if (n.lladdr !== undefined) w.attribute(Nda.lladdr, n.lladdr)
  return w
}

export function writeNeighbourQuery(
  w: MessageWriter,
  n: { index: number; address: Ip } | { index: number; family: Family | undefined },
): MessageWriter {
  if ('address' in n) {
    w.begin(Rtm.getNeighbour, Flag.request | Flag.ack)
    return ndmsg(w, n, 0)
  }
  w.begin(Rtm.getNeighbour, Flag.request | Flag.dump)
  w.u8(af(n.family)).u8(0).u16(0).u32(0).u16(0).u8(0).u8(0)
  return n.index === 0 ? w : w.number(Nda.ifindex, n.index)
}

function ndmsg(w: MessageWriter, n: NewNeighbour, state: number): MessageWriter {
  const flags = (n.router ? Ntf.router : 0) | (n.proxy ? Ntf.proxy : 0)
  w.u8(typeof n.address === 'bigint' ? AF_INET6 : AF_INET)
    .u8(0)
    .u16(0)
    .u32(n.index)
    .u16(state)
    .u8(flags)
    .u8(0)
  return w.attribute(Nda.dst, octetsOf(n.address))
}

function stateOf(bits: number): NeighbourState {
  for (const [name, bit] of Object.entries(STATE_BITS)) if (bits & bit) return name as NeighbourState
  return 'none'
}

const STATE_BITS: Record<NeighbourState, number> = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
  none: 0,
}

const NDMSG = 12
const Nda = { dst: 1, lladdr: 2, ifindex: 8 } as const
const Ntf = { proxy: 0x08, router: 0x80 } as const
