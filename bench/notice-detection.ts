/**
 * Show 3 of the notices, its ground: how long after a program has ended, has closed its socket or has been stopped each sign
 * is there. The moment of a kill is read before the call, that of a closing by the program itself before it closes.
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
import { type Host, ip, makeHost } from '../test/kernel/testnet.ts'
import { median, printTable } from './figures.ts'
import { SCRIPT } from './notice-holder.ts'

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
