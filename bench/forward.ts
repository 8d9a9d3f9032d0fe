/**
 * Show 7 of the rules: what a gateway between two veths forwards of a flood of UDP datagrams of 64 octets, by a kernel and by
 * `icmp gateway`, in turns. Counted where they arrive, by the kernel there.
 */
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import type { Instant } from '../packages/icmpkit/src/clock.ts'
import type { Slot } from '../packages/icmpkit/src/door.ts'
import { openPort, RealClock } from '../packages/icmpkit/src/os/index.ts'
import { put16 } from '../packages/icmpkit/src/wire/octets.ts'
import { ICMP } from '../test/kernel/icmp-command.ts'
import { cable, type Host, ip, makeHost } from '../test/kernel/testnet.ts'
import { octetsOf } from '../test/scenario/packet.ts'
import { median, printTable } from './figures.ts'

export const question: string =
  'How many datagrams a second does icmp gateway forward between two veths, and how many does the kernel? (ROUNDS=3)'

const ROUNDS = Number(process.env.ROUNDS ?? 3)
const SECONDS = 2
const FIRST = -20
const FLOWS = 64

const NETS = {
  4: { near: '192.0.2.', far: '198.51.100.', length: 24, beyond: '10.0.0.0/8', to: (i: number) => `10.0.0.${i + 1}` },
  6: {
    near: '2001:db8:1::',
    far: '2001:db8:2::',
    length: 64,
    beyond: '2001:db8:a::/48',
    to: (i: number) => `2001:db8:a::${i + 1}`,
  },
} as const
type Family = keyof typeof NETS

export async function run(): Promise<void> {
  // The kernel forwards in the time of who sends; ours is a process, on the other core.
  execFileSync('taskset', ['-cp', '0', `${process.pid}`])
  setPriority(FIRST)
  const figures = new Map<string, { rates: number[]; shares: number[]; sent: number[] }>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const family of [4, 6] as const) {
      for (const who of ['kernel', 'icmp gateway']) {
        const key = `${who}, IPv${family}`
        const f = figures.get(key) ?? { rates: [], shares: [], sent: [] }
        figures.set(key, f)
        const { sent, arrived, ms } = await measure(who, family)
        f.rates.push((arrived * 1000) / ms)
        f.sent.push((sent * 1000) / ms)
        f.shares.push(arrived / sent)
      }
    }
  }
  printTable(
    ['who forwards', 'sent/s', 'forwarded/s', 'forwarded %', 'ours / kernel'],
    [...figures].map(([key, f]) => {
      const kernel = figures.get(key.replace('icmp gateway', 'kernel'))!
      return [
        key,
        Math.round(median(f.sent)),
        Math.round(median(f.rates)),
        (100 * median(f.shares)).toFixed(1),
        (median(f.rates) / median(kernel.rates)).toFixed(2),
      ]
    }),
  )
}

async function measure(who: string, family: Family) {
  const [a, r, b] = [makeHost('a'), makeHost('r'), makeHost('b')]
  const { near, far, length, beyond } = NETS[family]
  let stop = async () => {}
  try {
    cable(a, r, 'eth0', 'near')
    cable(r, b, 'far', 'eth0')
    b.address('eth0', `${far}9/${length}`)
    // A kernel that forwards asks for its neighbours from a link-local address or not at all.
    if (family === 6) b.address('eth0', 'fe80::9/64')
    if (who === 'kernel') {
      r.address('near', `${near}1/${length}`)
      r.address('far', `${far}1/${length}`)
      if (family === 6) r.address('far', 'fe80::1/64')
      r.sysctl('ipv4.ip_forward', 1)
      r.sysctl('ipv6.conf.all.forwarding', 1)
      const [dst, prefixLength] = beyond.split('/')
      r.netlink.addRoute({ dst: ip(dst!), prefixLength: Number(prefixLength), gateway: ip(`${far}9`) })
    } else {
      const ports = ['near', 'far'].map((n) => ['--port', `${n}=${n === 'near' ? near : far}1/${length}`])
      stop = await gateway(r, [...ports.flat(), '--route', `${beyond}=${far}9`])
    }
    return await flood(a, b, r, family)
  } finally {
    await stop()
    for (const h of [a, r, b]) h.remove()
  }
}

async function gateway(r: Host, args: readonly string[]): Promise<() => Promise<void>> {
  const command = [process.execPath, ICMP, 'gateway', ...args, '--conflict-check', 'fast', '--json']
  const child = r.inside(() => spawn('taskset', ['-c', '1', ...command], { stdio: ['ignore', 'pipe', 'inherit'] }))
  if (child.pid !== undefined) setPriority(child.pid, FIRST)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ready = new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
  child.stdout.resume()
  await Promise.race([ready, ended.then(() => Promise.reject(new Error('icmp gateway ended')))])
  return async () => {
    child.kill('SIGINT')
    await ended
  }
}

async function flood(a: Host, b: Host, r: Host, family: Family) {
  await using door = await openPort({ kind: 'packet', interface: 'eth0', netns: a.name })
  const clock = new RealClock()
  const { near, to } = NETS[family]
  const sender = new Sender(
    Array.from({ length: FLOWS }, (_, i) =>
      frame(
        r.netlink.link('near')!.address,
        door.port.mac,
        octetsOf({ to: to(i), carries: { kind: 'udp', port: 9, size: 64 } }, `${near}7`),
      ),
    ),
  )
  // The next hop is resolved, the code is warm.
  const run = async (ms: number) => {
    const [from, start] = [received(b), clock.now()]
    const before = sender.sent
    let now = start
    for (; now < start + ms; now = clock.now()) door.send(now, sender)
    // What is on its way has time to arrive, and is not counted as time.
    await new Promise((resolve) => setTimeout(resolve, 300))
    return { sent: sender.sent - before, arrived: received(b) - from, ms: now - start }
  }
  await run(1000)
  return run(SECONDS * 1000)
}

/** Frames that `h` got by eth0, by its kernel's own count. */
function received(h: Host): number {
  const line = h.inside(() => readFileSync('/proc/thread-self/net/dev', 'utf8')).match(/eth0:\s*\d+\s+(\d+)/)
  return Number(line![1])
}

/** Whatever fits, without end, each flow in its turn. */
class Sender {
  sent = 0
  readonly #frames: readonly Uint8Array[]

  constructor(frames: readonly Uint8Array[]) {
    this.#frames = frames
  }

  pollTransmit(_now: Instant, slot: Slot): boolean {
    const bytes = this.#frames[this.sent++ % FLOWS]!
    slot.bytes.set(bytes, slot.at)
    slot.end = slot.at + bytes.length
    return true
  }

  handleSent(): void {}

  handleUnsent(): void {
    this.sent--
  }
}

function frame(to: Uint8Array, from: Uint8Array, packet: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(14 + packet.length)
  bytes.set(to)
  bytes.set(from, 6)
  put16(bytes, 12, packet[0]! >> 4 === 4 ? 0x0800 : 0x86dd)
  bytes.set(packet, 14)
  return bytes
}
