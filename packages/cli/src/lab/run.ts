/** `icmp lab run`: a scenario in virtual time, its events as a story, or as NDJSON, and every packet as pcapng. */
import { closeSync, openSync } from 'node:fs'
import { type ScenarioEvent, type ScenarioOptions, scenario } from 'icmpkit/lab'
import { safeJson } from 'icmpkit/wire'
import { Output, put, remark } from '../output.ts'
import { readLab } from './lab-file.ts'
import { line } from './text.ts'

export interface RunFlags {
  json?: true
  seed?: number
  until?: number
  pcap?: string
  packets?: true
  verbose?: true
}

/** Returns the exit code: 0, 2 where the file is wrong or something can't be written. */
export async function run(file: string, flags: RunFlags): Promise<number> {
  let pcap: number | undefined
  try {
    const { config, placed } = readLab(file)
    if (flags.pcap !== undefined) pcap = flags.pcap === '-' ? 1 : openSync(flags.pcap, 'w')
    const options: ScenarioOptions = {
      packets: flags.packets === true ? 'all' : 'befallen',
      states: flags.json === true || flags.verbose === true,
      ...(pcap === undefined ? {} : { pcap: blocks(pcap) }),
    }
    const over = {
      ...(flags.seed === undefined ? {} : { seed: flags.seed }),
      ...(flags.until === undefined ? {} : { until: flags.until }),
    }
    const story = placed(() => scenario({ ...config, ...over }, options))
    return await tell(story, flags)
  } catch (e) {
    remark(`${(e as Error).message}\n`)
    return 2
  } finally {
    if (pcap !== undefined && pcap !== 1) closeSync(pcap)
  }
}

async function tell(story: Iterable<ScenarioEvent>, flags: RunFlags): Promise<number> {
  let stopped = false
  const out = new Output(
    () => {
      stopped = true
    },
    flags.pcap === '-' ? 2 : 1,
  )
  const stop = () => {
    stopped = true
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  let since = 0
  for (const e of story) {
    out.write(flags.json === true ? `${safeJson({ schema: 'icmpkit.lab-run.v1', ...e })}\n` : line(e))
    // Now and then the process has a look at its signals, and at who reads.
    if (++since % TURN === 0) await new Promise((done) => setImmediate(done))
    if (stopped) break
  }
  process.off('SIGINT', stop)
  process.off('SIGTERM', stop)
  out.flush()
  return out.failed ? 2 : 0
}

/** Blocks in batches: a system call a packet would cost more than the packet. */
function blocks(fd: number): (octets: Uint8Array) => void {
  return (octets) => {
    put(fd, octets)
  }
}

const TURN = 256
