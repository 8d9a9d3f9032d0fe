/**
 * Show 4: how far each tool's round trip is from what a capture on the same interface shows for the same packets: reply in
 * minus request out, by nanosecond stamps. All run in turn in one network, ours once more with a busy event loop.
 */
import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { ping } from '../packages/icmpkit/src/index.ts'
import { i32, u16 } from '../packages/icmpkit/src/wire/octets.ts'
import { ROUTER, type ThreeHosts, threeHosts } from '../test/kernel/three-hosts.ts'
import { median, printTable } from './figures.ts'
import { sniff } from './sniffer.ts'

export const question: string =
  "Is our round trip at most half as far from the capture's as that of ping and fping, busy or not?"

const SAMPLES = 300
const INTERVAL = 10
const ROUNDS = 3
const CLI = resolve(import.meta.dirname, '../packages/icmpkit/bin/icmp.js')
const exec = promisify(execFile)

/** Round trips in nanoseconds by sequence number. */
type Told = Map<number, number>

export async function run(): Promise<void> {
  using net = threeHosts()
  const inside = async (...command: string[]) =>
    (await exec('ip', ['netns', 'exec', net.client.name, ...command], { maxBuffer: 1 << 26 })).stdout
  const tools: Record<string, () => Promise<Told>> = {
    'icmp ping': async () => {
      const out = await inside(process.execPath, CLI, 'ping', '--json', '-i', '10ms', '-c', `${SAMPLES}`, ROUTER[4])
      const events = out
        .trimEnd()
        .split('\n')
        .map((l) => JSON.parse(l) as { kind: string; seq: number; rttNs: number })
      return new Map(events.filter((e) => e.kind === 'reply').map((e) => [e.seq, e.rttNs]))
    },
    'icmpkit, 20 ms busy after every 2nd send': () => busy(net),
    'iputils ping': async () =>
      told(
        await inside('ping', '-n', '-i', '0.01', '-c', `${SAMPLES}`, ROUTER[4]),
        /icmp_seq=(\d+).*time=([\d.]+) ms/g,
      ),
    fping: async () =>
      told(await inside('fping', '-p', `${INTERVAL}`, '-c', `${SAMPLES}`, ROUTER[4]), /\[(\d+)\].*?([\d.]+) ms \(/g),
  }
  const errors = new Map<string, number[]>(Object.keys(tools).map((name) => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, tool] of Object.entries(tools)) errors.get(name)!.push(...(await compared(net.client.name, tool)))
  }
  const ours = median(errors.get('icmp ping')!)
  printTable(
    ['round trip against the capture', 'samples', 'median |error| µs', 'p90 µs', 'ours / theirs'],
    [...errors].map(([name, ns]) => [
      name,
      ns.length,
      (median(ns) / 1000).toFixed(1),
      (ns.toSorted((a, b) => a - b)[Math.floor(ns.length * 0.9)]! / 1000).toFixed(1),
      (ours / median(ns)).toFixed(2),
    ]),
  )
}

/** Distances between what `tool` says and what passed. */
async function compared(netns: string, tool: () => Promise<Told>): Promise<number[]> {
  const asked = new Map<number, bigint>()
  const truth: Told = new Map()
  const said = await sniff(netns, 'near', tool, ({ bytes, ip, ns }) => {
    const icmp = ip + 20
    const seq = u16(bytes, icmp + 6)
    if (i32(bytes, ip + 12) === CLIENT && bytes[icmp] === 8) asked.set(seq, ns)
    else if (bytes[icmp] === 0 && asked.has(seq)) truth.set(seq, Number(ns - asked.get(seq)!))
  })
  return [...said].flatMap(([seq, ns]) => (truth.has(seq) ? [Math.abs(ns - truth.get(seq)!)] : []))
}

/** In this process: whatever else the program does right after it has sent. */
async function busy(net: ThreeHosts): Promise<Told> {
  const told: Told = new Map()
  let sent = 0
  const session = ping(ROUTER[4], {
    count: SAMPLES,
    interval: 3 * INTERVAL,
    netns: net.client.name,
    onPacket: (p) => {
      if (p.direction === 'in' || ++sent % 2 === 0) return
      // Not now, before it leaves: as soon as the send call is over.
      queueMicrotask(() => {
        const end = performance.now() + 20
        while (performance.now() < end);
      })
    },
  })
  for await (const e of session) if (e.kind === 'reply') told.set(e.seq, e.rttNs)
  return told
}

function told(text: string, line: RegExp): Told {
  return new Map([...text.matchAll(line)].map((m) => [Number(m[1]), Number(m[2]) * 1e6]))
}

/** 10.66.1.1 */
const CLIENT = 0x0a420101
