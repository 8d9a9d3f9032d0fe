/**
 * Show 1 of the notices: a server program is killed with -9 while UDP workstations, each with an address of its own, wait
 * for it. From its death to the last workstation's ECONNREFUSED, by the clock that all processes of a machine share; and
 * the same with the kernel alone, whose workstations ask each second, since those that only wait it never tells.
 */
import type { ChildProcess } from 'node:child_process'
import { makeHost } from '../test/kernel/testnet.ts'
import { printTable } from './figures.ts'
import { SCRIPT as CROWD, type CrowdArgs } from './notice-crowd.ts'
import { A_PROCESS, begin, end, Lines, network, resident, serving } from './notice-lab.ts'
import { SCRIPT as SERVER } from './notice-server.ts'

export const question: string =
  'From the death of a program to the last of its UDP workstations: how long, and how many does the kernel tell alone? (SIZES=10,1000,10000,100000; ONLY=kernel: the lines that begin so)'

const SIZES = (process.env.SIZES ?? '10,1000,10000,100000').split(',').map(Number)
const PORT = 5353
const WAIT_MS = 20_000

interface Case {
  what: string
  size: number
  family: 4 | 6
  notices: boolean
  /** Behind one address. */
  together?: boolean
  every?: number
  wait?: number
}

interface Figures {
  told: number
  /** Milliseconds since the death, sorted. */
  times: number[]
  /** What `icmp notify serve` said of it. */
  outage: { detectedNs: number; lastSentNs: number; sent: number; workstations: number } | undefined
  /** Resident memory of it in MiB: with no workstation, with all, after telling. */
  memory: number[]
}

export async function run(): Promise<void> {
  const cases: Case[] = [
    ...SIZES.map((size): Case => ({ what: 'notices', size, family: 4, notices: true })),
    { what: 'notices, IPv6', size: 10_000, family: 6, notices: true },
    { what: 'notices, one address', size: 1_000, family: 4, notices: true, together: true },
    { what: 'kernel alone, asking each second', size: 10_000, family: 4, notices: false, every: 1000, wait: 12_000 },
  ]
  const rows: string[][] = []
  for (const c of cases.filter((one) => one.what.startsWith(process.env.ONLY ?? ''))) {
    const f = await one(c)
    rows.push(row(c, f))
    process.stderr.write(`${rows.at(-1)!.join(' | ')}\n`)
  }
  printTable(
    [
      '',
      'workstations',
      'known',
      'sent',
      'told',
      'in 0.1 s',
      '1 s',
      '5 s',
      '10 s',
      'p50 ms',
      'p99 ms',
      'last ms',
      'detected ms',
      'all sent ms',
      'memory MiB',
    ],
    rows,
  )
}

function row(c: Case, f: Figures): string[] {
  const within = (ms: number) => `${((f.times.filter((t) => t <= ms).length / c.size) * 100).toFixed(1)}%`
  const at = (share: number) => f.times[Math.ceil(f.times.length * share) - 1]?.toFixed(1) ?? '-'
  const ns = (n: number | undefined) => (n === undefined ? '-' : (n / 1e6).toFixed(1))
  return [
    c.what,
    c.size.toLocaleString('en'),
    f.outage?.workstations.toLocaleString('en') ?? '-',
    f.outage?.sent.toLocaleString('en') ?? '-',
    `${((f.told / c.size) * 100).toFixed(1)}%`,
    ...[100, 1000, 5000, 10_000].map(within),
    at(0.5),
    at(0.99),
    at(1),
    ns(f.outage?.detectedNs),
    ns(f.outage?.lastSentNs),
    f.memory.length === 0 ? '-' : f.memory.map((m) => m.toFixed(0)).join(' → '),
  ]
}

async function one(c: Case): Promise<Figures> {
  const server = makeHost('srv')
  const crowd = makeHost('crowd')
  const children: ChildProcess[] = []
  try {
    network(server, crowd)
    const program = begin(children, server, [SERVER, c.family === 4 ? 'udp4' : 'udp6', `${PORT}`])
    await new Lines(program).next()
    const serve = c.notices ? serving(children, server, `p=udp/${PORT}`) : undefined
    const said = serve === undefined ? undefined : new Lines(serve)
    await said?.until('ready')
    const memory: number[] = []
    const remember = () => {
      if (serve !== undefined) memory.push(resident(serve.pid!))
    }
    remember()
    const groups: ChildProcess[] = []
    for (let from = 0; from < c.size; from += A_PROCESS) {
      const args: CrowdArgs = {
        protocol: 'udp',
        server: c.family === 4 ? '192.0.2.1' : '2001:db8::1',
        port: PORT,
        first: c.family === 4 ? `10.${64 + from / A_PROCESS}.0.1` : `fd64:${from / A_PROCESS}::1`,
        count: Math.min(A_PROCESS, c.size - from),
        together: c.together ?? false,
        every: c.every ?? 0,
        wait: c.wait ?? WAIT_MS,
      }
      groups.push(begin(children, crowd, [CROWD, JSON.stringify(args)]))
    }
    const lines = groups.map((g) => new Lines(g))
    for (const l of lines) await l.next()
    remember()
    const death = Number(process.hrtime.bigint()) / 1e6
    program.kill('SIGKILL')
    const told = (await Promise.all(lines.map((l) => l.next()))).flatMap((l) => JSON.parse(l) as number[])
    const outage = await said?.until('outage')
    remember()
    return {
      told: told.length,
      times: told.map((t) => t - death).sort((a, b) => a - b),
      outage: outage as unknown as Figures['outage'],
      memory,
    }
  } finally {
    await end(children)
    server.remove()
    crowd.remove()
  }
}
