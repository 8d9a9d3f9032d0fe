/**
 * Show 1 of the notices: a server program is killed with -9 while UDP workstations, each with an address of its own, wait
 * for it. From its death to the last workstation's ECONNREFUSED, by the clock that all processes of a machine share; and
 * the same with the kernel alone, whose workstations ask each second, since those that only wait it never tells.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { ICMP } from '../test/kernel/icmp-command.ts'
import { cable, type Host, ip, makeHost } from '../test/kernel/testnet.ts'
import { printTable } from './figures.ts'
import { SCRIPT as CROWD, type CrowdArgs } from './notice-crowd.ts'
import { SCRIPT as SERVER } from './notice-server.ts'

export const question: string =
  'From the death of a program to the last of its UDP workstations: how long, and how many does the kernel tell alone? (SIZES=10,1000,10000,100000; ONLY=kernel: the lines that begin so)'

const SIZES = (process.env.SIZES ?? '10,1000,10000,100000').split(',').map(Number)
/** So many descriptors may one process have here. */
const A_PROCESS = 18_000
const PORT = 5353
const WAIT_MS = 20_000
/** RT_TABLE_LOCAL */
const LOCAL = 255

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
    await line(program)
    const serve = c.notices
      ? begin(children, server, [
          ICMP,
          'notify',
          'serve',
          '--program',
          `p=udp/${PORT}`,
          '--grace',
          '0',
          '--json',
          '--socket',
          socketOf(server),
          '--state',
          'none',
        ])
      : undefined
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
    for (const child of children) child.kill('SIGKILL')
    await Promise.all(children.map((child) => (child.exitCode ?? child.signalCode) === null && once(child, 'exit')))
    server.remove()
    crowd.remove()
  }
}

/** Every address of 10/8 and fd64::/16 is a workstation's. */
function network(server: Host, crowd: Host): void {
  cable(server, crowd)
  for (const [h, last] of [
    [server, 1],
    [crowd, 2],
  ] as const) {
    h.address('eth0', `192.0.2.${last}/24`)
    h.address('eth0', `2001:db8::${last}/64`)
    // Neighbours of an address that is on no interface are solicited from this one.
    h.address('eth0', `fe80::${last}/64`)
  }
  // A route alone lets no IPv6 socket bind.
  crowd.sysctl('ipv6.ip_nonlocal_bind', 1)
  for (const [dst, prefixLength, gateway] of [
    ['10.0.0.0', 8, '192.0.2.2'],
    ['fd64::', 16, '2001:db8::2'],
  ] as const) {
    const lo = crowd.netlink.index('lo')
    crowd.netlink.addRoute({ dst: ip(dst), prefixLength, type: 'local', scope: 'host', table: LOCAL, oif: lo })
    server.netlink.addRoute({ dst: ip(dst), prefixLength, gateway: ip(gateway), oif: server.netlink.index('eth0') })
  }
}

const socketOf = (h: Host) => `/run/${h.name}.sock`

function begin(children: ChildProcess[], h: Host, args: string[]): ChildProcess {
  const child = h.inside(() => spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] }))
  children.push(child)
  return child
}

async function line(child: ChildProcess): Promise<string> {
  return new Lines(child).next()
}

/** What a child writes, line by line. */
class Lines {
  readonly #lines: AsyncIterator<string>

  constructor(child: ChildProcess) {
    this.#lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  async next(): Promise<string> {
    const { value, done } = await this.#lines.next()
    if (done) throw new Error('it ended too early')
    return value
  }

  async until(kind: string): Promise<Record<string, unknown>> {
    for (;;) {
      const event = JSON.parse(await this.next()) as Record<string, unknown>
      if (event.kind === kind) return event
    }
  }
}

function resident(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}
