/** What may be asked of a ping, checked, and turned into what its machine, its question and its doors want to know. */
import type { Clock } from '../../clock.ts'
import type { Door } from '../../door.ts'
import type { Surroundings } from '../../lab/vantage.ts'
import type * as os from '../../os/index.ts'
import { EchoQuestion } from '../../probe/echo-question.ts'
import type { NodeInfoAsks } from '../../probe/node-info-question.ts'
import type { PingSettings } from '../../probe/ping-settings.ts'
import type { Question } from '../../probe/question.ts'
import { type Family, familyOf, parseIp } from '../../wire/addr.ts'
import * as ip4Option from '../../wire/ip4-option.ts'
import type { PacketSeen } from '../packet-tap.ts'

export type PingQuestion =
  | { kind: 'echo' }
  /** RFC 792 Timestamp, IPv4 only. */
  | { kind: 'timestamp' }
  /** RFC 8335 PROBE: an interface of the target's, by name, index, IP address or MAC; with `neighbor` one of its neighbours. */
  | { kind: 'probe'; interface: string; neighbor?: boolean }
  /** RFC 4620, IPv6 only. */
  | { kind: 'nodeinfo'; asks: NodeInfoAsks }

/** Times in milliseconds. */
export interface PingOptions {
  /** Probes to each target; with `deadline`, replies awaited. Endless without. */
  count?: number
  /** Between two probes to one target. 1000. */
  interval?: number
  /** After which a probe counts as lost; a later reply corrects it. 4000: a kernel asks for a neighbour three seconds long before it says that there is none. */
  timeout?: number
  /** For the whole run, from the first target that has an address on. */
  deadline?: number
  /** Payload octets, 0 … 65507 (IPv6 65527). 56. */
  size?: number
  /** Repeats through the payload. */
  pattern?: Uint8Array
  /** TTL or hop limit. 64. */
  ttl?: number
  tos?: number
  flowLabel?: number
  /** Path-MTU discovery as iputils -M has it; without it the system's setting. */
  dontFragment?: 'do' | 'want' | 'dont' | 'probe'
  /** An address of this machine. */
  source?: string
  /** Name of an interface or a VRF. */
  interface?: string
  /** SO_MARK; needs CAP_NET_ADMIN. */
  mark?: number
  family?: Family
  /** Every address of each name, both families. */
  allAddresses?: boolean
  question?: PingQuestion
  /** 'adaptive': the next probe leaves when the last is answered; 'flood': the same, every 10 ms at least. */
  pace?: 'interval' | 'adaptive' | 'flood'
  /** At most so many packets a second in all. */
  rate?: number
  /** Stop when so many packets have left. */
  budget?: number
  preload?: number
  /** Ask routers to record themselves (IPv4). */
  recordRoute?: boolean
  /** IPv4 timestamp option: times only, with addresses, or of the hosts named. */
  timestampOption?: 'only' | 'and-address' | readonly string[]
  /** Let a broadcast address be asked. */
  broadcast?: boolean
  tellOutstanding?: boolean
  /** Name or process id of a network namespace. Names of hosts are resolved outside it. */
  netns?: string
  door?: 'auto' | 'ping-socket' | 'raw-socket'
  /** Kernel stamps where the door has them, or the time between our own system calls. Kernel. */
  stamps?: 'kernel' | 'user'
  /** Give up all rights of this process once the doors are open. */
  dropRights?: boolean
  /**
   * Stay when all targets are done, or none could be asked: more are added later, and `stop`, the signal, the deadline
   * or the budget ends it.
   * Such a run may go on for weeks: its result counts every target, and keeps the summaries of the last 16,384.
   */
  hold?: boolean
  signal?: AbortSignal
  /** Every packet in and out, on loan; for a capture file. */
  onPacket?: (p: PacketSeen) => void
  /** Over these instead of the system's doors: a lab. `ping('srv', { over: net.from('me') })`. */
  over?: { doors: readonly Door[]; clock: Clock } & Partial<Surroundings>
}

export const INTERVAL = 1000
const TIMEOUT = 4000

export function settingsOf(
  o: PingOptions,
  question: Question,
  echoId: PingSettings['echoId'],
  clock: Clock,
): PingSettings {
  const now = clock.now()
  const dayMs = 86_400_000
  return {
    question,
    intervalMs: o.interval ?? INTERVAL,
    timeoutMs: o.timeout ?? TIMEOUT,
    count: o.count,
    deadlineMs: o.deadline,
    pace: o.pace ?? 'interval',
    spacingMs: o.rate === undefined ? 0 : 1000 / o.rate,
    preload: o.preload ?? 1,
    budget: o.budget,
    ttl: o.ttl ?? 64,
    tos: o.tos ?? 0,
    flowLabel: o.flowLabel ?? 0,
    dontFragment: o.dontFragment === 'do' || o.dontFragment === 'probe',
    ipOptions: ipOptionsOf(o),
    tellOutstanding: o.tellOutstanding === true,
    userClock: o.stamps === 'user',
    hold: o.hold === true,
    echoId,
    midnightOffsetMs: (Number(clock.wall(now) % BigInt(dayMs * 1e6)) / 1e6 - now) % dayMs,
    random: o.over?.random ?? Math.random,
  }
}

export function doorSpec(o: PingOptions, family: Family, question: Question): os.DoorSpec {
  const ipOptions = family === 4 ? ipOptionsOf(o) : undefined
  const source = o.source === undefined ? undefined : parseIp(o.source)
  // The kernel's ping socket sends echo and extended echo, nothing else.
  const rawOnly = question.name === 'timestamp' || question.name === 'nodeinfo'
  return {
    kind: rawOnly ? 'raw-socket' : (o.door ?? 'auto'),
    family,
    types: [question.requestType(family), question.replyType(family)],
    ...(o.netns === undefined ? {} : { netns: o.netns }),
    ...(o.interface === undefined ? {} : { interface: o.interface }),
    ...(o.mark === undefined ? {} : { mark: o.mark }),
    ...(source === undefined || familyOf(source) !== family ? {} : { source }),
    ...(o.dontFragment === undefined ? {} : { dontFragment: o.dontFragment }),
    ...(o.broadcast === undefined ? {} : { broadcast: o.broadcast }),
    ...(ipOptions === undefined ? {} : { ipOptions }),
  }
}

/** The rarer questions bring most of `wire` along, so they are loaded when they are asked. */
export async function questionOf(o: PingOptions, secret: Uint8Array): Promise<Question> {
  const q = o.question ?? { kind: 'echo' }
  switch (q.kind) {
    case 'echo':
      return new EchoQuestion(o.size ?? 56, secret, o.pattern)
    case 'timestamp':
      return new (await import('../../probe/timestamp-question.ts')).TimestampQuestion()
    case 'probe': {
      const { identify, InterfaceQuestion } = await import('../../probe/interface-question.ts')
      return new InterfaceQuestion(identify(q.interface), q.neighbor !== true)
    }
    case 'nodeinfo':
      return new (await import('../../probe/node-info-question.ts')).NodeInfoQuestion(q.asks, secret)
  }
}

/** The one family that what is asked for allows, the source's among it. @throws TypeError where no family does */
export function onlyFamily(o: PingOptions): { family: Family; because: string } | undefined {
  const source = o.source === undefined ? undefined : parseIp(o.source)
  const wishes: [string, Family | undefined][] = [
    ['the family asked for', o.family],
    ['the source', source === undefined ? undefined : familyOf(source)],
    ['the question', o.question?.kind === 'timestamp' ? 4 : o.question?.kind === 'nodeinfo' ? 6 : undefined],
    ['record route', o.recordRoute === true ? 4 : undefined],
    ['the timestamp option', o.timestampOption === undefined ? undefined : 4],
    ['the flow label', o.flowLabel === undefined ? undefined : 6],
  ]
  const [first, ...others] = wishes.filter(([, family]) => family !== undefined)
  const other = others.find(([, family]) => family !== first![1])
  if (other !== undefined) throw new TypeError(`ping: ${first![0]} is IPv${first![1]}, ${other[0]} is IPv${other[1]}`)
  if (first === undefined) return undefined
  const [by, family] = first as [string, Family]
  return { family, because: o.family === undefined ? `${by} is IPv${family}` : '' }
}

/** The largest IPv4 datagram less 20 octets of header, the options, and 8 of ICMP. */
export function roomIn4(o: PingOptions): number {
  return 65_507 - (ipOptionsOf(o)?.length ?? 0)
}

/** Record route with nine slots, or the timestamp option (RFC 791 §3.1), padded to words. */
function ipOptionsOf(o: PingOptions): Uint8Array | undefined {
  const { timestampOption: t } = o
  const empty = (n: number) => Array.from({ length: n }, () => parseIp('0.0.0.0') as ip4Option.Route['addresses'][0])
  if (o.recordRoute === true) {
    return ip4Option.writeOptions([{ kind: 'noOperation' }, { kind: 'recordRoute', pointer: 4, addresses: empty(9) }])
  }
  if (t === undefined) return undefined
  const { timeOnly, withAddress, prespecified } = ip4Option.TimestampFlag
  const slots =
    t === 'only'
      ? Array.from({ length: 9 }, () => ({ address: undefined, time: 0 }))
      : t === 'and-address'
        ? empty(4).map((address) => ({ address, time: 0 }))
        : t.map((text) => ({ address: parseIp(text) as ip4Option.Route['addresses'][0], time: 0 }))
  const flag = t === 'only' ? timeOnly : t === 'and-address' ? withAddress : prespecified
  return ip4Option.writeOptions([{ kind: 'timestamp', pointer: 5, overflow: 0, flag, slots }])
}

/** @throws RangeError, TypeError */
export function check(o: PingOptions): void {
  const between = (name: string, value: number | undefined, low: number, high: number, whole = true) => {
    if (value === undefined) return
    if (!(value >= low && value <= high) || (whole && !Number.isInteger(value))) {
      throw new RangeError(
        `ping: ${name} is ${value}; it must be ${whole ? 'a whole number' : 'a number'} from ${low} to ${high}`,
      )
    }
  }
  // Without types, a word that is none would be taken for the default.
  const oneOf = (name: string, value: unknown, words: readonly unknown[]) => {
    if (value !== undefined && !words.includes(value))
      throw new TypeError(`ping: ${name} is ${JSON.stringify(value)}; it must be one of ${words.join(', ')}`)
  }
  oneOf('family', o.family, [4, 6])
  oneOf('pace', o.pace, ['interval', 'adaptive', 'flood'])
  oneOf('dontFragment', o.dontFragment, ['do', 'want', 'dont', 'probe'])
  oneOf('door', o.door, ['auto', 'ping-socket', 'raw-socket'])
  oneOf('stamps', o.stamps, ['kernel', 'user'])
  oneOf('question.kind', o.question?.kind, ['echo', 'timestamp', 'probe', 'nodeinfo'])
  if (!Array.isArray(o.timestampOption)) oneOf('timestampOption', o.timestampOption, ['only', 'and-address'])
  if (o.pattern !== undefined && !(o.pattern instanceof Uint8Array))
    throw new TypeError('ping: pattern must be a Uint8Array')
  const week = 7 * 86_400_000
  between('count', o.count, 1, Number.MAX_SAFE_INTEGER)
  between('interval', o.interval, 0, week, false)
  between('timeout', o.timeout, 0.001, week, false)
  between('deadline', o.deadline, 0.001, 365 * 86_400_000, false)
  // IPv6 counts its header apart (RFC 8200 §3).
  between('size', o.size, 0, o.family === 4 ? roomIn4(o) : 65_527)
  between('ttl', o.ttl, 1, 255)
  between('tos', o.tos, 0, 255)
  between('flowLabel', o.flowLabel, 0, 0xfffff)
  between('mark', o.mark, 0, 0xffffffff)
  between('rate', o.rate, 0.001, 1e7, false)
  between('budget', o.budget, 1, Number.MAX_SAFE_INTEGER)
  between('preload', o.preload, 1, 65_536)
  if (o.source !== undefined && parseIp(o.source) === undefined)
    throw new TypeError(`ping: not an address: ${o.source}`)
  if (Array.isArray(o.timestampOption)) {
    const hosts = o.timestampOption as readonly string[]
    if (hosts.length < 1 || hosts.length > 4) throw new RangeError('ping: the timestamp option names one to four hosts')
    for (const h of hosts) if (typeof parseIp(h) !== 'number') throw new TypeError(`ping: not an IPv4 address: ${h}`)
  }
  onlyFamily(o)
}
