/**
 * Show 1 of the notices, TCP: a server hangs while 8,000 connections are open, and the operator says so. Each client's kernel
 * must take its notice: one whose quoted sequence number is out of the window is counted (OutOfWindowIcmps) and dropped.
 * The clients ask for errors (IP_RECVERR); what an ordinary established one makes of it is in docs/notices.md.
 */
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { ICMP } from '../test/kernel/icmp-command.ts'
import { type Host, makeHost } from '../test/kernel/testnet.ts'
import { printTable } from './figures.ts'
import { SCRIPT as CROWD, type CrowdArgs } from './notice-crowd.ts'
import { begin, end, Lines, network, serving, socketOf } from './notice-lab.ts'
import { SCRIPT as SERVER } from './notice-server.ts'

export const question: string =
  'A TCP server that hangs is declared offline: do all clients take their notice, and how soon? (SIZES=10,1000,8000)'

const SIZES = (process.env.SIZES ?? '10,1000,8000').split(',').map(Number)
const PORT = 8080

export async function run(): Promise<void> {
  const rows: string[][] = []
  for (const size of SIZES) rows.push(await one(size))
  printTable(
    ['connections', 'sent', 'suppressed', 'rebuilt', 'told', 'p50 ms', 'last ms', 'out of window', 'all sent ms'],
    rows,
  )
}

async function one(size: number): Promise<string[]> {
  const server = makeHost('srv')
  const crowd = makeHost('crowd')
  const children: ChildProcess[] = []
  try {
    network(server, crowd)
    for (const h of [server, crowd]) h.sysctl('core.somaxconn', 4096)
    const program = begin(children, server, [SERVER, 'tcp', `${PORT}`])
    await new Lines(program).next()
    const said = new Lines(serving(children, server, `p=tcp/${PORT}`))
    await said.until('ready')
    const args: CrowdArgs = {
      protocol: 'tcp',
      server: '192.0.2.1',
      port: PORT,
      first: '10.64.0.1',
      count: size,
      together: false,
      every: 0,
      wait: 20_000,
    }
    const clients = new Lines(begin(children, crowd, [CROWD, JSON.stringify(args)]))
    await clients.next()
    program.kill('SIGSTOP')
    const before = outOfWindow(crowd)
    const word = Number(process.hrtime.bigint()) / 1e6
    begin(children, server, [ICMP, 'notify', 'offline', 'p', '--reason', 'it hangs', '--socket', socketOf(server)])
    const told = (JSON.parse(await clients.next()) as number[]).map((t) => t - word).sort((a, b) => a - b)
    const outage = (await said.until('outage')) as {
      sent: number
      rebuilt: number
      suppressed: object
      lastSentNs: number
    }
    return [
      size.toLocaleString('en'),
      outage.sent.toLocaleString('en'),
      JSON.stringify(outage.suppressed),
      `${outage.rebuilt}`,
      `${((told.length / size) * 100).toFixed(1)}%`,
      told[told.length >> 1]?.toFixed(1) ?? '-',
      told.at(-1)?.toFixed(1) ?? '-',
      `${outOfWindow(crowd) - before}`,
      (outage.lastSentNs / 1e6).toFixed(1),
    ]
  } finally {
    await end(children)
    server.remove()
    crowd.remove()
  }
}

/** TcpExt OutOfWindowIcmps of its kernel. */
function outOfWindow(h: Host): number {
  const [names, values] = h.inside(() => readFileSync('/proc/thread-self/net/netstat', 'utf8')).split('\n')
  return Number(values!.split(' ')[names!.split(' ').indexOf('OutOfWindowIcmps')])
}
