/**
 * A door that only listens: what passes between this machine and the workstations of the watched ports, both ways, on all
 * interfaces, from the IP header on and cut behind the transport header. A tap (AF_PACKET, TPACKET_V3): it owns nothing
 * and stops nothing, and a filter in the kernel leaves out all other packets before anybody is woken for them.
 *
 * Packets come up to 10 ms late, a block at a time: at 100,000 a second this machine is woken a hundred times.
 */
import type { Instant } from '../clock.ts'
import type { Arrival, Door, DoorLoss, Machine } from '../door.ts'
import { CaptureSocket, type LiveFrame } from './capture-socket.ts'
import { StampClock } from './kernel-time.ts'
import { inNamespace, type NamespaceRef } from './namespace.ts'
import {
  AND,
  type Instruction,
  JUMP,
  JUMP_ANY,
  JUMP_EQUAL,
  LOAD_BYTE,
  LOAD_BYTE_X,
  LOAD_HALF,
  LOAD_HALF_X,
  LOAD_HEADER_LENGTH,
  MAX_INSTRUCTIONS,
  RETURN,
  SET_X,
} from './packet-filter.ts'
import type { Pollable } from './waker.ts'

/** A port of this machine. Of UDP all passes; of TCP what opens a connection, or all that comes in. */
export type FlowPort =
  | { readonly protocol: 'udp'; readonly port: number }
  | { readonly protocol: 'tcp'; readonly port: number; readonly what: 'opening' | 'arriving' }

export interface FlowDoorOptions {
  readonly ports: readonly FlowPort[]
  readonly netns?: NamespaceRef
}

/** @throws OsError; RangeError on more ports than a filter holds */
export function openFlowDoor(options: FlowDoorOptions): FlowDoor {
  const open = () => new FlowDoor(options.ports)
  return options.netns === undefined ? open() : inNamespace(options.netns, open)
}

/** An open one; made by `openFlowDoor`. */
export class FlowDoor implements Door, Pollable {
  readonly name = 'flow'
  readonly medium = 'ip'
  readonly family: undefined
  readonly mtu = 65535
  readonly echoId: undefined
  readonly cannot: readonly string[] = [
    'send',
    `see more than ${SNAP} octets of a packet`,
    'see packets sooner than 10 ms after they passed',
  ]
  readonly #capture: CaptureSocket
  readonly #clock = new StampClock()
  readonly #arrival: Arrival
  readonly #visit: (f: LiveFrame) => void
  #machine: Pick<Machine<unknown>, 'handlePacket'> | undefined
  #now = 0 as Instant
  #steady = true

  constructor(ports: readonly FlowPort[]) {
    this.#capture = new CaptureSocket(undefined, { filter: flowFilter(ports), networkOnly: true })
    this.#arrival = {
      bytes: new Uint8Array(0),
      at: 0,
      end: 0,
      length: 0,
      origin: 'wire',
      link: 'host',
      checksum: 'unknown',
      stamp: 0 as Instant,
      clock: 'kernel-rx',
      port: 0,
    }
    this.#visit = (f) => this.#arrive(f)
  }

  get fd(): number {
    return this.#capture.fd
  }

  get loss(): DoorLoss {
    return { queueOverflow: this.#capture.counts.dropped, stampGaps: 0, shortWrites: 0 }
  }

  /** Packets that the filter let in, those included for which there was no room. */
  get seen(): number {
    return this.#capture.counts.seen
  }

  /** Other ports from now on. @throws OsError; RangeError on more than a filter holds */
  watch(ports: readonly FlowPort[]): void {
    this.#capture.replaceFilter(flowFilter(ports))
  }

  /** It sends nothing, so nothing is asked of the machine. */
  send(): boolean {
    return false
  }

  receive(now: Instant, m: Pick<Machine<unknown>, 'handlePacket'>, limit: number): number {
    this.#machine = m
    this.#now = now
    this.#steady = this.#clock.steady()
    return this.#capture.read(this.#visit, limit)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#capture.close()
  }

  #arrive(f: LiveFrame): void {
    const link = LINKS[f.packetType]
    // To another host: an interface in promiscuous mode.
    if (link === undefined) return
    const a = this.#arrival
    a.bytes = f.bytes
    a.at = f.at
    a.end = f.end
    a.length = f.length
    a.link = link
    a.checksum = f.unfinished ? 'partial' : 'unknown'
    a.port = f.interfaceIndex
    const stamp = this.#steady ? this.#clock.instant(f.seconds, f.nanoseconds) : this.#now
    a.stamp = stamp < this.#now ? stamp : this.#now
    a.clock = this.#steady ? 'kernel-rx' : 'user'
    this.#machine!.handlePacket(this.#now, a)
  }
}

/**
 * The filter's program. Only the transport header that belongs to a port counts: later fragments have none. IPv6 behind
 * extension headers, which is rare, passes and is looked at by whoever gets it.
 */
export function flowFilter(ports: readonly FlowPort[]): readonly Instruction[] {
  const udp = [...new Set<number>(ports.flatMap((p) => (p.protocol === 'udp' ? [p.port] : [])))]
  const arriving = new Set<number>(
    ports.flatMap((p) => (p.protocol === 'tcp' && p.what === 'arriving' ? [p.port] : [])),
  )
  const opening = new Set<number>(ports.flatMap((p) => (p.protocol === 'tcp' && !arriving.has(p.port) ? [p.port] : [])))
  const udpPart = [load(0), ...udp.flatMap(keepPort), load(2), ...udp.flatMap(keepPort), DROP]
  const tcpPart: Instruction[] = [
    load(2),
    ...[...arriving].flatMap(keepPort),
    // What opens a connection: SYN, and neither ACK nor RST nor FIN.
    [LOAD_BYTE_X, 0, 0, NETWORK + 13],
    [AND, 0, 0, 0x17],
    [JUMP_EQUAL, 1, 0, 0x02],
    DROP,
    load(2),
    ...[...opening].flatMap(keepPort),
    DROP,
  ]
  // Either leaves the header's length in X and the protocol in A.
  const four: Instruction[] = [
    [LOAD_HALF, 0, 0, NETWORK + 6],
    [JUMP_ANY, 0, 1, 0x1fff],
    DROP,
    [LOAD_HEADER_LENGTH, 0, 0, NETWORK],
    [LOAD_BYTE, 0, 0, NETWORK + 9],
  ]
  const six: Instruction[] = [
    [SET_X, 0, 0, 40],
    [LOAD_BYTE, 0, 0, NETWORK + 6],
    [JUMP_EQUAL, 2, 0, 0],
    [JUMP_EQUAL, 1, 0, 43],
    [JUMP_EQUAL, 0, 1, 60],
    KEEP,
    [JUMP_EQUAL, 0, 5, 44],
    // A long answer's first fragment.
    [LOAD_HALF, 0, 0, NETWORK + 42],
    [JUMP_ANY, 0, 1, 0xfff8],
    DROP,
    [SET_X, 0, 0, 48],
    [LOAD_BYTE, 0, 0, NETWORK + 40],
  ]
  return checked([
    [LOAD_HALF, 0, 0, AD_PROTOCOL],
    [JUMP_EQUAL, four.length + 3, 0, 0x86dd],
    [JUMP_EQUAL, 1, 0, 0x0800],
    DROP,
    ...four,
    [JUMP, 0, 0, six.length],
    ...six,
    [JUMP_EQUAL, 3, 0, 17],
    [JUMP_EQUAL, 1, 0, 6],
    DROP,
    [JUMP, 0, 0, udpPart.length],
    ...udpPart,
    ...tcpPart,
  ])
}

function checked(program: readonly Instruction[]): readonly Instruction[] {
  if (program.length > MAX_INSTRUCTIONS) throw new RangeError('more ports than a filter of the kernel holds (some 900)')
  return program
}

/** A = the 16 bits at `offset` of the transport header. */
function load(offset: number): Instruction {
  return [LOAD_HALF_X, 0, 0, NETWORK + offset]
}

function keepPort(port: number): Instruction[] {
  return [[JUMP_EQUAL, 0, 1, port], KEEP]
}

/** By the kernel's packet type. What this machine sends itself is to nobody but its receiver. */
const LINKS: readonly (Arrival['link'] | undefined)[] = ['host', 'broadcast', 'multicast', undefined, 'host']

/** IP header with options or an extension header, and TCP's. */
const SNAP = 128
/** In front of it: an Ethernet header and a tag. */
const LINK_HEADER = 18
const KEEP: Instruction = [RETURN, 0, 0, SNAP + LINK_HEADER]
const DROP: Instruction = [RETURN, 0, 0, 0]
/** Areas that the kernel adds (linux/filter.h). */
const AD_PROTOCOL = 0xfffff000
const NETWORK = 0xfff00000
