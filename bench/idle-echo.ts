/**
 * Show 7 of the rules: what an echo takes when nothing else is going on, ten a second. The kernel answers on one veth,
 * `icmp host` on another that is made alike; our own ping asks both in turns. Kernel stamps leave out what the asker's
 * process adds, on the way out and on the way in; stamps of the process hold it, as with any other ping.
 */
import { spawn } from 'node:child_process'
import { setPriority } from 'node:os'
import { ping } from '../packages/icmpkit/src/ping.ts'
import { ICMP } from '../test/kernel/icmp-command.ts'
import { cable, type Host, makeHost } from '../test/kernel/testnet.ts'
import { median, printTable } from './figures.ts'

export const question: string =
  'Is the idle round trip through icmp host at most 3 times that through the kernel? (ROUNDS=5)'

const ROUNDS = Number(process.env.ROUNDS ?? 5)
const SAMPLES = 20
const INTERVAL_MS = 100
/** Before all other processes: the kernel answers in the time of who asks, ours is a process that waits for its turn. */
const FIRST = -20
const STAMPS = ['kernel', 'user'] as const

export async function run(): Promise<void> {
  setPriority(FIRST)
  const asker = makeHost('asker')
  const hosts = { kernel: makeHost('kernel'), 'icmp host': makeHost('ours') }
  const stops: (() => Promise<void>)[] = []
  try {
    for (const [i, [who, h]] of Object.entries(hosts).entries()) {
      cable(asker, h, `to${i}`)
      for (const prefix of [`10.77.${i}.1/24`, `fd77:${i}::1/64`]) asker.address(`to${i}`, prefix)
      const own = [`10.77.${i}.2/24`, `fd77:${i}::2/64`]
      if (who === 'kernel') for (const prefix of own) h.address('eth0', prefix)
      else stops.push(await icmpHost(h, own))
    }
    const figures = new Map<string, number[]>()
    for (let round = 0; round < ROUNDS; round++) {
      for (const stamps of STAMPS) {
        for (const [i, who] of Object.keys(hosts).entries()) {
          for (const target of [`10.77.${i}.2`, `fd77:${i}::2`]) {
            const key = `${who}|${target.includes(':') ? 'IPv6' : 'IPv4'}|${stamps}`
            figures.set(key, [...(figures.get(key) ?? []), ...(await ask(asker, target, stamps))])
          }
        }
      }
    }
    print(figures, Object.keys(hosts))
  } finally {
    for (const stop of stops) await stop()
    for (const h of [asker, ...Object.values(hosts)]) h.remove()
  }
}

function print(figures: ReadonlyMap<string, number[]>, names: readonly string[]): void {
  const rows: (string | number)[][] = []
  for (const family of ['IPv4', 'IPv6']) {
    for (const who of names) {
      const row: (string | number)[] = [`${who}, ${family}`]
      for (const stamps of STAMPS) {
        const [its, kernel] = [who, 'kernel'].map((w) => figures.get(`${w}|${family}|${stamps}`)!) as [
          number[],
          number[],
        ]
        row.push(its.length, (median(its) / 1000).toFixed(1), (median(its) / median(kernel)).toFixed(2))
      }
      rows.push(row)
    }
  }
  const head = STAMPS.flatMap((s) => ['replies', `round trip µs, ${s} stamps`, 'ratio'])
  printTable(['who answers', ...head], rows)
}

/** Round trips in nanoseconds; the first one resolves the neighbour and is left out. */
async function ask(from: Host, target: string, stamps: 'kernel' | 'user'): Promise<number[]> {
  const told: number[] = []
  const session = ping(target, { netns: from.name, count: SAMPLES + 1, interval: INTERVAL_MS, timeout: 1000, stamps })
  for await (const e of session) if (e.kind === 'reply' && e.seq > 1) told.push(e.rttNs)
  return told
}

/** Resolves when its addresses are in use. */
async function icmpHost(h: Host, prefixes: readonly string[]): Promise<() => Promise<void>> {
  const args = [ICMP, 'host', '--port', `eth0=${prefixes.join(',')}`, '--conflict-check', 'fast', '--json']
  const child = h.inside(() => spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }))
  if (child.pid !== undefined) setPriority(child.pid, FIRST)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ready = new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
  child.stdout.resume()
  await Promise.race([ready, ended.then(() => Promise.reject(new Error('icmp host ended')))])
  return async () => {
    child.kill('SIGINT')
    await ended
  }
}
