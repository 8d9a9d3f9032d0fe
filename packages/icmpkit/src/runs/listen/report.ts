/** What `listen()` tells the world: addresses as text, moments as decimal strings, what is not known as null. */
import { type Clock, showTime } from '../../clock.ts'
import {
  type ErrorHeard,
  type Finding,
  type Flow,
  type Listener,
  type LocalSocket,
  type NoticeHeard,
  showEnd,
  type Trust,
  why,
} from '../../listen/index.ts'
import { type Ip, isLinkLocal, showIp } from '../../wire/addr.ts'
import { hex } from '../../wire/octets.ts'
import { stateName } from '../../wire/outage-object.ts'
import { lookup } from '../../wire/registry.ts'
import type { NoticeKey } from '../notices/keys.ts'

/** The sockets are open. Always the first. */
export interface ListenReady {
  kind: 'ready'
  time: string
  /** What was opened, what could not be, what cannot be seen; for people. */
  notes: readonly string[]
}

/** The flow of this machine that an error is about, and who has it. */
interface About {
  protocol: string | null
  /** `192.0.2.1:5000`, `[2001:db8::1]:5000`; null where the quote does not tell. */
  local: string | null
  remote: string | null
  /** null where nobody has it, or where it may not be seen. */
  process: { pid: number; name: string } | null
}

/** A server says that a program of its has stopped. Its texts are from outside: `safeText` before they are shown. */
export interface Notice extends About {
  kind: 'notice'
  time: string
  /** Whose program: the other end of the flow. */
  server: string
  /** Who sent the packet. */
  from: string
  program: string | null
  /** 'gone', 'hung', 'offline', 'draining', 'back'; null where nothing of the notice may be used. */
  state: string | null
  reason: string | null
  /** Seconds since 1970, as `time`. */
  backAt: string | null
  /** When the server wrote it. */
  writtenAt: string | null
  trust: Trust
  /** Fit to act on, by the rule that was asked for. */
  believed: boolean
  /** What speaks for and against it, one line; `findings` are the same as words of a closed list. */
  why: string
  findings: readonly Finding[]
  /** Whose key, or its number where nobody gave it a name; null without a good signature. */
  signedBy: string | null
  /** What this machine did to the connection because it was asked to; null: nothing. */
  closed: 'closed' | 'no-socket' | 'refused' | null
}

/** Any other ICMP error that reached this machine. */
export interface ListenError extends About {
  kind: 'error'
  time: string
  from: string
  type: number
  code: number
  name: string
  /** One sentence. */
  meaning: string
  mtu: number | null
  /** Whom the quoted datagram was for. */
  destination: string | null
  /** Whether a socket of this machine has that flow. */
  live: boolean
}

export interface ListenSummary {
  kind: 'summary'
  time: string
  /** ICMP errors that reached this machine. */
  errors: number
  notices: number
  believed: number
  /** What was not told, and why. */
  untold: Readonly<Record<string, number>>
  /** Packets that the kernel's queue had no room for. */
  queueOverflow: number
  programs: readonly ProgramReport[]
}

/** The latest of a program that this machine has been told of. */
export interface ProgramReport {
  server: string
  program: string | null
  protocol: 'udp' | 'tcp'
  port: number
  state: string | null
  reason: string | null
  backAt: string | null
  trust: Trust
  believed: boolean
  notices: number
  lastTime: string
}

export type ListenEvent = ListenReady | Notice | ListenError | ListenSummary

export function reportNotice(
  e: NoticeHeard,
  clock: Clock,
  zone: (index: number) => string | undefined,
  key: NoticeKey | undefined,
  closed: Notice['closed'],
): Notice {
  const { object, judgement } = e
  const server = text(e.server, () => zone(e.port))
  const from = text(e.from, () => zone(e.port))
  const seen = object?.workstation
  const signedBy = key === undefined ? null : key.who === '' ? hex(key.id) : key.who
  const said = why(judgement.findings, {
    ...(signedBy === null ? {} : { signature: `signed by ${signedBy}` }),
    'other-sender': `it came from ${from}, not from the server’s address`,
    ...(seen === undefined
      ? {}
      : {
          'other-workstation': `the server sees this workstation as ${showEnd(seen.address, seen.port)}: NAT on the way, or it was meant for another`,
        }),
  })
  return {
    kind: 'notice',
    time: showTime(clock.wall(e.at)),
    server,
    from,
    program: object?.program ?? null,
    state: object === undefined ? null : stateName(object.state),
    reason: object?.reason ?? null,
    backAt: moment(object?.backAt),
    writtenAt: moment(object?.seconds),
    ...about(e.flow, e.socket, () => zone(e.port)),
    trust: judgement.trust,
    believed: judgement.believed,
    why: said,
    findings: judgement.findings,
    signedBy,
    closed,
  }
}

export function reportError(e: ErrorHeard, clock: Clock, zone: (index: number) => string | undefined): ListenError {
  const { family, from, type, code, mtu, flow, quoted, port } = e.heard
  const { name, meaning } = lookup(family, type, code)
  return {
    kind: 'error',
    time: showTime(clock.wall(e.at)),
    from: text(from, () => zone(port)),
    type,
    code,
    name,
    meaning,
    mtu: mtu === 0 ? null : mtu,
    destination: quoted === undefined ? null : text(quoted.dst, () => zone(port)),
    ...(flow === undefined
      ? { ...NO_FLOW, protocol: quoted === undefined ? null : named(quoted.protocol) }
      : about(flow, e.socket, () => zone(port))),
    live: e.socket !== undefined,
  }
}

export function summarize(l: Listener | undefined, clock: Clock, queueOverflow: number): ListenSummary {
  const time = showTime(clock.wall(clock.now()))
  const errors = Object.values(l?.heard ?? {}).reduce((sum, n) => sum + n, 0)
  const programs = (l?.programs.rows() ?? []).map(({ at, server, backAt, ...row }) => {
    return { ...row, server: showIp(server), backAt: moment(backAt ?? undefined), lastTime: showTime(clock.wall(at)) }
  })
  const { notices = 0, believed = 0 } = l ?? {}
  return { kind: 'summary', time, errors, notices, believed, untold: { ...l?.untold }, queueOverflow, programs }
}

function about(flow: Flow, socket: LocalSocket | undefined, zone: () => string | undefined): About {
  const end = (ip: Ip, port: number) => showEnd(ip, port, isLinkLocal(ip) ? zone() : undefined)
  return {
    protocol: flow.protocol,
    local: end(flow.local, flow.localPort),
    remote: end(flow.remote, flow.remotePort),
    process: socket?.process ?? null,
  }
}

/** The zone costs a system call, and few need it. */
function text(ip: Ip, zone: () => string | undefined): string {
  return showIp(ip, isLinkLocal(ip) ? zone() : undefined)
}

function moment(seconds: number | undefined): string | null {
  return seconds === undefined ? null : showTime(BigInt(seconds) * 1_000_000_000n)
}

function named(protocol: number): string {
  return PROTOCOLS[protocol] ?? `${protocol}`
}

const PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6', 132: 'sctp' }
const NO_FLOW = { local: null, remote: null, process: null }
