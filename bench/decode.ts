/** `icmp decode` against tcpdump and tshark: the same files in the same run, turn about, text to /dev/null. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Family } from '../packages/icmpkit/src/wire/index.ts'
import { writeCapture } from './decode-capture.ts'
import { median, printTable } from './figures.ts'

export const question: string =
  'Does `icmp decode` print at least five times as many packets a second as `tcpdump -nn -r`, in constant memory?'

const ICMP = resolve(import.meta.dirname, '../packages/icmpkit/bin/icmp.js')
const PACKETS = Number(process.env.PACKETS ?? 1_000_000)
const ROUNDS = Number(process.env.ROUNDS ?? 5)
/** tshark takes a hundred times as long. */
const FEW = PACKETS / 20
/** Node tells its peak memory when it ends. */
const PEAK = `data:text/javascript,process.on('exit',()=>process._rawDebug('peak '+process.resourceUsage().maxRSS))`

const FILES: readonly (readonly [string, readonly Family[], number])[] = [
  ['v4, 16 addresses', [4], 16],
  ['v6, 16 addresses', [6], 16],
  ['mixed, 16 addresses', [4, 6], 8],
  ['v4, 65,536 addresses', [4], 65_536],
  ['v6, 65,536 addresses', [6], 65_536],
]

export async function run(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'icmpkit-bench-'))
  try {
    speed(folder)
    others(folder)
    memory(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function speed(folder: string): void {
  const rows: (string | number)[][] = []
  for (const [name, families, addresses] of FILES) {
    const path = join(folder, 'speed.pcap')
    writeCapture(path, PACKETS, families, addresses)
    const ours: number[] = []
    const theirs: number[] = []
    // tcpdump takes minutes for a million packets of many addresses.
    const fewer = addresses > 256 ? join(folder, 'fewer.pcap') : path
    const count = addresses > 256 ? PACKETS / 10 : PACKETS
    if (fewer !== path) writeCapture(fewer, count, families, addresses)
    for (let n = 0; n < ROUNDS; n++) {
      ours.push(rate(PACKETS, process.execPath, [ICMP, 'decode', path]))
      theirs.push(rate(count, 'tcpdump', ['-nn', '-r', fewer]))
    }
    rows.push([name, Math.round(median(ours)), Math.round(median(theirs)), (median(ours) / median(theirs)).toFixed(1)])
  }
  printTable([`text, ${PACKETS.toLocaleString('en')} packets`, 'icmp decode /s', 'tcpdump -nn /s', 'ratio'], rows)
}

function others(folder: string): void {
  const path = join(folder, 'others.pcap')
  const few = join(folder, 'few.pcap')
  writeCapture(path, PACKETS, [4, 6], 8)
  writeCapture(few, FEW, [4, 6], 8)
  const rows: [string, number, string, readonly string[]][] = [
    ['icmp decode', PACKETS, process.execPath, [ICMP, 'decode', path]],
    ['icmp decode --check', PACKETS, process.execPath, [ICMP, 'decode', '--check', path]],
    ['icmp decode --json', PACKETS, process.execPath, [ICMP, 'decode', '--json', path]],
    ['icmp decode -v', PACKETS / 5, process.execPath, [ICMP, 'decode', '-v', '-c', String(PACKETS / 5), path]],
    ['tcpdump -nn', PACKETS, 'tcpdump', ['-nn', '-r', path]],
    ['tcpdump -nn -v', PACKETS, 'tcpdump', ['-nn', '-v', '-r', path]],
    ['tshark -n', FEW, 'tshark', ['-n', '-r', few]],
    ['tshark -n -T ek', FEW, 'tshark', ['-n', '-T', 'ek', '-r', few]],
  ]
  process.stdout.write('\n')
  printTable(
    ['mixed, 16 addresses', 'packets/s'],
    rows.map(([name, count, command, args]) => {
      const rates = Array.from({ length: 3 }, () => rate(count, command, args))
      return [name, Math.round(median(rates))]
    }),
  )
}

function memory(folder: string): void {
  process.stdout.write('\n')
  const rows = [1, 4].map((times) => {
    const path = join(folder, 'memory.pcap')
    writeCapture(path, PACKETS * times, [4, 6], 8)
    const cells = [['decode'], ['decode', '--json'], ['decode', '--check']].map((args) => {
      const peak = /peak (\d+)/.exec(start(process.execPath, ['--import', PEAK, ICMP, ...args, path]))
      return Math.round(Number(peak?.[1]) / 1024)
    })
    return [`${(PACKETS * times).toLocaleString('en')} packets, ${statSync(path).size >> 20} MiB`, ...cells]
  })
  printTable(['peak memory, MiB', 'text', '--json', '--check'], rows)
}

/** Packets a second of one run. */
function rate(packets: number, command: string, args: readonly string[]): number {
  const begun = process.hrtime.bigint()
  start(command, args)
  return packets / (Number(process.hrtime.bigint() - begun) / 1e9)
}

/** Runs to its end with /dev/null as its output; what it said on standard error. */
function start(command: string, args: readonly string[]): string {
  const nowhere = openSync('/dev/null', 'w')
  try {
    const { status, stderr, error } = spawnSync(command, args, { stdio: ['ignore', nowhere, 'pipe'], encoding: 'utf8' })
    if (error !== undefined || status !== 0)
      throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr} (exit code ${status})`)
    return stderr
  } finally {
    closeSync(nowhere)
  }
}
