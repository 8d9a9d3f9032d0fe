/** UDP datagrams of a scenario, each from a socket of its own, so that what comes back is known by its port. */
import type { Instant } from '../clock.ts'
import type { SocketError, UdpSocket } from '../stack/transport/udp-table.ts'
import { familyOf, showIp } from '../wire/addr.ts'
import { type Asker, about, failure, type Question, Tally } from './asker.ts'
import type { AskSummary } from './scenario-event.ts'

interface Waiting {
  seq: number
  socket: UdpSocket
  sentAt: number
}

export class UdpAsker implements Asker {
  readonly #q: Question
  readonly #tally = new Tally()
  #nextAt: number
  #stopped = false
  #waiting: Waiting[] = []

  constructor(q: Question) {
    this.#q = q
    this.#nextAt = q.data.at ?? 0
  }

  get due(): number | undefined {
    const givenUp = this.#waiting[0] === undefined ? Number.POSITIVE_INFINITY : this.#givenUpAt(this.#waiting[0])
    const due = Math.min(this.#left > 0 ? this.#nextAt : Number.POSITIVE_INFINITY, givenUp)
    return due === Number.POSITIVE_INFINITY ? undefined : due
  }

  look(now: Instant): void {
    for (const w of this.#waiting) {
      const data = w.socket.receive()
      const error = data === undefined ? w.socket.error() : undefined
      if (data !== undefined) {
        const rttNs = Math.round((now - w.sentAt) * 1e6)
        this.#tally.received++
        this.#tally.took(rttNs)
        const by = this.#q.ownerOf(data.from)
        this.#q.emit({ kind: 'reply', ...this.#about(now), seq: w.seq, from: showIp(data.from), by, ttl: null, rttNs })
        this.#done(w)
      } else if (error !== undefined) this.#failed(now, w, error)
    }
  }

  wake(now: Instant): void {
    for (const w of this.#waiting) {
      if (this.#givenUpAt(w) > now) break
      this.#tally.lost++
      this.#q.emit({ kind: 'timeout', ...this.#about(now), seq: w.seq })
      this.#done(w)
    }
    if (this.#left > 0 && this.#nextAt <= now) this.#send(now)
    this.look(now)
  }

  stop(): void {
    this.#stopped = true
    for (const w of this.#waiting) {
      this.#tally.lost++
      this.#done(w)
    }
  }

  summary(): AskSummary {
    return this.#tally.summary(this.#q)
  }

  get #left(): number {
    return this.#stopped ? 0 : (this.#q.data.count ?? 3) - this.#tally.sent
  }

  #about(now: number) {
    return about(this.#q, now)
  }

  #givenUpAt(w: Waiting): number {
    return w.sentAt + (this.#q.data.timeout ?? 1000)
  }

  #send(now: Instant): void {
    const { data, node, ip } = this.#q
    const port = data.port ?? PORT
    const seq = ++this.#tally.sent
    const octets = data.size ?? 56
    const socket = node.node.transport.udp.bind({ family: familyOf(ip) })
    this.#waiting.push({ seq, socket, sentAt: now })
    this.#nextAt = now + (data.interval ?? 1000)
    this.#q.emit({ kind: 'sent', ...this.#about(now), what: 'udp', seq, octets })
    const how = { ttl: data.ttl ?? 64, df: data.df ?? false }
    const sent = socket.send(now, new Uint8Array(octets), { address: ip, port, ...how })
    node.settle(now)
    if (sent === 'sent') return
    this.#tally.errors++
    this.#tally.lost++
    const own = { from: null, type: null, code: null, why: sent, mtu: null, pointer: null, extensions: undefined }
    this.#q.emit(failure(this.#q, now, seq, own))
    this.#done(this.#waiting.at(-1)!)
  }

  #failed(now: number, w: Waiting, e: SocketError): void {
    if (e.origin === 'path') return
    this.#tally.errors++
    this.#tally.lost++
    const icmp = e.origin === 'icmp'
    const said = { type: icmp ? e.type : null, code: icmp ? e.code : null, from: e.from ?? null }
    const rest = { why: e.why ?? null, mtu: e.mtu, pointer: e.pointer, extensions: undefined }
    this.#q.emit(failure(this.#q, now, w.seq, { ...said, ...rest }))
    this.#done(w)
  }

  #done(w: Waiting): void {
    w.socket.close()
    this.#waiting = this.#waiting.filter((other) => other !== w)
  }
}

/** Where traceroute's datagrams go: nobody listens there. */
const PORT = 33_434
