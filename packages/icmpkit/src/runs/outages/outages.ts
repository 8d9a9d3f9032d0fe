/**
 * An 'outage' event for one of a program's own sockets, without any right, from the error queue that the kernel keeps for
 * whoever asks (IP_RECVERR). A datagram socket goes on as before, and tells its own errors as before (datagram.ts).
 *
 * Of TCP the kernel keeps the message while a connection is being set up, and no longer (tcp_v4_err): of one that stands it
 * tells at most the errno. So there a notice can be read by `icmp listen` alone.
 */
import type { Socket as DatagramSocket } from 'node:dgram'
import { EventEmitter } from 'node:events'
import type { Socket as StreamSocket } from 'node:net'
import {
  type Believe,
  type Claim,
  claimOf,
  examine,
  type Flow,
  judge,
  Newest,
  showEnd,
  type Trust,
  why,
} from '../../listen/index.ts'
import { BorrowedSocket, type QueuedError } from '../../os/index.ts'
import { type Ip, showIp } from '../../wire/addr.ts'
import * as extension from '../../wire/extension.ts'
import { hex } from '../../wire/octets.ts'
import { MIN_FIELD } from '../../wire/original-datagram.ts'
import { stateName } from '../../wire/outage-object.ts'
import { lookup } from '../../wire/registry.ts'
import type { NoticeKey } from '../notices/keys.ts'
import { TakenDatagrams, type UdpHandle } from './datagram.ts'
import { KeyRing } from './key.ts'

export interface OutagesOptions {
  /** Who may say so: `readKeys(file)`. None: every notice is `unsigned`. */
  keys?: readonly NoticeKey[]
  /** What `believed` means: 'signed' by one of the keys (default), or 'flow': also unsigned, where all else speaks for it. */
  believe?: Believe
  /**
   * TCP: a connection that stands ends with 'error' at the first ICMP error in its window, at once, where it would wait for
   * its time-out otherwise. The kernel keeps nothing of what the notice says then, so there is no 'outage' event.
   */
  endConnection?: boolean
}

/** The other end says that its program has stopped. Its texts are from outside: `safeText` before they are shown. */
export interface Outage {
  program: string | null
  /** 'gone', 'hung', 'offline', 'draining', 'back'; null where nothing of the notice may be used. */
  state: string | null
  reason: string | null
  backAt: Date | null
  /** When the server wrote it. */
  writtenAt: Date | null
  server: string
  /** Who sent the packet. */
  from: string | null
  protocol: 'udp' | 'tcp'
  local: string
  remote: string
  trust: Trust
  /** Fit to act on, by the rule that was asked for. */
  believed: boolean
  /** What speaks for and against it, one line. */
  why: string
  signedBy: string | null
}

/** Any ICMP error about the socket, one with a notice too. */
export interface SocketError {
  type: number
  code: number
  name: string
  /** One sentence. */
  meaning: string
  from: string | null
  mtu: number | null
}

/**
 * Notices about `socket`, of node:dgram or node:net, connected or about to be: `outages(socket).on('outage', (o) => …)`.
 * Linux; no privilege. An 'error' handler on the socket itself is needed as ever: Node ends a program without one where a
 * port is closed, notice or not.
 * @throws TypeError where that is no such socket or Node does not show its descriptor; OsError in a worker thread (dgram)
 */
export function outages(socket: DatagramSocket | StreamSocket, options: OutagesOptions = {}): Outages {
  return new Outages(socket, options)
}

/** 'outage' events of one socket; ends with it, or by `close`. */
export class Outages extends EventEmitter<{ outage: [Outage]; icmp: [SocketError]; error: [Error] }> {
  readonly #socket: DatagramSocket | StreamSocket
  readonly #o: OutagesOptions
  readonly #keys: KeyRing
  readonly #datagram: boolean
  #taken: TakenDatagrams | undefined
  #borrowed: BorrowedSocket | undefined
  #handle: object | undefined

  /** @throws TypeError, OsError */
  constructor(socket: DatagramSocket | StreamSocket, options: OutagesOptions) {
    super()
    this.#socket = socket
    this.#o = options
    this.#keys = new KeyRing(options.keys ?? [])
    this.#datagram = isDatagram(socket)
    if (!this.#datagram && !isStream(socket))
      throw new TypeError('outages: a socket of node:dgram or node:net is wanted')
    this.#attach()
    if (!this.#datagram) {
      if (!(socket as StreamSocket).connecting && this.#borrowed !== undefined) this.#connected()
      socket.on('connect', this.#connected)
    }
    for (const event of ['listening', 'connect', 'connectionAttempt']) socket.on(event as 'connect', this.#attachLater)
    // Before whoever was there first: the next socket may want the port.
    socket.prependListener('close', this.#closed)
  }

  /** The socket goes on as it was before. */
  close(): void {
    this.#taken?.giveBack()
    this.#borrowed?.forgo()
    this.#end()
  }

  readonly #closed = (): void => {
    this.#readStream()
    this.#end()
  }

  #end(): void {
    for (const event of ['listening', 'connect', 'connectionAttempt'])
      this.#socket.off(event as 'connect', this.#attachLater)
    this.#socket.off('connect', this.#connected)
    this.#socket.off('close', this.#closed)
    this.#taken?.close()
    this.#borrowed?.close()
    this.#taken = undefined
    this.#borrowed = undefined
  }

  readonly #attachLater = (): void => {
    try {
      this.#attach()
    } catch (e) {
      this.emit('error', e as Error)
    }
  }

  /** As soon as there is a descriptor; a connection that tries several addresses has one after the other. */
  #attach(): void {
    const handle = this.#datagram ? datagramHandle(this.#socket) : streamHandle(this.#socket)
    if (handle === undefined || handle.fd < 0 || handle === this.#handle) return
    this.#handle = handle
    if (this.#datagram) {
      const isConnected = () => connectedTo(this.#socket as DatagramSocket)
      const taken = new TakenDatagrams(handle as UdpHandle, isConnected, (e) => this.#told(e, taken.socket))
      this.#taken = taken
    } else {
      this.#readStream()
      this.#borrowed?.close()
      this.#borrowed = new BorrowedSocket(handle.fd, 'errors', () => this.#readStream())
    }
  }

  /** It stands: from now on errors are told as they would be without us. */
  readonly #connected = (): void => {
    if (this.#o.endConnection !== true) this.#borrowed?.forgo()
  }

  #readStream(): void {
    const borrowed = this.#borrowed
    borrowed?.errors((e) => this.#told(e, borrowed))
  }

  #told(e: QueuedError, queue: BorrowedSocket): void {
    const { name, meaning } = lookup(e.family, e.type, e.code)
    const from = e.from === undefined ? null : showIp(e.from)
    const { type, code, mtu } = e
    this.emit('icmp', { type, code, name, meaning, from, mtu: mtu === 0 ? null : mtu })
    const begin = queue.tellsExtensions ? e.extensions : this.#usualPlace(e)
    const claim = begin < 0 ? undefined : claimOf(extension.parse(e.octets, begin, e.octets.length))
    const flow = this.#flow(e, queue)
    if (claim !== undefined && flow !== undefined) this.emit('outage', this.#judged(claim, flow, e.from, from))
  }

  #judged(claim: Claim, flow: Flow, sender: Ip | undefined, from: string | null): Outage {
    const { believe = 'signed' } = this.#o
    const about = examine(claim, flow, Date.now() / 1000, (o, payload) => this.#keys.verify(o, payload), newest)
    // The kernel has matched it with this socket, and of TCP the sequence number with what is in flight.
    const socket = { found: 'listed', connected: true, connecting: false, process: undefined } as const
    const window = flow.protocol === 'tcp' ? 'in' : undefined
    const { trust, believed, findings } = judge(about, { socket, fromServer: sender === flow.remote, window }, believe)
    const object = claim.kind === 'outage' && !findings.includes('bad-signature') ? claim.object : undefined
    const key = trust === 'signed' && object !== undefined ? this.#keys.keyOf(object) : undefined
    const signedBy = key === undefined ? null : key.who === '' ? hex(key.id) : key.who
    return {
      program: object?.program ?? null,
      state: object === undefined ? null : stateName(object.state),
      reason: object?.reason ?? null,
      backAt: object?.backAt === undefined ? null : new Date(object.backAt * 1000),
      writtenAt: object === undefined ? null : new Date(object.seconds * 1000),
      server: showIp(flow.remote),
      from,
      protocol: flow.protocol,
      local: showEnd(flow.local, flow.localPort),
      remote: showEnd(flow.remote, flow.remotePort),
      trust,
      believed,
      why: why(findings, signedBy === null ? {} : { signature: `signed by ${signedBy}` }),
      signedBy,
    }
  }

  /** Where RFC 4884 puts extensions behind the shortest quote, for kernels that do not say. */
  #usualPlace(e: QueuedError): number {
    const begin = MIN_FIELD - (e.family === 4 ? 20 : 40) - (this.#datagram ? 8 : 0)
    const there = e.octets.length - begin >= 8 && e.octets[begin]! >>> 4 === 2
    return there && extension.judge(e.octets, begin, e.octets.length) === 'ok' ? begin : -1
  }

  #flow({ to, family }: QueuedError, queue: BorrowedSocket): Flow | undefined {
    const { local } = queue
    if (local === undefined || to === undefined) return undefined
    const protocol = this.#datagram ? 'udp' : 'tcp'
    return { family, protocol, local: local.address, localPort: local.port, remote: to.address, remotePort: to.port }
  }
}

/** Replays are replays whichever socket they reach. */
const newest = new Newest()

interface Handle {
  readonly fd: number
}

function isDatagram(socket: object): boolean {
  return 'remoteAddress' in socket && typeof socket.remoteAddress === 'function'
}

function isStream(socket: object): boolean {
  return 'connecting' in socket && 'remotePort' in socket
}

/** Node shows the handle of a stream as `_handle`. */
function streamHandle(socket: object): Handle | undefined {
  return (socket as { _handle?: Handle | null })._handle ?? undefined
}

/** That of a datagram socket it keeps behind a symbol; once it is bound there is a descriptor. */
function datagramHandle(socket: object): UdpHandle | undefined {
  const symbol = Object.getOwnPropertySymbols(socket).find((s) => s.description === 'state symbol')
  const state = symbol === undefined ? undefined : (socket as Record<symbol, { handle?: UdpHandle | null }>)[symbol]
  if (state === undefined || !('handle' in state)) {
    throw new TypeError(`outages: Node ${process.versions.node} does not show the descriptor of a datagram socket`)
  }
  return state.handle ?? undefined
}

function connectedTo(socket: DatagramSocket): boolean {
  try {
    socket.remoteAddress()
    return true
  } catch {
    return false
  }
}
