/**
 * One flood: `icmp host` or `icmp gateway` on veths, hostile frames into each port as fast as they go, its memory looked at
 * meanwhile, a ping right after, its counters at the end. `npm run soak` is a minute of it, test/kernel/floods.test.ts a
 * few seconds.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import type { Slot } from '../../packages/icmpkit/src/door.ts'
import { openPort, type PortDoor, RealClock } from '../../packages/icmpkit/src/os/index.ts'
import type { NodeSummary } from '../../packages/icmpkit/src/runs/node/report.ts'
import { ping } from '../../packages/icmpkit/src/runs/ping/ping.ts'
import { Random } from '../fuzz/random.ts'
import { ICMP } from '../kernel/icmp-command.ts'
import { cable, type Host, makeHost } from '../kernel/testnet.ts'
import { FRAME_ROOM, HostileFrames } from './hostile-frames.ts'

export interface Plan {
  role: 'host' | 'gateway'
  seconds: number
  seed: number
  /** Called twice a second. */
  progress?: (p: { seconds: number; sent: number; rss: number; lines: number }) => void
}

export interface Flooded {
  /** Frames that left, and how many a second. */
  sent: number
  rate: number
  /** It runs still. */
  alive: boolean
  /** Octets of its resident memory, all through the flood. */
  rss: number[]
  /** Medians of the second and of the last quarter. */
  rssBefore: number
  rssAfter: number
  /** Right after the flood: round trips in ms by address; undefined where none came. */
  pings: Record<string, number | undefined>
  /** What it wrote to standard output. */
  lines: number
  octets: number
  /** What it wrote to standard error: nothing, where all is well. */
  err: string
  code: number | null
  /** undefined where it did not end in peace. */
  summary: NodeSummary | undefined
}

export async function soak(plan: Plan): Promise<Flooded> {
  const near = makeHost('near')
  const node = makeHost('node')
  const far = makeHost('far')
  try {
    for (const [i, h] of [near, far].entries()) {
      cable(h, node, 'eth0', `port${i}`)
      h.address('eth0', `${NETS[i]!.four}.9/24`)
      h.address('eth0', `${NETS[i]!.six}::9/64`)
    }
    const sides = plan.role === 'host' ? [near] : [near, far]
    const ports = sides.flatMap((_, i) => ['--port', `port${i}=${NETS[i]!.four}.1/24,${NETS[i]!.six}::1/64`])
    const routes = plan.role === 'host' ? [] : ROUTES.flatMap((r) => ['--route', r])
    const command = await Command.start(node, [plan.role, ...ports, ...routes, '--conflict-check', 'fast', '--json'])
    try {
      return await flood(plan, node, sides, command)
    } finally {
      await command.end()
    }
  } finally {
    for (const h of [near, node, far]) h.remove()
  }
}

async function flood(plan: Plan, node: Host, sides: readonly Host[], command: Command): Promise<Flooded> {
  const clock = new RealClock()
  const random = new Random(plan.seed)
  const rss: number[] = []
  const start = clock.now()
  const end = start + plan.seconds * 1000
  let sent = 0
  {
    const doors: { door: PortDoor; sender: Sender }[] = []
    try {
      for (const [i, h] of sides.entries()) {
        // The kernel there is to be quiet meanwhile, and to have its addresses again afterwards.
        const door = await openPort({ kind: 'packet', interface: 'eth0', netns: h.name, force: true })
        const frames = new HostileFrames(random, {
          mac: node.netlink.link(`port${i}`)!.address,
          to: TO,
          from: [`${NETS[i]!.four}.7`, `${NETS[i]!.six}::7`, 'fe80::7'],
          mtu: door.mtu,
        })
        doors.push({ door, sender: new Sender(frames) })
      }
      let told = 0
      for (let now: number = start; now < end && command.alive; now = clock.now()) {
        for (const { door, sender } of doors) {
          door.send(now as Instant, sender)
          door.receive(now as Instant, sender, 1024)
        }
        sent = doors.reduce((sum, d) => sum + d.sender.sent, 0)
        if (now - start >= (rss.length * (end - start)) / SAMPLES) rss.push(command.rss())
        if (now - told < 500) continue
        told = now
        plan.progress?.({ seconds: (now - start) / 1000, sent, rss: rss.at(-1)!, lines: command.lines })
        // Its standard output is read.
        await new Promise((resolve) => setImmediate(resolve))
      }
    } finally {
      for (const { door } of doors) await door[Symbol.asyncDispose]()
    }
  }
  const { alive } = command
  const pings: Flooded['pings'] = {}
  for (const [i, h] of sides.entries()) {
    for (const to of [`${NETS[i]!.four}.1`, `${NETS[i]!.six}::1`])
      pings[to] = alive ? await roundTrip(h, to) : undefined
  }
  const code = await command.end()
  const quarter = (n: number) => median(rss.slice(((n - 1) * rss.length) / 4, (n * rss.length) / 4))
  return {
    sent,
    rate: Math.round(sent / plan.seconds),
    alive,
    rss,
    rssBefore: quarter(2),
    rssAfter: quarter(4),
    pings,
    lines: command.lines,
    octets: command.octets,
    err: command.err,
    code,
    summary: command.summary,
  }
}

/** Of one echo; whoever asks has forgotten what the flood said about the node's neighbours. */
async function roundTrip(from: Host, to: string): Promise<number | undefined> {
  for (const { index, address, state } of from.netlink.neighbours()) {
    if (state !== 'noarp') from.netlink.removeNeighbour({ index, address })
  }
  let ms: number | undefined
  for await (const e of ping(to, { netns: from.name, count: 1, timeout: 30_000 })) {
    if (e.kind === 'reply') ms = e.rttNs / 1e6
  }
  return ms
}

class Sender {
  sent = 0
  readonly #frames: HostileFrames

  constructor(frames: HostileFrames) {
    this.#frames = frames
  }

  pollTransmit(_now: Instant, slot: Slot): boolean {
    if (slot.limit - slot.at < FRAME_ROOM) return false
    slot.end = this.#frames.next(slot.bytes, slot.at)
    this.sent++
    return true
  }

  handlePacket(): boolean {
    return false
  }

  handleSent(): void {}

  handleUnsent(): void {
    this.sent--
  }
}

/** The command as users run it; of what it writes only the amount and the summary are kept. */
class Command {
  lines = 0
  octets = 0
  err = ''
  summary: NodeSummary | undefined
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  #rest = ''

  static async start(h: Host, args: readonly string[]): Promise<Command> {
    const child = h.inside(() =>
      spawn(process.execPath, [...YOUNG, ICMP, ...args], { stdio: ['ignore', 'pipe', 'pipe'] }),
    )
    const command = new Command(child)
    const ready = new Promise<void>((resolve) => child.stdout!.once('data', () => resolve()))
    await Promise.race([
      ready,
      command.#ended.then(() => {
        throw new Error(`icmp ${args[0]} ended: ${command.err}`)
      }),
    ])
    return command
  }

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = new Promise((resolve) => child.once('close', resolve))
    child.stdout!.setEncoding('utf8').on('data', (text: string) => this.#wrote(text))
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.err = (this.err + text).slice(-10_000)
    })
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Octets of its memory that are there. */
  rss(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024
  }

  async end(): Promise<number | null> {
    if (this.alive) this.#child.kill('SIGINT')
    return this.#ended
  }

  #wrote(text: string): void {
    this.octets += text.length
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    this.lines += lines.length
    const last = lines.at(-1)
    if (last?.includes('"kind":"summary"')) this.summary = JSON.parse(last) as NodeSummary
  }
}

function median(samples: readonly number[]): number {
  return samples.toSorted((a, b) => a - b)[samples.length >> 1] ?? 0
}

/** By side. */
const NETS = [
  { four: '192.0.2', six: '2001:db8:5' },
  { four: '198.51.100', six: '2001:db8:6' },
] as const
const ROUTES = ['203.0.113.0/24=198.51.100.9', '2001:db8:a::/48=2001:db8:6::9']
/** Its addresses, networks behind it, everybody. */
const TO = [
  ...NETS.flatMap((n) => [`${n.four}.1`, `${n.four}.9`, `${n.four}.255`, `${n.six}::1`, `${n.six}::9`]),
  '203.0.113.7',
  '255.255.255.255',
  '224.0.0.1',
  '2001:db8:a::7',
  'ff02::1',
]
/**
 * V8 doubles its young generation as it likes, to 32 MiB and more, at any time: in a flood that looks like a leak. Kept small,
 * what grows is what lives.
 */
const YOUNG = ['--max-semi-space-size=2']
/** Looks at its memory. */
const SAMPLES = 80
