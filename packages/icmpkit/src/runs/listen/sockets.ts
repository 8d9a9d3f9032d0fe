/**
 * The sockets of this machine by what an ICMP error quotes, and whose they are. A TCP connection that is being set up ends
 * with the error, and its program may be gone before we look: such sockets are remembered for some seconds, a few times a
 * second, and the kernel tells which have ended (SocketWatch).
 */
import { type Flow, type LocalSocket, showFlow } from '../../listen/index.ts'
import * as os from '../../os/index.ts'

interface Remembered {
  flow: Flow
  inode: number
  process: LocalSocket['process']
  connecting: boolean
  until: number
}

export class Sockets implements Disposable {
  readonly #diag: os.SockDiag
  readonly #watch: os.SocketWatch | undefined
  readonly #owners = new os.SocketOwners()
  readonly #remembered = new Map<string, Remembered>()
  #restsUntil = Number.NEGATIVE_INFINITY
  /** What could not be had, for people. */
  readonly notes: string[] = []

  /** @throws OsError */
  constructor(netns?: string | number) {
    this.#diag = os.openSockDiag(netns)
    try {
      this.#watch = os.watchSockets({ connections: true, ...(netns === undefined ? {} : { netns }) })
    } catch (e) {
      // A kernel without it tells less of what has just ended.
      this.notes.push((e as Error).message)
    }
  }

  find(now: number, flow: Flow, interfaceIndex = 0): LocalSocket | undefined {
    const { protocol, local, localPort, remote, remotePort } = flow
    const name = { protocol, local, localPort, remote, remotePort }
    const s = this.#diag.find(interfaceIndex === 0 ? name : { ...name, interfaceIndex })
    const whole = s !== undefined && s.remotePort === remotePort && s.remote === remote
    // A listener of the same port is not the connection, nor is what waits out its time.
    if (s !== undefined && s.inode !== 0 && (whole || (protocol === 'udp' && s.remotePort === 0))) {
      const process = this.#owners.owner(s.inode)
      const connecting = s.state === 'synSent'
      // The next notice about it may find it gone.
      if (whole) this.#keep({ flow, inode: s.inode, process, connecting, until: now + MEMORY_MS })
      return { found: 'listed', connected: whole, connecting, process }
    }
    this.#readEnds(now)
    const r = this.#remembered.get(showFlow(flow))
    return r && { found: 'ended', connected: true, connecting: r.connecting, process: r.process }
  }

  /** Processes whose sockets may not be seen. */
  get hidden(): number {
    return this.#owners.unreadable
  }

  /** Ends the connection. False: there is no such socket. @throws OsError with the cure where rights are missing */
  destroy({ protocol, local, localPort, remote, remotePort }: Flow, interfaceIndex = 0): boolean {
    return this.#diag.destroy({ protocol, local, localPort, remote, remotePort, interfaceIndex })
  }

  /** Takes note of connections that are being set up; of connected UDP sockets too, where `udp`. */
  remember(now: number, udp: boolean): void {
    // Where there are a hundred thousand sockets, listing them takes long: a twentieth of the time, at most.
    if (now < this.#restsUntil) return
    const began = performance.now()
    this.#remember(now, udp)
    this.#restsUntil = now + (performance.now() - began) * REST
  }

  #remember(now: number, udp: boolean): void {
    this.#readEnds(now)
    for (const [key, { until }] of this.#remembered) if (until <= now) this.#remembered.delete(key)
    const fresh: Remembered[] = []
    const note = (s: os.SocketRecord) => {
      if (s.inode === 0 || s.open) return
      const { protocol, family, local, localPort, remote, remotePort, inode } = s
      const flow = { protocol, family, local, localPort, remote, remotePort }
      const key = showFlow(flow)
      const known = this.#remembered.get(key)
      if (known?.inode === inode) known.until = now + MEMORY_MS
      else {
        const r = { flow, inode, process: undefined, connecting: protocol === 'tcp', until: now + MEMORY_MS }
        if (this.#keep(r)) fresh.push(r)
      }
    }
    this.#diag.each({ protocol: 'tcp', states: ['synSent'] }, note)
    if (udp) this.#diag.each({ protocol: 'udp', states: ['established'] }, note)
    if (fresh.length === 0) return
    for (const r of fresh) r.process = this.#owners.owner(r.inode)
  }

  [Symbol.dispose](): void {
    this.#diag.close()
    this.#watch?.close()
  }

  /** Sockets that have ended since we last looked: a notice may still be about them. */
  #readEnds(now: number): void {
    const until = now + MEMORY_MS
    this.#watch?.read((s) => {
      if (s.open || s.localPort === 0) return
      const { protocol, family, local, localPort, remote, remotePort } = s
      const flow = { protocol, family, local, localPort, remote, remotePort }
      const key = showFlow(flow)
      const known = this.#remembered.get(key)
      if (known !== undefined) known.until = until
      else this.#keep({ flow, inode: 0, process: undefined, connecting: false, until })
    })
  }

  /** False: there is no room for more. */
  #keep(r: Remembered): boolean {
    const key = showFlow(r.flow)
    if (this.#remembered.size >= MOST && !this.#remembered.has(key)) return false
    this.#remembered.set(key, r)
    return true
  }
}

/** How long a socket that has ended is remembered. */
const MEMORY_MS = 10_000
const MOST = 4096
/** Of the time that a listing took, so much rest. */
const REST = 20
