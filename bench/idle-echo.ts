/**
 * Show 7 of the rules: what an echo takes when nothing else is going on, ten a second. The kernel answers on one veth,
 * `icmp host` on another that is made alike, on a third with --busy-poll; our own ping asks them in turns. Kernel stamps leave
 * out what the asker's process adds, on the way out and on the way in; stamps of the process hold it, as with any other ping,
 * and so does what ping (iputils) says. Who asks has one core and who answers another, before all other processes: on a machine
 * that has nothing else to do the scheduler would put them so.
 *
 * Where there is a C compiler, the floor of what a process can do that sleeps: recvfrom-responder.c.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { ping } from '../packages/icmpkit/src/runs/ping/ping.ts'
import { ICMP } from '../test/kernel/icmp-command.ts'
import { cable, type Host, ip, makeHost } from '../test/kernel/testnet.ts'
import { median, printTable } from './figures.ts'

export const question: string =
  'Is the idle round trip through icmp host at most 3 times that through the kernel? (ROUNDS=5)'

const ROUNDS = Number(process.env.ROUNDS ?? 5)
const SAMPLES = 20
const INTERVAL_MS = 100
/** Longer than the gap between two echoes, shorter than the turn of another one. */
const BUSY = '300ms'
/** Before all other processes: the kernel answers in the time of who asks, ours is a process that waits for its turn. */
const FIRST = -20
const WAYS = ['kernel stamps', 'process stamps', 'ping'] as const
const FLOOR = 'C, recvfrom'

interface Responder {
  /** Resolves when it answers. */
  start(h: Host, prefixes: readonly string[]): Promise<() => Promise<void>>
}

export async function run(): Promise<void> {
  setPriority(FIRST)
  groupPriority(FIRST)
  execFileSync('taskset', ['-a', '-p', '-c', '0', `${process.pid}`], { stdio: 'ignore' })
  const folder = mkdtempSync(join(tmpdir(), 'idle-echo-'))
  const responders: Record<string, Responder> = {
    kernel: { start: inKernel },
    'icmp host': { start: (h, prefixes) => icmpHost(h, prefixes) },
    [`icmp host --busy-poll ${BUSY}`]: { start: (h, prefixes) => icmpHost(h, prefixes, '--busy-poll', BUSY) },
    ...floor(folder),
  }
  const asker = makeHost('asker')
  const hosts = Object.keys(responders).map((_, i) => makeHost(`r${i}`))
  const stops: (() => Promise<void>)[] = []
  try {
    for (const [i, [who, { start }]] of Object.entries(responders).entries()) {
      const h = hosts[i]!
      cable(asker, h, `to${i}`)
      for (const prefix of [`10.77.${i}.1/24`, `fd77:${i}::1/64`]) asker.address(`to${i}`, prefix)
      // It answers echoes only, not the question who has the address.
      if (who === FLOOR) for (const to of targets(i)) introduce(asker, `to${i}`, to, h)
      stops.push(await start(h, [`10.77.${i}.2/24`, `fd77:${i}::2/64`]))
    }
    const figures = new Map<string, number[]>()
    for (let round = 0; round < ROUNDS; round++) {
      for (const way of WAYS) {
        for (const [i, who] of Object.keys(responders).entries()) {
          for (const target of targets(i)) {
            const key = `${who}|${target.includes(':') ? 'IPv6' : 'IPv4'}|${way}`
            figures.set(key, [...(figures.get(key) ?? []), ...(await ask(asker, target, way))])
          }
        }
      }
    }
    print(figures, Object.keys(responders))
  } finally {
    for (const stop of stops) await stop()
    for (const h of [asker, ...hosts]) h.remove()
    rmSync(folder, { recursive: true })
    groupPriority(0)
  }
}

const targets = (i: number) => [`10.77.${i}.2`, `fd77:${i}::2`]

function print(figures: ReadonlyMap<string, number[]>, names: readonly string[]): void {
  const rows: (string | number)[][] = []
  for (const family of ['IPv4', 'IPv6']) {
    for (const who of names) {
      const row: (string | number)[] = [`${who}, ${family}`]
      for (const way of WAYS) {
        const [its, kernel] = [who, 'kernel'].map((w) => median(figures.get(`${w}|${family}|${way}`)!)) as [
          number,
          number,
        ]
        row.push((its / 1000).toFixed(1), (its / kernel).toFixed(2))
      }
      rows.push(row)
    }
  }
  const head = WAYS.flatMap((w) => [`µs, ${w}`, 'ratio'])
  printTable(['who answers', ...head], rows)
}

/** Round trips in nanoseconds; the first one resolves the neighbour and is left out. */
async function ask(from: Host, target: string, way: (typeof WAYS)[number]): Promise<number[]> {
  if (way === 'ping') return askByPing(from, target)
  const told: number[] = []
  const stamps = way === 'kernel stamps' ? 'kernel' : 'user'
  const session = ping(target, { netns: from.name, count: SAMPLES + 1, interval: INTERVAL_MS, timeout: 1000, stamps })
  for await (const e of session) if (e.kind === 'reply' && e.seq > 1) told.push(e.rttNs)
  return told
}

async function askByPing(from: Host, target: string): Promise<number[]> {
  const args = ['-n', '-c', `${SAMPLES + 1}`, '-i', `${INTERVAL_MS / 1000}`, target]
  const child = from.inside(() => spawn('ping', args, { stdio: ['ignore', 'pipe', 'inherit'] }))
  child.stdout.setEncoding('utf8')
  let out = ''
  for await (const text of child.stdout) out += text
  return [...out.matchAll(/icmp_seq=(\d+) .*time=([\d.]+) ms/g)]
    .filter(([, seq]) => seq !== '1')
    .map(([, , ms]) => Number(ms) * 1e6)
}

async function inKernel(h: Host, prefixes: readonly string[]): Promise<() => Promise<void>> {
  for (const prefix of prefixes) h.address('eth0', prefix)
  return async () => {}
}

function icmpHost(h: Host, prefixes: readonly string[], ...more: string[]): Promise<() => Promise<void>> {
  const args = ['host', '--port', `eth0=${prefixes.join(',')}`, '--conflict-check', 'fast', '--json', ...more]
  return program(h, process.execPath, [ICMP, ...args])
}

/** Nothing where it cannot be compiled. */
function floor(folder: string): Record<string, Responder> {
  const made = join(folder, 'recvfrom-responder')
  try {
    execFileSync('cc', ['-O2', '-o', made, join(import.meta.dirname, 'recvfrom-responder.c')], { stdio: 'ignore' })
  } catch {
    process.stdout.write('(no C compiler here: without the responder that sleeps in recvfrom)\n')
    return {}
  }
  return { [FLOOR]: { start: (h) => program(h, made, ['eth0']) } }
}

function introduce(asker: Host, link: string, to: string, h: Host): void {
  const lladdr = h.netlink.link('eth0')!.address
  asker.netlink.addNeighbour({ index: asker.netlink.index(link), address: ip(to), lladdr })
}

/** With autogroups (sched(7)) a priority counts within its session only, and the session has one of its own. */
function groupPriority(nice: number): void {
  try {
    writeFileSync('/proc/self/autogroup', `${nice}`)
  } catch {
    // A kernel without them.
  }
}

/** Resolves when it has written something. */
async function program(h: Host, file: string, args: readonly string[]): Promise<() => Promise<void>> {
  const child = h.inside(() => spawn('taskset', ['-c', '1', file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] }))
  if (child.pid !== undefined) setPriority(child.pid, FIRST)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const ready = new Promise<void>((resolve) => child.stdout.once('data', () => resolve()))
  child.stdout.resume()
  await Promise.race([ready, ended.then(() => Promise.reject(new Error(`${file} ended`)))])
  return async () => {
    child.kill('SIGINT')
    await ended
  }
}
