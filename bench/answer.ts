/**
 * Show 7 of the rules: echo requests as fast as they are answered, from one flood, to the kernel at the other end of a veth
 * and to a host stack of ours there; and the round trip when nothing else is going on.
 */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { setPriority } from 'node:os'
import { promisify } from 'node:util'
import type { Instant } from '../packages/icmpkit/src/clock.ts'
import type { Arrival, Slot } from '../packages/icmpkit/src/door.ts'
import { openPort, RealClock } from '../packages/icmpkit/src/os/index.ts'
import type { Ip, Ip4, Ip6 } from '../packages/icmpkit/src/wire/addr.ts'
import { update } from '../packages/icmpkit/src/wire/checksum.ts'
import * as icmp4 from '../packages/icmpkit/src/wire/icmp4.ts'
import * as icmp6 from '../packages/icmpkit/src/wire/icmp6.ts'
import * as ip4 from '../packages/icmpkit/src/wire/ip4.ts'
import * as ip6 from '../packages/icmpkit/src/wire/ip6.ts'
import { put16, u16 } from '../packages/icmpkit/src/wire/octets.ts'
import { cable, type Host, ip, makeHost } from '../test/kernel/testnet.ts'
import { SCRIPT } from './answering-node.ts'
import { median, printTable } from './figures.ts'

export const question: string =
  'Does a host stack on AF_PACKET answer at least 0.8 of the echoes that the kernel answers, and idle within 3 times its round trip? (ROUNDS=3)'

const ROUNDS = Number(process.env.ROUNDS ?? 3)
const SECONDS = 2
/** Echoes that may be on their way. */
const WINDOW = 1024
/** Before all other processes. */
const FIRST = -20
const exec = promisify(execFile)

const FROM: Record<4 | 6, string> = { 4: '192.0.2.1', 6: '2001:db8::1' }
const TO: Record<4 | 6, string> = { 4: '192.0.2.2', 6: '2001:db8::2' }

interface Figures {
  rates: number[]
  answered: number[]
  idle: number[]
}

export async function run(): Promise<void> {
  // The kernel answers in the time of who asks; our stack is a process, which on a busy machine waits for its turn.
  execFileSync('taskset', ['-cp', '0', `${process.pid}`])
  setPriority(FIRST)
  const figures = new Map<string, Figures>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const family of [4, 6] as const) {
      for (const who of ['kernel', 'icmpkit'] as const) {
        const key = `${who}, IPv${family}`
        const f = figures.get(key) ?? { rates: [], answered: [], idle: [] }
        figures.set(key, f)
        const one = await measure(who, family)
        f.rates.push(one.rate)
        f.answered.push(one.answered)
        f.idle.push(one.idle)
      }
    }
  }
  const of = (key: string, what: keyof Figures) => median(figures.get(key)![what])
  printTable(
    ['who answers', 'answers/s', 'ours / kernel', 'answered %', 'idle round trip µs', 'ours / kernel'],
    [...figures.keys()].map((key) => {
      const kernel = key.replace('icmpkit', 'kernel')
      return [
        key,
        Math.round(of(key, 'rates')),
        (of(key, 'rates') / of(kernel, 'rates')).toFixed(2),
        (100 * of(key, 'answered')).toFixed(1),
        of(key, 'idle').toFixed(0),
        (of(key, 'idle') / of(kernel, 'idle')).toFixed(2),
      ]
    }),
  )
}

async function measure(who: 'kernel' | 'icmpkit', family: 4 | 6) {
  const a = makeHost('a')
  const b = makeHost('b')
  const prefix = (text: string) => `${text}/${family === 4 ? 24 : 64}`
  const stops: (() => Promise<void>)[] = []
  try {
    cable(a, b)
    a.address('eth0', prefix(FROM[family]))
    if (who === 'kernel') b.address('eth0', prefix(TO[family]))
    else stops.push(await stack(b, prefix(TO[family])))
    const idle = await idleRoundTrip(a, TO[family])
    a.netlink.removeAddress({ ...addressOf(a, FROM[family], family) })
    const { sent, answers, ms } = await flood(a, b, family)
    return { idle, rate: (answers * 1000) / ms, answered: answers / sent }
  } finally {
    for (const stop of stops) await stop()
    a.remove()
    b.remove()
  }
}

function addressOf(h: Host, text: string, family: 4 | 6) {
  return { index: h.netlink.index('eth0'), address: ip(text), prefixLength: family === 4 ? 24 : 64 }
}

/** Our stack at the other end, in a process of its own on the other core. */
async function stack(b: Host, prefix: string): Promise<() => Promise<void>> {
  const command = [process.execPath, '--disable-warning=ExperimentalWarning', SCRIPT, b.name, 'eth0', prefix]
  const child = spawn('taskset', ['-c', '1', ...command], { stdio: ['ignore', 'pipe', 'inherit'] })
  if (child.pid !== undefined) setPriority(child.pid, FIRST)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  await Promise.race([new Promise((ready) => child.stdout.once('data', ready)), ended])
  return async () => {
    child.kill('SIGKILL')
    await ended
  }
}

/** Median of a calm ping, microseconds; begins when the first answer has come. */
async function idleRoundTrip(a: Host, to: string): Promise<number> {
  const inside = ['netns', 'exec', a.name, 'ping', '-n', '-W', '1']
  // An address is not used before it has been probed for (RFC 5227, RFC 4862).
  for (let tries = 1; ; tries++) {
    try {
      await exec('ip', [...inside, '-c', '1', to])
      break
    } catch (e) {
      if (tries === 60) throw e
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
  }
  const { stdout } = await exec('ip', [...inside, '-c', '200', '-i', '0.01', to])
  return median([...stdout.matchAll(/time=([\d.]+) ms/g)].map((m) => Number(m[1]) * 1000))
}

/** Sends while fewer than WINDOW are on their way; what is not answered within 50 ms is lost. */
async function flood(a: Host, b: Host, family: 4 | 6): Promise<{ sent: number; answers: number; ms: number }> {
  await using door = await openPort({ kind: 'packet', interface: 'eth0', netns: a.name })
  const clock = new RealClock()
  const to = b.netlink.link('eth0')!.address
  const asker = new Asker(echo(family, to, door.port.mac), family)
  const start = clock.now()
  let progress = start
  let before = 0
  for (let now = start; now < start + SECONDS * 1000; now = clock.now()) {
    door.send(now, asker)
    if (door.receive(now, asker, WINDOW) === 0 && now > progress + 50) asker.lost()
    if (asker.answers !== before) {
      before = asker.answers
      progress = now
    }
  }
  return { sent: asker.sent, answers: asker.answers, ms: clock.now() - start }
}

class Asker {
  sent = 0
  answers = 0
  #room = WINDOW
  readonly #frame: Uint8Array
  readonly #icmp: number
  readonly #reply: number
  readonly #checksum: number

  constructor(frame: Uint8Array, family: 4 | 6) {
    this.#frame = frame
    this.#icmp = 14 + (family === 4 ? 20 : 40)
    this.#reply = family === 4 ? 0 : 129
    this.#checksum = u16(frame, this.#icmp + 2)
  }

  lost(): void {
    this.#room = WINDOW
  }

  pollTransmit(_now: Instant, slot: Slot): boolean {
    if (this.#room === 0) return false
    this.#room--
    const seq = ++this.sent & 0xffff
    const icmp = slot.at + this.#icmp
    slot.bytes.set(this.#frame, slot.at)
    put16(slot.bytes, icmp + 6, seq)
    put16(slot.bytes, icmp + 2, update(this.#checksum, 0, seq))
    slot.end = slot.at + this.#frame.length
    return true
  }

  handlePacket(_now: Instant, a: Arrival): boolean {
    if (a.bytes[a.at + this.#icmp] === this.#reply && u16(a.bytes, a.at + this.#icmp + 4) === ID) {
      this.answers++
      if (this.#room < WINDOW) this.#room++
    }
    return false
  }

  handleSent(): void {}

  handleUnsent(): void {
    this.#room++
  }
}

/** An echo request of 56 octets of data, sequence number 0. */
function echo(family: 4 | 6, to: Uint8Array, from: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(2048)
  bytes.set(to)
  bytes.set(from, 6)
  put16(bytes, 12, family === 4 ? 0x0800 : 0x86dd)
  const m = { kind: 'echoRequest', code: 0, id: ID, seq: 0, data: new Uint8Array(56) } as const
  const [src, dst]: Ip[] = [ip(FROM[family]), ip(TO[family])] as [Ip, Ip]
  if (family === 4) {
    const at = ip4.write({ protocol: 1, src: src as Ip4, dst: dst as Ip4 }, bytes, 14, icmp4.size(m))
    return bytes.slice(0, icmp4.write(m, bytes, at))
  }
  const at = ip6.write({ protocol: 58, src: src as Ip6, dst: dst as Ip6 }, bytes, 14, icmp6.size(m))
  return bytes.slice(0, icmp6.write(m, bytes, at, src as Ip6, dst as Ip6))
}

const ID = 0x1d1d
