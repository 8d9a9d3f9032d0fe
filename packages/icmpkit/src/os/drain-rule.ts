/**
 * Draining a program: a rule of nftables that refuses new workstations at its port and lets those through that it has. It
 * lives in a table whose owner is our socket, so it is gone at the moment we are, also by `kill -9`.
 *
 * Of TCP a new connection is a SYN, and nothing has to be remembered. UDP has no such sign: there whoever drains says who
 * is `known`, in a set of the kernel's, some 100 octets each. Without that the kernel's connection tracking says who is new.
 * It works for the whole namespace while a rule asks for it: each packet is looked up, each flow takes some 250 octets, and
 * where its table is full (nf_conntrack_max) new flows of ALL programs are dropped. It knows only whom it has seen, so it
 * must begin before the drain (`track`), and it forgets a UDP flow after 120 s of silence (docs/decisions/draining.md).
 */
import { readFileSync } from 'node:fs'
import { type Family, type Ip, writeIp } from '../wire/addr.ts'
import { put16 } from '../wire/octets.ts'
import { inNamespace, type NamespaceRef } from './namespace.ts'
import type { NetlinkSocket } from './netlink-socket.ts'
import {
  accept,
  and,
  compare,
  deleteChain,
  deleteSet,
  type Expression,
  explained,
  loadConnectionState,
  loadMeta,
  loadNetwork,
  loadTransport,
  lookUp,
  MOST_ELEMENTS,
  NftFamily,
  newChain,
  newElements,
  newRule,
  newSet,
  openNftables,
  ownedTable,
  registerBehind,
  reject,
} from './nft-message.ts'
import type { SocketProtocol } from './socket-record.ts'
import { LITTLE } from './sys.ts'

/** A workstation that goes on being served: where its datagrams come from. */
export interface KnownWorkstation {
  address: Ip
  port: number
}

export interface Refusal {
  protocol: SocketProtocol
  port: number
  /**
   * What a new workstation gets: 'admin' communication administratively prohibited (3/13, 1/1), 'port' port unreachable
   * (3/3, 1/4), 'reset' a TCP reset, which alone is not limited to one a second and address by the kernel. 'admin'
   */
  answer?: 'admin' | 'port' | 'reset'
}

/** Nobody is refused yet. The table is made with the first refusal, or by `track`. @throws OsError */
export function openDrainRules(netns?: NamespaceRef): DrainRules {
  const make = () => new DrainRules(openNftables(CURES), readTracking)
  if (netns === undefined) return make()
  return inNamespace(netns, () => new DrainRules(openNftables(CURES), () => inNamespace(netns, readTracking)))
}

/** What connection tracking does in a namespace; undefined where the kernel has none. */
export interface Tracking {
  flows: number
  most: number
}

/** Refuses and admits; one table of the kernel's for all its programs. Made by `openDrainRules`. */
export class DrainRules implements Disposable {
  /** As `nft list ruleset` names it, in the family inet. */
  readonly table: string
  readonly #socket: NetlinkSocket
  readonly #tracking: () => Tracking | undefined
  readonly #refused = new Map<string, { refusal: Refusal; sets: readonly KnownSet[] }>()
  #lastSet = 0
  #made = false
  #tracks = false

  constructor(socket: NetlinkSocket, tracking: () => Tracking | undefined) {
    this.#socket = socket
    this.#tracking = tracking
    this.table = `icmpkit-drain-${process.pid}${tables++ === 0 ? '' : `-${tables - 1}`}`
  }

  get refused(): Refusal[] {
    return [...this.#refused.values()].map(({ refusal }) => refusal)
  }

  /** What connection tracking knows now; no flows: it does not work, or has only begun. */
  get tracking(): Tracking | undefined {
    return this.#tracking()
  }

  /** From now on the kernel knows who is connected, until we end: before a program of UDP can be drained. @throws OsError */
  track(): void {
    if (this.#tracks) return
    // A chain that nothing passes: that the rule is there is enough.
    const { table } = this
    const rule = newRule(FAMILY, table, TRACKING, IS_NEW)
    this.#send([newChain(FAMILY, table, TRACKING), rule], 'track')
    this.#tracks = true
  }

  /**
   * New workstations of that port are refused; again with another answer: so from then on. UDP: those that are not `known`,
   * or, where that is not given, those that connection tracking does not know. @throws RangeError, OsError
   */
  refuse(r: Refusal, known?: Iterable<KnownWorkstation>): void {
    const answer = r.answer ?? 'admin'
    if (answer === 'reset' && r.protocol !== 'tcp') throw new RangeError('a reset answers TCP only')
    if (!Number.isInteger(r.port) || r.port < 1 || r.port > 65535) throw new RangeError(`${r.port} is not a port`)
    if (known !== undefined && r.protocol !== 'udp') throw new RangeError('a new connection of TCP is known by its SYN')
    const { table } = this
    const chain = chainOf(r.protocol, r.port)
    const before = this.#refused.get(chain)
    // Under other names than those that they take the place of: until then nobody is refused wrongly.
    const sets = known === undefined ? [] : this.#makeSets(chain, known)
    const rule = (expressions: readonly Expression[]) => newRule(FAMILY, table, chain, expressions)
    const ours = toPort(r.protocol, r.port)
    const isNew = r.protocol === 'tcp' ? IS_SYN : known === undefined ? IS_NEW : []
    this.#send(
      [
        ...(before === undefined ? [] : this.#removal(chain, before.sets)),
        newChain(FAMILY, table, chain, INPUT),
        ...sets.map((set) => rule([...ours, ...isKnown(set), accept()])),
        rule([...ours, ...isNew, ANSWERS[answer]]),
      ],
      'refuse',
    )
    this.#refused.set(chain, { refusal: { protocol: r.protocol, port: r.port, answer }, sets })
  }

  /** New workstations are let in again. False: they were not refused. @throws OsError */
  admit(protocol: SocketProtocol, port: number): boolean {
    const chain = chainOf(protocol, port)
    const before = this.#refused.get(chain)
    if (before === undefined) return false
    this.#send(this.#removal(chain, before.sets), 'admit')
    this.#refused.delete(chain)
    return true
  }

  /** All are let in again. */
  close(): void {
    this.#refused.clear()
    this.#socket.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** One set for each family, filled. */
  #makeSets(chain: string, known: Iterable<KnownWorkstation>): KnownSet[] {
    const { table } = this
    const sets = ([4, 6] as const).map((family): KnownSet => {
      const id = ++this.#lastSet
      return { family, id, name: `${chain}-known${family}-${id}`, size: family === 4 ? 8 : 20 }
    })
    this.#send(
      sets.map((s) => newSet(FAMILY, table, s.name, s.id, s.family === 4 ? 4 : 16)),
      'known workstations',
    )
    const fill = (s: KnownSet, elements: Uint8Array) =>
      this.#send([newElements(FAMILY, table, s.name, elements, s.size)], 'known workstations')
    const full = sets.map((s) => ({ s, elements: new Uint8Array(MOST_ELEMENTS * s.size), end: 0 }))
    for (const { address, port } of known) {
      const f = full[typeof address === 'bigint' ? 1 : 0]!
      const behind = writeIp(address, f.elements, f.end)
      put16(f.elements, behind, port)
      f.end += f.s.size
      if (f.end < f.elements.length) continue
      fill(f.s, f.elements)
      f.end = 0
    }
    for (const f of full) if (f.end > 0) fill(f.s, f.elements.subarray(0, f.end))
    return sets
  }

  #removal(chain: string, sets: readonly KnownSet[]): Uint8Array[] {
    return [deleteChain(FAMILY, this.table, chain), ...sets.map((s) => deleteSet(FAMILY, this.table, s.name))]
  }

  #send(messages: readonly Uint8Array[], name: string): void {
    try {
      this.#socket.batch(this.#made ? messages : [ownedTable(FAMILY, this.table), ...messages], name)
      this.#made = true
    } catch (e) {
      throw explained(e, CURES)
    }
  }
}

function chainOf(protocol: SocketProtocol, port: number): string {
  return `${protocol}-${port}`
}

interface KnownSet {
  family: Family
  id: number
  name: string
  /** Octets of an element: address, port, and two of nothing. */
  size: number
}

function toPort(protocol: SocketProtocol, port: number): Expression[] {
  return [
    loadMeta(META_PROTOCOL),
    compare(Uint8Array.of(PROTOCOLS[protocol])),
    loadTransport(2, 2),
    compare(Uint8Array.of(port >>> 8, port)),
  ]
}

/** Where it comes from is in the set. */
function isKnown({ family, name, id }: KnownSet): Expression[] {
  const octets = family === 4 ? 4 : 16
  return [
    loadMeta(META_FAMILY),
    compare(Uint8Array.of(family === 4 ? NFPROTO_IPV4 : NFPROTO_IPV6)),
    loadNetwork(family === 4 ? 12 : 8, octets),
    loadTransport(0, 2, registerBehind(octets)),
    lookUp(name, id),
  ]
}

/** The kernel keeps the state as a number of its own byte order. */
function bits(value: number): Uint8Array {
  const octets = new Uint8Array(4)
  new DataView(octets.buffer).setUint32(0, value, LITTLE)
  return octets
}

function readTracking(): Tracking | undefined {
  try {
    const read = (name: string) => Number(readFileSync(`/proc/sys/net/netfilter/nf_conntrack_${name}`, 'utf8'))
    return { flows: read('count'), most: read('max') }
  } catch {
    return undefined
  }
}

/** nft_reject: 1 is a TCP reset, 2 the same word in both families. */
const ANSWERS = { port: reject(2, 1), admin: reject(2, 3), reset: reject(1, 0) } as const
const PROTOCOLS = { tcp: 6, udp: 17 } as const

const CURES = {
  missing:
    'Draining needs nftables with reject, and for UDP connection tracking: `modprobe nf_tables nft_reject_inet nft_ct`',
  old: 'Draining needs tables that end with their owner: Linux 5.12',
}

const FAMILY = NftFamily.inet
const TRACKING = 'tracking'
let tables = 0
/** Hook `input`, before the host's own filters (0): what they accept is refused, what they drop would be silent. */
const INPUT = { hook: 1, priority: -1, accept: true } as const
/** NFT_META_NFPROTO, NFT_META_L4PROTO. */
const META_FAMILY = 15
const META_PROTOCOL = 16
const NFPROTO_IPV4 = 2
const NFPROTO_IPV6 = 10
const TCP_FLAGS = 13
const FIN_SYN_RST_ACK = 0x17
const SYN = 0x02
/** NF_CT_STATE_BIT(IP_CT_NEW). */
const STATE_NEW = 8
const IS_SYN = [loadTransport(TCP_FLAGS, 1), and(Uint8Array.of(FIN_SYN_RST_ACK)), compare(Uint8Array.of(SYN))] as const
const IS_NEW = [loadConnectionState(), and(bits(STATE_NEW)), compare(bits(0), true)] as const
