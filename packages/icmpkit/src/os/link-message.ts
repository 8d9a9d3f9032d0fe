/**
 * Links over rtnetlink (Linux `linux/rtnetlink.h`, `if_link.h`): what the kernel says of an interface, and what may be
 * changed on one or given to a new one, octets ⇄ plain objects.
 *
 * Left out: what no ICMP needs (queueing disciplines, virtual functions, statistics of the protocols).
 */
import {
  type Attribute,
  type Attributes,
  Flag,
  type Message,
  type MessageReader,
  type MessageWriter,
} from './netlink-message.ts'
import { AF_INET6, NONE, Rtm } from './rtnetlink.ts'

/** ARPHRD_* of the interfaces whose framing we know. */
export const Hardware = {
  ether: 1,
  ppp: 512,
  rawIp: 519,
  tunnel4: 768,
  tunnel6: 769,
  loopback: 772,
  sit: 776,
  none: 0xfffe,
} as const

export type AddrGenMode = 'eui64' | 'none' | 'stable-privacy' | 'random'

export type OperState = 'unknown' | 'not-present' | 'down' | 'lower-layer-down' | 'testing' | 'dormant' | 'up'

export interface Link {
  kind: 'link'
  index: number
  name: string
  /** What kind of virtual interface: 'veth', 'tun', 'vlan', 'vrf' …; undefined for hardware and loopback. */
  type: string | undefined
  /** ARPHRD_*: which header its frames have, see `Hardware`. */
  hardware: number
  up: boolean
  /** It has a carrier: frames would leave. */
  running: boolean
  operState: OperState
  loopback: boolean
  pointToPoint: boolean
  multicast: boolean
  /** It has no neighbours to ask for: IFF_NOARP. */
  noArp: boolean
  promiscuous: boolean
  mtu: number
  /** Link-layer address; empty where it has none. */
  address: Uint8Array
  broadcast: Uint8Array
  /** Interface this one is stacked on, or the peer of a veth; in another namespace where `otherNamespace`. */
  link: number | undefined
  otherNamespace: boolean
  /** Bridge, bond or VRF it belongs to. */
  master: number | undefined
  /** The routing table, where it is a VRF. */
  vrfTable: number | undefined
  /** How it makes its link-local address; undefined where it speaks no IPv6. */
  addrGenMode: AddrGenMode | undefined
  /** undefined where the kernel was not asked for them or keeps none. */
  counters: LinkCounters | undefined
}

export interface LinkCounters {
  rxPackets: bigint
  txPackets: bigint
  rxBytes: bigint
  txBytes: bigint
  rxErrors: bigint
  txErrors: bigint
  rxDropped: bigint
  txDropped: bigint
}

export function readLink(r: MessageReader, m: Message): Link | undefined {
  if (m.end - m.at < IFINFOMSG) return undefined
  const a = r.attributes(m.at + IFINFOMSG, m.end)
  const flags = r.u32(m.at + 8)
  const info = a.get(Ifla.linkInfo)
  const inside: Attributes = info ? r.attributes(info.at, info.end) : NONE
  const type = r.text(inside.get(LinkInfo.kind))
  const data = inside.get(LinkInfo.data)
  const state = r.number(a.get(Ifla.operState)) ?? 0
  return {
    kind: 'link',
    index: r.i32(m.at + 4),
    name: r.text(a.get(Ifla.name)) ?? '',
    type,
    hardware: r.u16(m.at + 2),
    up: (flags & Iff.up) !== 0,
    running: (flags & Iff.lowerUp) !== 0,
    operState: OPER_STATES[state] ?? 'unknown',
    loopback: (flags & Iff.loopback) !== 0,
    pointToPoint: (flags & Iff.pointToPoint) !== 0,
    multicast: (flags & Iff.multicast) !== 0,
    noArp: (flags & Iff.noArp) !== 0,
    promiscuous: (r.number(a.get(Ifla.promiscuity)) ?? flags & Iff.promiscuous) !== 0,
    mtu: r.number(a.get(Ifla.mtu)) ?? 0,
    address: r.octets(a.get(Ifla.address)) ?? EMPTY,
    broadcast: r.octets(a.get(Ifla.broadcast)) ?? EMPTY,
    link: r.number(a.get(Ifla.link)),
    otherNamespace: a.has(Ifla.linkNetnsId),
    master: r.number(a.get(Ifla.master)),
    vrfTable: type === 'vrf' && data ? r.number(r.attributes(data.at, data.end).get(VRF_TABLE)) : undefined,
    addrGenMode: readGenMode(r, a.get(Ifla.afSpec)),
    counters: readCounters(r, a.get(Ifla.stats64)),
  }
}

function readGenMode(r: MessageReader, spec: Attribute | undefined): AddrGenMode | undefined {
  const v6 = spec && r.attributes(spec.at, spec.end).get(AF_INET6)
  const mode = v6 && r.number(r.attributes(v6.at, v6.end).get(INET6_ADDR_GEN_MODE))
  return mode === undefined ? undefined : GEN_MODES[mode]
}

function readCounters(r: MessageReader, a: Attribute | undefined): LinkCounters | undefined {
  if (a === undefined || a.end - a.at < 8 * 8) return undefined
  const at = (i: number) => r.u64(a.at + 8 * i)
  return {
    rxPackets: at(0),
    txPackets: at(1),
    rxBytes: at(2),
    txBytes: at(3),
    rxErrors: at(4),
    txErrors: at(5),
    rxDropped: at(6),
    txDropped: at(7),
  }
}

/** What may be changed on a link, or given to a new one. */
export interface LinkChange {
  /** Renames; the interface must be down. */
  name?: string
  up?: boolean
  mtu?: number
  address?: Uint8Array
  addrGenMode?: AddrGenMode
  /** Index of the bridge or VRF to join, or 0 to leave it. */
  master?: number
  promiscuous?: boolean
  allMulticast?: boolean
  /** Answers and asks ARP. */
  arp?: boolean
  /** Moves it into another namespace, by an open descriptor of it or by a process that is in it. */
  netns?: { fd: number } | { pid: number }
}

/** For afterwards: the kernel does not heed the one while it makes a link, and fails the other for a veth's second end. */
type Birth = Omit<LinkChange, 'addrGenMode' | 'up'> & { name: string }

export type NewLink = Birth &
  (
    | { type: 'veth'; peer: Birth }
    | { type: 'vlan'; parent: number; id: number }
    | { type: 'vrf'; table: number }
    | { type: 'dummy' | 'bridge' }
  )

export function writeLinkQuery(
  w: MessageWriter,
  what: { index: number } | { name: string } | undefined,
): MessageWriter {
  const index = what && 'index' in what ? what.index : 0
  w.begin(Rtm.getLink, Flag.request | (what ? Flag.ack : Flag.dump))
  ifinfo(w, index, 0, 0)
  if (what && 'name' in what) w.text(Ifla.name, what.name)
  // A kilobyte of the protocols' own statistics a link stays out.
  return w.number(Ifla.extMask, EXT_SKIP_STATS)
}

export function writeLinkChange(w: MessageWriter, index: number, change: LinkChange): MessageWriter {
  w.begin(Rtm.newLink, Flag.request | Flag.ack)
  return linkBody(w, index, change)
}

export function writeNewLink(w: MessageWriter, link: NewLink): MessageWriter {
  w.begin(Rtm.newLink, Flag.request | Flag.ack | Flag.create | Flag.exclusive)
  linkBody(w, 0, link)
  if (link.type === 'vlan') w.number(Ifla.link, link.parent)
  return w.nest(Ifla.linkInfo, () => {
    w.attribute(LinkInfo.kind, Buffer.from(link.type))
    switch (link.type) {
      case 'veth':
        w.nest(LinkInfo.data, () => w.nest(VETH_PEER, () => linkBody(w, 0, link.peer)))
        break
      case 'vrf':
        w.nest(LinkInfo.data, () => w.number(VRF_TABLE, link.table))
        break
      case 'vlan':
        w.nest(LinkInfo.data, () => w.short(VLAN_ID, link.id))
        break
    }
  })
}

export function writeLinkRemoval(w: MessageWriter, index: number): MessageWriter {
  w.begin(Rtm.delLink, Flag.request | Flag.ack)
  return ifinfo(w, index, 0, 0)
}

function ifinfo(w: MessageWriter, index: number, flags: number, mask: number): MessageWriter {
  return w.u8(0).u8(0).u16(0).u32(index).u32(flags).u32(mask)
}

function linkBody(w: MessageWriter, index: number, change: LinkChange): MessageWriter {
  let flags = 0
  let mask = 0
  const flag = (value: boolean | undefined, bit: number) => {
    if (value === undefined) return
    mask |= bit
    if (value) flags |= bit
  }
  flag(change.up, Iff.up)
  flag(change.promiscuous, Iff.promiscuous)
  flag(change.allMulticast, Iff.allMulticast)
  flag(change.arp === undefined ? undefined : !change.arp, Iff.noArp)
  ifinfo(w, index, flags, mask)
  if (change.name !== undefined) w.text(Ifla.name, change.name)
  if (change.address !== undefined) w.attribute(Ifla.address, change.address)
  if (change.mtu !== undefined) w.number(Ifla.mtu, change.mtu)
  if (change.master !== undefined) w.number(Ifla.master, change.master)
  if (change.netns !== undefined) {
    if ('fd' in change.netns) w.number(Ifla.netnsFd, change.netns.fd)
    else w.number(Ifla.netnsPid, change.netns.pid)
  }
  const { addrGenMode } = change
  if (addrGenMode !== undefined) {
    w.nest(Ifla.afSpec, () => w.nest(AF_INET6, () => w.octet(INET6_ADDR_GEN_MODE, GEN_MODES.indexOf(addrGenMode))))
  }
  return w
}

const OPER_STATES: readonly OperState[] = [
  'unknown',
  'not-present',
  'down',
  'lower-layer-down',
  'testing',
  'dormant',
  'up',
]

const GEN_MODES: readonly AddrGenMode[] = ['eui64', 'none', 'stable-privacy', 'random']
const EMPTY = new Uint8Array(0)
const IFINFOMSG = 16

const Iff = {
  up: 0x1,
  loopback: 0x8,
  pointToPoint: 0x10,
  noArp: 0x80,
  promiscuous: 0x100,
  allMulticast: 0x200,
  multicast: 0x1000,
  lowerUp: 0x10000,
} as const

const Ifla = {
  address: 1,
  broadcast: 2,
  name: 3,
  mtu: 4,
  link: 5,
  master: 10,
  operState: 16,
  linkInfo: 18,
  netnsPid: 19,
  stats64: 23,
  afSpec: 26,
  netnsFd: 28,
  extMask: 29,
  promiscuity: 30,
  linkNetnsId: 37,
} as const

const LinkInfo = { kind: 1, data: 2 } as const
const VETH_PEER = 1
const VRF_TABLE = 1
const VLAN_ID = 1
const INET6_ADDR_GEN_MODE = 8
const EXT_SKIP_STATS = 8
