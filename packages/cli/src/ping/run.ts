/** Runs `icmp ping`: options to the library, events to text or NDJSON, signals, exit code. */
import {
  type PingEvent,
  type PingOptions,
  type PingQuestion,
  type PingRun,
  type PingSummary,
  type PingTotal,
  ping,
} from 'icmpkit'
import { parseIp, safeJson } from 'icmpkit/wire'
import type { InLab, LabFlags, OpenVantage } from '../lab/vantage.ts'
import { Output, remark } from '../output.ts'
import { whenInterrupted } from '../signals.ts'
import type { PacketFile } from './packet-file.ts'
import { PingText, type Told } from './text.ts'

/** What commander gives; times in milliseconds. */
export interface Flags extends LabFlags {
  ipv4?: true
  ipv6?: true
  allAddresses?: true
  count?: number
  interval: number
  timeout: number
  deadline?: number
  size: number
  pattern?: Uint8Array
  ttl?: number
  tos?: number
  dscp?: number
  pmtudisc?: 'do' | 'want' | 'dont' | 'probe'
  interface?: string
  mark?: number
  flowlabel?: number
  adaptive?: true
  flood?: true
  rate?: number
  budget?: number
  preload?: number
  recordRoute?: true
  timestampOption?: 'only' | 'and-address' | string[]
  broadcast?: true
  time?: true
  outstanding?: true
  audible?: true
  precise?: true
  quiet?: true
  verbose?: true
  type: PingQuestion
  ask: 'name' | 'addresses' | 'ip4-addresses'
  door: 'auto' | 'ping-socket' | 'raw-socket'
  clock: 'kernel' | 'user'
  netns?: string
  pcap?: string
  json?: true
}

/** In virtual time an endless ping has no pause in which somebody could stop it. */
const LAB_COUNT = 10
const FLOOD_RATE = 10_000
const FLOOD_BUDGET = 100_000

/** Returns the exit code: 0 every target answered, 1 the network said no, 2 we could not ask. */
export async function run(
  targets: readonly string[],
  given: Flags,
  openVantage: OpenVantage | undefined,
): Promise<number> {
  const say = (line: string) => remark(`icmp: ${line}\n`)
  let lab: InLab | undefined
  try {
    lab = inLab(targets, given, openVantage)
  } catch (e) {
    remark(`${(e as Error).message}\n`)
    return 2
  }
  const flags = bounded(given, lab, say)
  let packets: PacketFile | undefined
  let session: PingRun
  try {
    if (flags.pcap !== undefined)
      packets = new (await import('./packet-file.ts')).PacketFile(flags.pcap, say, () => session.stop())
    session = ping(targets, optionsOf(flags, packets, lab))
  } catch (e) {
    say((e as Error).message.replace(/^ping: /, ''))
    return 2
  }
  // The capture has standard output for itself: `--pcap - | wireshark -k -i -`.
  const out = new Output(() => session.stop(), flags.pcap === '-' ? 2 : 1)
  const text = new PingText(flags)
  const local = new LocalRefusals()
  if (flags.flood === true && flags.count === undefined && flags.deadline === undefined && flags.budget === undefined) {
    say(`flood stops after ${FLOOD_BUDGET} packets; --budget, -c or -w says otherwise`)
  }

  const tell = ({ line, aside }: Told) => {
    out.write(line)
    if (aside === '') return
    // In the order in which it happened, where both go to one terminal or file.
    out.flush()
    remark(aside)
  }
  const stop = () => session.stop()
  const interim = () => {
    out.flush()
    remark(text.interim(session.snapshot()))
  }
  whenInterrupted(stop)
  process.on('SIGQUIT', interim)
  try {
    const events = session[Symbol.asyncIterator]()
    let next = events.next()
    const report = await session.doors
    if (flags.verbose === true) {
      for (const d of report.doors) {
        say(`${d.name}${d.family === undefined ? '' : ` (IPv${d.family})`}: ${d.why.join('; ')}`)
        if (d.cannot.length > 0) say(`  it cannot: ${d.cannot.join(', ')}`)
      }
      for (const line of report.rights) say(line)
    }
    if (!report.token && flags.type.kind === 'echo') {
      say(
        `a payload of ${flags.size} octets has no room for our token: replies are matched by address, identifier and sequence`,
      )
    }
    let total: PingTotal | undefined
    for (let e = await next; !e.done; e = await next) {
      next = events.next()
      const event: PingEvent = e.value
      local.count(event)
      if (event.kind === 'total') total = event
      if (flags.json !== true) tell(text.line(event))
      else if (flags.quiet !== true || event.kind === 'summary' || event.kind === 'total') {
        out.write(`${safeJson({ schema: 'icmpkit.ping.v1', ...event })}\n`)
      }
    }
    const result = await session.done
    if (flags.type.kind === 'probe' && unheard(result)) say(lab === undefined ? PROBE_OFF : PROBE_OFF_IN_LAB)
    if (session.dropped > 0) say(`${session.dropped} events were not printed: standard output was too slow`)
    out.flush()
    const failed = packets?.close() === false || out.failed
    return failed && total !== undefined ? Math.max(2, exitCode(result, flags, local)) : exitCode(result, flags, local)
  } catch (e) {
    out.flush()
    packets?.close()
    say((e as Error).message)
    return 2
  }
}

/** Somebody was asked, and said nothing at all. */
function unheard({ summaries }: Awaited<PingRun['done']>): boolean {
  return summaries.some((s) => s.sent > 0 && s.received === 0 && s.errors === 0)
}

/** RFC 8335 §8. */
const PROBE_OFF =
  'few answer extended echo: it is off unless somebody turns it on (Linux, both families: sysctl net.ipv4.icmp_echo_enable_probe=1)'
const PROBE_OFF_IN_LAB = 'a node of a lab answers extended echo where it has extendedEcho: true'

function inLab(targets: readonly string[], flags: Flags, open: OpenVantage | undefined): InLab | undefined {
  const { lab, from } = flags
  if (lab === undefined) {
    if (from !== undefined) throw new TypeError('icmp: --from is the node of a lab that asks; expected --lab FILE too')
    return undefined
  }
  if (open === undefined) throw new TypeError('icmp: --lab is not in this bundle')
  return open(from === undefined ? { lab } : { lab, from }, targets)
}

/** A ping in a lab ends. */
function bounded(flags: Flags, lab: InLab | undefined, say: (line: string) => void): Flags {
  const ends = flags.count ?? flags.deadline ?? flags.budget
  if (lab === undefined || ends !== undefined) return flags
  if (lab.until !== undefined) return { ...flags, deadline: lab.until }
  if (flags.flood === true) return flags
  say(`a ping in a lab stops after ${LAB_COUNT} probes a target; -c or -w says otherwise`)
  return { ...flags, count: LAB_COUNT }
}

/** Targets of which the local kernel refused every probe: they were never asked. */
class LocalRefusals {
  readonly #refused = new Map<string, number>()

  count(e: PingEvent): void {
    if (e.kind !== 'error' || e.origin !== 'local' || e.name === 'Message too long') return
    const key = `${e.target} ${e.address}`
    this.#refused.set(key, (this.#refused.get(key) ?? 0) + 1)
  }

  of(target: string, address: string | null): number {
    return this.#refused.get(`${target} ${address}`) ?? 0
  }
}

function exitCode(result: Awaited<PingRun['done']>, flags: Flags, local: LocalRefusals): number {
  if (result.unasked > 0) return 2
  const neverAsked = (s: PingSummary) =>
    s.received === 0 && s.sent + s.localDrops > 0 && s.sent === local.of(s.target, s.address)
  if (result.summaries.some(neverAsked)) return 2
  if (result.answered < result.targets) return 1
  // iputils: with -c and -w, fewer replies than asked for is a failure.
  const few = flags.count !== undefined && flags.deadline !== undefined
  return few && result.summaries.some((s) => s.received < flags.count!) ? 1 : 0
}

function optionsOf(flags: Flags, packets: PacketFile | undefined, lab: InLab | undefined): PingOptions {
  // iputils' -I: an interface, an address, or an address with its zone.
  const [first, zone] = flags.interface?.split('%') ?? []
  const isSource = first !== undefined && parseIp(first) !== undefined
  const flood = flags.flood === true
  const bounded = flags.count !== undefined || flags.deadline !== undefined
  const options: { [K in keyof PingOptions]: PingOptions[K] | undefined } = {
    count: flags.count,
    interval: flags.interval,
    timeout: flags.timeout,
    deadline: flags.deadline,
    size: flags.size,
    pattern: flags.pattern,
    ttl: flags.ttl,
    tos: flags.tos ?? flags.dscp,
    flowLabel: flags.flowlabel,
    dontFragment: flags.pmtudisc,
    source: isSource ? first : undefined,
    interface: isSource ? zone : flags.interface,
    mark: flags.mark,
    family: flags.ipv4 === true ? 4 : flags.ipv6 === true ? 6 : undefined,
    allAddresses: flags.allAddresses,
    question: flags.type.kind === 'nodeinfo' ? { kind: 'nodeinfo', asks: flags.ask } : flags.type,
    pace: flood ? 'flood' : flags.adaptive === true ? 'adaptive' : 'interval',
    rate: flags.rate ?? (flood ? FLOOD_RATE : undefined),
    budget: flags.budget ?? (flood && !bounded ? FLOOD_BUDGET : undefined),
    preload: flags.preload,
    recordRoute: flags.recordRoute,
    timestampOption: flags.timestampOption,
    broadcast: flags.broadcast,
    tellOutstanding: flags.outstanding,
    netns: flags.netns,
    door: flags.door,
    stamps: flags.clock,
    dropRights: true,
    onPacket: packets === undefined ? undefined : (p) => packets.write(p),
    over: lab?.over,
  }
  return Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) as PingOptions
}
