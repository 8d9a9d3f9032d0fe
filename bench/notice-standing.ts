/**
 * Show 6 of the notices: what watching costs a busy UDP server. The same load with and without `icmp notify serve`, in turns;
 * what the processes and the kernel's network threads spent, divided by the packets that arrived.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ICMP } from '../test/kernel/icmp-command.ts'
import { cable, type Host, ip, makeHost } from '../test/kernel/testnet.ts'
import { median, printTable } from './figures.ts'
import { SCRIPT } from './notice-load.ts'

export const question: string =
  'What does icmp notify serve cost a UDP server of 100,000 packets a second, in microseconds of CPU a packet? (RATE=100000 FLOWS=10000 ROUNDS=5 SECONDS=4)'

const RATE = Number(process.env.RATE ?? 100_000)
const FLOWS = Number(process.env.FLOWS ?? 10_000)
const ROUNDS = Number(process.env.ROUNDS ?? 5)
const SECONDS = Number(process.env.SECONDS ?? 4)
const PORT = 5353
/** Of /proc/PID/stat, a second. */
const TICKS = 100

interface Sample {
  rate: number
  /** Microseconds a packet: of the load, of the watcher, of the kernel's own threads. */
  load: number
  watcher: number
  kernel: number
  /** Of what was sent. */
  lost: number
}

export async function run(): Promise<void> {
  const server = makeHost('srv')
  const crowd = makeHost('crowd')
  const children: ChildProcess[] = []
  try {
    network(server, crowd)
    const program = await begin(children, server, [SCRIPT, 'server', `${PORT}`])
    const load = await begin(children, crowd, [SCRIPT, 'crowd', `${PORT}`, `${FLOWS}`, `${RATE}`])
    const samples: Record<'without' | 'with', Sample[]> = { without: [], with: [] }
    let memory = 0
    for (let i = 0; i < ROUNDS; i++) {
      samples.without.push(await measure([program, load], undefined))
      const serve = await watcher(children, server)
      samples.with.push(await measure([program, load], serve))
      memory = resident(serve.child.pid!)
      serve.child.kill('SIGKILL')
      await once(serve.child, 'exit')
    }
    const rows = (['without', 'with'] as const).map((what) => {
      const of = (f: (s: Sample) => number) => median(samples[what].map(f))
      const all = of((s) => s.load + s.watcher + s.kernel)
      return [
        what,
        Math.round(of((s) => s.rate)),
        ...[all, of((s) => s.load + s.kernel), of((s) => s.watcher)].map((us) => us.toFixed(2)),
        `${(of((s) => s.lost) * 100).toFixed(1)}%`,
      ]
    })
    printTable(['', 'packets/s', 'CPU us/packet', 'load and kernel', 'notify serve', 'lost'], rows)
    const sum = (s: Sample) => s.load + s.watcher + s.kernel
    const ratio = median(samples.with.map((s, i) => sum(s) / sum(samples.without[i]!)))
    process.stdout.write(`\nwith / without, of pairs beside each other: ${ratio.toFixed(2)}\n`)
    process.stdout.write(
      `notify serve, ${FLOWS.toLocaleString('en')} workstations: ${memory.toFixed(0)} MiB resident\n`,
    )
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(children.map((c) => (c.exitCode ?? c.signalCode) === null && once(c, 'exit')))
    server.remove()
    crowd.remove()
  }
}

interface Program {
  child: ChildProcess
  line(): Promise<string>
}

async function measure([program, load]: [Program, Program], serve: Program | undefined): Promise<Sample> {
  // Once all have been answered, and are known.
  await new Promise((resolve) => setTimeout(resolve, 1000 + (2 * 13 * 1000 * FLOWS) / RATE))
  const look = async () => ({
    received: await count(program),
    sent: await count(load),
    load: spent(program.child.pid!) + spent(load.child.pid!),
    watcher: serve === undefined ? 0 : spent(serve.child.pid!),
    kernel: softirqs(),
    at: performance.now(),
  })
  const before = await look()
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1000))
  const after = await look()
  const packets = after.received - before.received
  const us = (what: 'load' | 'watcher' | 'kernel') => ((after[what] - before[what]) * 1e6) / packets
  return {
    rate: (packets * 1000) / (after.at - before.at),
    load: us('load'),
    watcher: us('watcher'),
    kernel: us('kernel'),
    lost: Math.max(0, 1 - packets / (after.sent - before.sent)),
  }
}

async function watcher(children: ChildProcess[], h: Host): Promise<Program> {
  const args = ['notify', 'serve', '--program', `p=udp/${PORT}`, '--json', '--socket', `/run/${h.name}.sock`]
  return await begin(children, h, [ICMP, ...args, '--state', 'none'])
}

/** Until it has said its first line. */
async function begin(children: ChildProcess[], h: Host, args: string[]): Promise<Program> {
  const child = h.inside(() => spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
  children.push(child)
  const lines = createInterface(child.stdout!)[Symbol.asyncIterator]()
  const line = async () => {
    const { done, value } = await lines.next()
    if (done) throw new Error(`${args.join(' ')} has ended`)
    return value
  }
  await line()
  return { child, line }
}

async function count({ child, line }: Program): Promise<number> {
  child.stdin!.write('now\n')
  return Number(await line())
}

/** Seconds of CPU, of all its threads, in it and in the kernel for it. */
function spent(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS
}

/** Of the kernel's threads that handle packets where no program does it in passing; they do it for everybody. */
function softirqs(): number {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && name(pid).startsWith('ksoftirqd/'))
    .reduce((total, pid) => total + spent(Number(pid)), 0)
}

function name(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8')
  } catch {
    return ''
  }
}

function resident(pid: number): number {
  return Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}

/** What the crowd's kernel gets for 10/8 it drops: nobody there answers with errors. */
function network(server: Host, crowd: Host): void {
  cable(server, crowd)
  for (const [h, last] of [
    [server, 1],
    [crowd, 2],
  ] as const) {
    h.address('eth0', `192.0.2.${last}/24`)
  }
  const oif = server.netlink.index('eth0')
  server.netlink.addRoute({ dst: ip('10.0.0.0'), prefixLength: 8, gateway: ip('192.0.2.2'), oif })
}
