/**
 * Show 3 of the notices, its ground: how long after a program has ended, has closed its socket or has been stopped each sign
 * is there. The moment of a kill is read before the call, that of a closing by the program itself before it closes. The
 * operator's word is a sign as well: from it to the errors that ten workstations meet, through `icmp notify serve`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import {
  askHealth,
  openSockDiag,
  type ProcessWatch,
  type SockDiag,
  watchProcess,
  watchSockets,
} from '../packages/icmpkit/src/os/index.ts'
import { askOperator } from '../packages/icmpkit/src/runs/notices/operator.ts'
import { ICMP } from '../test/kernel/icmp-command.ts'
import { type Host, ip, makeHost } from '../test/kernel/testnet.ts'
import { median, printTable } from './figures.ts'
import { SCRIPT as CROWD, type CrowdArgs } from './notice-crowd.ts'
import { SCRIPT } from './notice-holder.ts'
import { begin, end as endAll, Lines, network, serving, socketOf } from './notice-lab.ts'
import { SCRIPT as SERVER } from './notice-server.ts'

export const question: string =
  'How long after a program is gone, deaf or stopped does each sign tell it, in milliseconds? (ROUNDS=30)'

const ROUNDS = Number(process.env.ROUNDS ?? 30)
/** Of the probe: between two, and for an answer, ms. */
const EVERY = 100
const TIMEOUT = 100

type Protocol = 'udp' | 'tcp'

interface Holder {
  child: ChildProcess
  port: number
  line(): Promise<string>
}

export async function run(): Promise<void> {
  const h = makeHost('t')
  const diag = openSockDiag(h.name)
  try {
    const rows: (string | number)[][] = []
    for (const protocol of ['udp', 'tcp'] as const) {
      const killed = await rounds(() => kill(h, diag, protocol))
      rows.push([`${protocol}: kill -9, pidfd`, ...spread(killed.map((k) => k.process))])
      rows.push([`${protocol}: kill -9, destroy event`, ...spread(killed.map((k) => k.socket))])
      rows.push([`${protocol}: and asked whether anybody holds the port`, ...spread(killed.map((k) => k.asked))])
      const closed = await rounds(() => close(h, protocol))
      rows.push([`${protocol}: socket closed, program alive`, ...spread(closed)])
    }
    const stopped = await rounds(() => stop(h), Math.min(ROUNDS, 10))
    rows.push([`udp: SIGSTOP, a probe each ${EVERY} ms, ${TIMEOUT} ms for an answer`, ...spread(stopped)])
    rows.push(...(await operator(Math.min(ROUNDS, 10))))
    printTable(['sign', 'p50', 'p90', 'max'], rows)
  } finally {
    diag.close()
    h.remove()
  }
}

async function rounds<T>(body: () => Promise<T>, count = ROUNDS): Promise<T[]> {
  const all: T[] = []
  for (let i = 0; i < count; i++) all.push(await body())
  return all
}

/** Both signs at once, each waited for by itself. */
async function kill(h: Host, diag: SockDiag, protocol: Protocol) {
  const { child, port } = await hold(h, protocol)
  using watch = watchSockets({ netns: h.name, ports: [port] })
  using process = watchProcess(child.pid!)!
  const gone = once(child, 'exit')
  const at = now()
  child.kill('SIGKILL')
  const times = { process: 0, socket: 0, asked: 0 }
  const ofProcess = async (p: ProcessWatch) => {
    await p.readable()
    times.process = now() - at
  }
  const ofSocket = async () => {
    await watch.readable()
    watch.read(() => {
      times.socket = now() - at
      if (diag.holders(protocol, port).count === 0) times.asked = now() - at
    })
  }
  await Promise.all([ofProcess(process), ofSocket()])
  await gone
  return times
}

async function close(h: Host, protocol: Protocol): Promise<number> {
  const holder = await hold(h, protocol)
  using watch = watchSockets({ netns: h.name, ports: [holder.port] })
  holder.child.stdin!.write('close\n')
  await watch.readable()
  const seen = now()
  const at = Number(await holder.line()) / 1e6
  await end(holder.child)
  return seen - at
}

/** From the stop to the first probe that has no answer. */
async function stop(h: Host): Promise<number> {
  const { child, port } = await hold(h, 'udp')
  const probe = {
    question: { kind: 'udp', payload: new Uint8Array(1) },
    address: ip('127.0.0.1'),
    port,
    timeout: TIMEOUT,
  } as const
  const ask = () => askHealth({ ...probe, netns: h.name })
  if ((await ask()) !== undefined) throw new Error('it does not answer')
  // Anywhere between two probes.
  const at = now() + Math.random() * EVERY
  setTimeout(() => child.kill('SIGSTOP'), at - now())
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, EVERY))
    if ((await ask()) !== undefined) break
  }
  const seen = now()
  await end(child)
  return seen - at
}

/** Ten workstations, new ones for each word: nobody is told twice in half a minute. */
async function operator(rounds: number): Promise<string[][]> {
  const [server, crowd] = [makeHost('srv'), makeHost('crowd')]
  const children: ChildProcess[] = []
  const first: Record<Way, number[]> = { socket: [], command: [] }
  const last: Record<Way, number[]> = { socket: [], command: [] }
  try {
    network(server, crowd)
    await new Lines(begin(children, server, [SERVER, 'udp4', `${PORT}`])).next()
    await new Lines(serving(children, server, `p=udp/${PORT}`)).until('ready')
    const socket = socketOf(server)
    for (let i = 0; i < 2 * rounds; i++) {
      const way: Way = i % 2 === 0 ? 'socket' : 'command'
      const args: CrowdArgs = { ...TEN, first: `10.64.${i}.1` }
      const clients = new Lines(begin(children, crowd, [CROWD, JSON.stringify(args)]))
      await clients.next()
      for (let known = 0; known < 10 * (i + 1); ) {
        const { programs } = (await askOperator(socket, { do: 'status' })) as { programs?: { workstations: number }[] }
        known = programs![0]!.workstations
      }
      const at = now()
      if (way === 'socket') void askOperator(socket, { do: 'offline', program: 'p' })
      else begin(children, server, [ICMP, 'notify', 'offline', 'p', '--socket', socket]).stdout!.resume()
      const told = (JSON.parse(await clients.next()) as number[]).map((t) => t - at)
      if (told.length !== 10) throw new Error(`${told.length} of 10 workstations were told`)
      first[way].push(Math.min(...told))
      last[way].push(Math.max(...told))
      await askOperator(socket, { do: 'back', program: 'p' })
    }
  } finally {
    await endAll(children)
    server.remove()
    crowd.remove()
  }
  return (['socket', 'command'] as const).flatMap((way) => [
    [`operator, ${WAYS[way]}: the first of 10 workstations has its error`, ...spread(first[way])],
    [`operator, ${WAYS[way]}: all 10 have`, ...spread(last[way])],
  ])
}

type Way = 'socket' | 'command'
const WAYS: Record<Way, string> = { socket: 'askOperator()', command: 'icmp notify offline, its start included' }
const PORT = 5353
const TEN: CrowdArgs = {
  protocol: 'udp',
  server: '192.0.2.1',
  port: PORT,
  first: '10.64.0.1',
  count: 10,
  together: false,
  every: 0,
  wait: 20_000,
}

async function hold(h: Host, protocol: Protocol): Promise<Holder> {
  const child = h.inside(() => spawn(process.execPath, [SCRIPT, protocol], { stdio: ['pipe', 'pipe', 'inherit'] }))
  const lines = createInterface(child.stdout!)[Symbol.asyncIterator]()
  const line = async () => (await lines.next()).value as string
  return { child, port: Number(await line()), line }
}

async function end(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}

function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

function spread(samples: readonly number[]): string[] {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
  return [median(samples), at(0.9), at(1)].map((ms) => ms.toFixed(2))
}
