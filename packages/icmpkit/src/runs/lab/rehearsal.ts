/**
 * An outage rehearsed in a lab, in virtual time and without privileges: a program on one node, workstations with connected
 * UDP sockets on others, and what each of them learns when the program goes: by the notices of a notifier on the server, or,
 * for comparison, without one.
 */
import type { Instant } from '../../clock.ts'
import type { LabFlowDoor } from '../../lab/flow-door.ts'
import { ipAt, protocolOf, upperOf } from '../../lab/frame-view.ts'
import { type Lab, lab } from '../../lab/lab.ts'
import type { Passing } from '../../lab/link.ts'
import { Random } from '../../lab/random.ts'
import type { LabConfig } from '../../lab/topology.ts'
import { addressesOf } from '../../lab/vantage.ts'
import type { OutageEvent } from '../../notice/event.ts'
import { Notifier, type NotifierOptions } from '../../notice/notifier.ts'
import type { ProgramSpec } from '../../notice/program.ts'
import type { Delivery } from '../../stack/transport/transport.ts'
import type { UdpSocket } from '../../stack/transport/udp-table.ts'
import { type Family, type Ip, showIp } from '../../wire/addr.ts'
import { usable } from '../../wire/extension.ts'
import * as icmp4 from '../../wire/icmp4.ts'
import * as icmp6 from '../../wire/icmp6.ts'
import { u16 } from '../../wire/octets.ts'
import * as outageObject from '../../wire/outage-object.ts'
import { parse as parseQuote } from '../../wire/quote.ts'

export interface OutageRehearsal {
  network: LabConfig
  /** The node on which the program runs. */
  server: string
  /** Its protocol is udp. */
  program: ProgramSpec
  /** Nodes, one connected socket for each; a node may be named many times. */
  workstations: readonly string[]
  /** 4. */
  family?: Family
  /**
   * Datagrams that each sends, and gets answered, before it only waits; milliseconds between them; octets of data in each.
   * 3, 200, 128. Who has said less than a notice is long gets an error without words.
   */
  talk?: { count?: number; interval?: number; octets?: number }
  /** What happens to the program, and when: the operator takes it offline or drains it, or it is killed. */
  outage: { at: number; how: 'offline' | 'draining' | 'killed'; reason?: string; backAt?: number }
  /** false: nobody tells, as in a network without notices. */
  notices?: boolean
  /** Settings of the notifier. */
  manners?: Omit<Partial<NotifierOptions>, 'programs' | 'wall' | 'random'>
  /** Milliseconds from the outage to the end. 5000. */
  watch?: number
}

export interface Connected {
  kind: 'connected'
  /** Virtual milliseconds. */
  time: number
  /** Its place in `workstations`. */
  workstation: number
  node: string
  /** Its own address and port, and those of the program. */
  local: string
  localPort: number
  remote: string
  rttNs: number
}

/** Its socket got an error: a program there would have `ECONNREFUSED` or `EHOSTUNREACH`. */
export interface Learned {
  kind: 'learned'
  time: number
  workstation: number
  node: string
  from: string
  type: number
  code: number
  /** Since the outage. */
  afterNs: number
  /** What the notice says; undefined where the error is a bare one. */
  outage: outageObject.Outage | undefined
  /** Octets of the ICMP message. */
  octets: number
}

export interface Rehearsed {
  kind: 'summary'
  time: number
  workstations: number
  connected: number
  learned: number
  /** Since the outage; null where nobody learned of it. */
  lastNs: number | null
}

export type RehearsalEvent = Connected | Learned | (OutageEvent & { time: number }) | Rehearsed

/** Time goes on while the next event is asked for. @throws TypeError, RangeError on what cannot be used */
export function rehearseOutage(o: OutageRehearsal): Rehearsal {
  return new Rehearsal(o)
}

interface Workstation {
  place: number
  node: string
  socket: UdpSocket
  sent: number
  sentAt: number
  connected: boolean
  learned: boolean
}

/** A rehearsal under way; `for (const e of rehearseOutage(…))`, once. */
export class Rehearsal implements Iterable<RehearsalEvent> {
  readonly lab: Lab
  /** undefined where nobody tells. */
  readonly notifier: Notifier | undefined
  readonly #o: OutageRehearsal
  readonly #door: LabFlowDoor | undefined
  readonly #program: UdpSocket
  readonly #remote: Ip
  readonly #workstations: Workstation[]
  /** By node and port. */
  readonly #byPort = new Map<string, Workstation>()
  /** To whom something has come since they were looked at last. */
  readonly #reached = new Set<Workstation>()
  /** What notices said, by node and port. */
  readonly #heard = new Map<string, { outage: outageObject.Outage | undefined; octets: number }>()
  #over = false

  constructor(o: OutageRehearsal) {
    if (o.program.protocol !== 'udp') throw new TypeError('a rehearsal is of a UDP program')
    const { family = 4, server } = o
    this.#o = o
    this.lab = lab(o.network)
    const node = this.lab.node(server)
    const [remote] = addressesOf(this.lab, server, family)
    if (remote === undefined) throw new TypeError(`rehearsal: '${server}' has no IPv${family} address`)
    this.#remote = remote
    this.#program = node.node.transport.udp.bind({ family, port: o.program.port, queue: MANY })
    if (o.notices !== false) {
      const random = new Random(o.network.seed ?? 1, STREAM)
      const own = new Set<string>(addressesOf(this.lab, server).map((ip) => showIp(ip)))
      this.notifier = new Notifier({
        mine: (ip) => own.has(showIp(ip)),
        ...o.manners,
        programs: [o.program],
        wall: (at) => Number(this.lab.clock.wall(at) / 1_000_000_000n),
        random: () => random.fraction(),
      })
      this.#door = node.flowDoor()
      this.lab.clock.leave([this.#door])
    }
    this.#workstations = o.workstations.map((name, place) => this.#workstation(name, place))
    for (const w of this.#workstations) this.#byPort.set(`${w.node} ${w.socket.port}`, w)
    const nodes = new Set<string>(o.workstations)
    for (const name of nodes) this.#listen(name)
    for (const l of this.lab.links)
      if (l.ends.some((e) => nodes.has(e.node))) this.lab.tap(l.name, (p) => this.#passing(p, l.medium))
    // A little apart, as people are.
    for (const w of this.#workstations) this.lab.at(10 + (w.place % 97), () => this.#talk(w))
  }

  *[Symbol.iterator](): Generator<RehearsalEvent, void, void> {
    const { outage, watch = 5000 } = this.#o
    const end = outage.at + watch
    const { lab: net } = this
    let happened = false
    while (net.now < end) {
      const due = this.notifier?.pollTimeout() ?? end
      const next = Math.min(end, due, net.next, happened ? end : outage.at)
      net.run(Math.max(next, net.now))
      if (!happened && net.now >= outage.at) {
        happened = true
        this.#happen(net.now)
      }
      this.#serve(net.now)
      yield* this.#notify(net.now)
      for (const w of this.#reached) yield* this.#look(net.now, w)
      this.#reached.clear()
    }
    const learned = this.#workstations.filter((w) => w.learned).length
    const connected = this.#workstations.filter((w) => w.connected).length
    const last = learned === 0 ? null : Math.round((this.#last - outage.at) * 1e6)
    yield { kind: 'summary', time: net.now, workstations: this.#workstations.length, connected, learned, lastNs: last }
  }

  #last = 0

  /** The program ends, or its operator says so. */
  #happen(now: Instant): void {
    const { program, outage } = this.#o
    const said = {
      ...(outage.reason === undefined ? {} : { reason: outage.reason }),
      ...(outage.backAt === undefined ? {} : { backAt: outage.backAt }),
    }
    if (outage.how === 'killed') {
      this.#program.close()
      this.#over = true
      this.notifier?.sign(now, program.name, { kind: 'lost' })
    } else if (outage.how === 'offline') this.notifier?.offline(now, program.name, said)
    else this.notifier?.drain(now, program.name, said)
  }

  /** The program answers each datagram. */
  #serve(now: Instant): void {
    if (this.#over) return
    let answered = false
    for (let r = this.#program.receive(); r !== undefined; r = this.#program.receive()) {
      this.#program.send(now, r.data, { address: r.from, port: r.fromPort })
      answered = true
    }
    while (this.#program.error() !== undefined);
    if (answered) this.lab.node(this.#o.server).settle(now)
  }

  *#notify(now: Instant): Generator<RehearsalEvent, void, void> {
    const { notifier } = this
    if (notifier === undefined || this.#door === undefined) return
    this.#door.receive(now, notifier, Number.POSITIVE_INFINITY)
    this.#answerRequests(now, notifier)
    notifier.handleTimeout(now)
    this.#answerRequests(now, notifier)
    while (this.#door.send(now, notifier));
    notifier.handleTimeout(now)
    for (let e = notifier.pollEvent(); e !== undefined; e = notifier.pollEvent()) {
      if (e.kind === 'outage') yield { ...e, time: now }
    }
  }

  #answerRequests(now: Instant, notifier: Notifier): void {
    for (let r = notifier.pollRequest(); r !== undefined; r = notifier.pollRequest()) {
      if (r.kind === 'recheck') notifier.sign(now, r.program, { kind: 'holders', count: this.#over ? 0 : 1 })
    }
  }

  /** It sends its next datagram. */
  #talk(w: Workstation): void {
    const { count = 3, interval = 200, octets = 128 } = this.#o.talk ?? {}
    const { now } = this.lab
    w.sentAt = now
    w.sent++
    w.socket.send(now, new Uint8Array(octets))
    this.lab.node(w.node).settle(now)
    if (w.sent < count) this.lab.at(now + interval, () => this.#talk(w))
  }

  /** A datagram will come to a workstation: it is looked at then, and nobody else. */
  #passing(p: Passing, medium: 'ethernet' | 'ip'): void {
    const ip = ipAt(medium, p.bytes, p.at, p.end)
    if (ip < 0 || Number.isNaN(p.arrives) || protocolOf(p.bytes, ip, p.end) !== UDP) return
    const upper = upperOf(p.bytes, ip, p.end, 8)
    const w = upper < 0 ? undefined : this.#byPort.get(`${p.to} ${u16(p.bytes, upper + 2)}`)
    if (w !== undefined) this.lab.at(p.arrives, () => void this.#reached.add(w))
  }

  *#look(now: Instant, w: Workstation): Generator<RehearsalEvent, void, void> {
    for (let r = w.socket.receive(); r !== undefined; r = w.socket.receive()) {
      if (w.connected) continue
      w.connected = true
      const local = { local: showIp(r.to), localPort: w.socket.port, remote: showIp(r.from) }
      const rttNs = Math.round((now - w.sentAt) * 1e6)
      yield { kind: 'connected', time: now, workstation: w.place, node: w.node, ...local, rttNs }
    }
    for (let e = w.socket.error(); e !== undefined; e = w.socket.error()) {
      if (e.origin !== 'icmp' || e.from === undefined || w.learned) continue
      w.learned = true
      this.#last = now
      const heard = this.#heard.get(`${w.node} ${w.socket.port}`)
      yield {
        kind: 'learned',
        time: now,
        workstation: w.place,
        node: w.node,
        from: showIp(e.from),
        type: e.type,
        code: e.code,
        afterNs: Math.round((now - this.#o.outage.at) * 1e6),
        outage: heard?.outage,
        octets: heard?.octets ?? 0,
      }
    }
  }

  #workstation(name: string, place: number): Workstation {
    const { family = 4, program } = this.#o
    const socket = this.lab.node(name).node.transport.udp.bind({ family })
    socket.connect(this.#remote, program.port)
    return { place, node: name, socket, sent: 0, sentAt: 0, connected: false, learned: false }
  }

  /** Hears the ICMP messages of a node as `icmp listen` does: what stands behind the quote a socket does not say. */
  #listen(name: string): void {
    this.lab.node(name).node.transport.raw.add({
      message: (_now: Instant, d: Delivery) => this.#message(name, d),
      owns: () => false,
    })
  }

  #message(name: string, d: Delivery): void {
    const m = d.family === 4 ? icmp4.parse(d.bytes, d.at, d.end) : icmp6.parse(d.bytes, d.at, d.end)
    if (m.kind !== 'unreachable') return
    const q = parseQuote(m.quote, 0, m.quote.length, d.family)
    if ('kind' in q || q.transport.kind !== 'udp') return
    let outage: outageObject.Outage | undefined
    for (const o of usable(m.extensions)) {
      if (o.kind !== 'unknown' || o.classNum !== outageObject.CLASS || o.cType !== outageObject.C_TYPE) continue
      // The packet is on loan, and what is kept is not.
      const read = outageObject.parse(o.payload.slice())
      if (read.kind === 'outage') outage = read
    }
    const key = `${name} ${q.transport.srcPort}`
    this.#heard.set(key, { outage, octets: d.end - d.at })
    const w = this.#byPort.get(key)
    if (w !== undefined) this.#reached.add(w)
  }
}

/** Datagrams that may wait for the program between two moments. */
const MANY = 1 << 17
const UDP = 17
/** A stream of chance of its own. */
const STREAM = 0x7000_0000
