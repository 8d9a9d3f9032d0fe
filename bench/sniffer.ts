/** tcpdump beside a benchmark: what really passed, by nanosecond stamps of the kernel. */
import { spawn } from 'node:child_process'
import { mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CaptureReader } from '../packages/icmpkit/src/wire/capture.ts'

export interface Seen {
  bytes: Uint8Array
  /** Offset of the IP header. */
  ip: number
  /** Nanoseconds since 1970. */
  ns: bigint
}

/** Records ICMP on `link` of the namespace while `body` runs, then gives every packet to `visit`. */
export async function sniff<T>(
  netns: string,
  link: string,
  body: () => Promise<T>,
  visit: (s: Seen) => void,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'icmpkit-bench-'))
  try {
    const file = join(folder, 'seen.pcap')
    const flags = [
      '-i',
      link,
      '-n',
      '-B',
      '65536',
      '--time-stamp-precision=nano',
      '-s',
      '128',
      '-U',
      '-w',
      file,
      'icmp or icmp6',
    ]
    const tcpdump = spawn('ip', ['netns', 'exec', netns, 'tcpdump', '-Z', 'root', ...flags], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    await new Promise<void>((resolve, reject) => {
      tcpdump.once('error', reject)
      tcpdump.stderr.on('data', (d) => {
        said += d
        if (said.includes('listening')) resolve()
      })
    })
    const result = await body()
    // The kernel gives its last block of packets up to a second later.
    await new Promise((resolve) => setTimeout(resolve, 1500))
    const ended = new Promise((resolve) => tcpdump.once('exit', resolve))
    tcpdump.kill('SIGINT')
    await ended
    const dropped = /(\d+) packets dropped by kernel/.exec(said)?.[1]
    if (dropped !== '0') throw new Error(`the capture itself lost ${dropped} packets: it proves nothing`)
    read(file, visit)
    return result
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function read(file: string, visit: (s: Seen) => void): void {
  const reader = new CaptureReader()
  const fd = openSync(file, 'r')
  const chunk = new Uint8Array(1 << 20)
  for (let n = readSync(fd, chunk); n > 0; n = readSync(fd, chunk)) {
    reader.push(chunk.subarray(0, n))
    drain(reader, visit)
  }
  reader.end()
  drain(reader, visit)
}

function drain(reader: CaptureReader, visit: (s: Seen) => void): void {
  for (let step = reader.next(); step !== 'more'; step = reader.next()) {
    if (step !== 'packet') continue
    const { bytes, at, seconds, nanoseconds } = reader.frame
    visit({ bytes, ip: at + 14, ns: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds) })
  }
}
