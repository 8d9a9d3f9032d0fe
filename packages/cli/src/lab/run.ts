/** `icmp lab run`: a scenario in virtual time, its events as a story, or as NDJSON, and every packet as pcapng. */
import { closeSync, openSync } from 'node:fs'
import { type Scenario, type ScenarioOptions, scenario } from 'icmpkit/lab'
import { safeJson } from 'icmpkit/wire'
import { Output, put, remark } from '../output.ts'
import { whenInterrupted } from '../signals.ts'
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
  let pcap: CaptureFile | undefined
  try {
    const { config, placed } = readLab(file)
    const options: ScenarioOptions = {
      packets: flags.packets === true ? 'all' : 'befallen',
      states: flags.json === true || flags.verbose === true,
      ...(flags.pcap === undefined ? {} : { pcap: (octets) => pcap?.write(octets) }),
    }
    const over = {
      ...(flags.seed === undefined ? {} : { seed: flags.seed }),
      ...(flags.until === undefined ? {} : { until: flags.until }),
    }
    const story = placed(() => scenario({ ...config, ...over }, options))
    // Nothing is written over for a file that is wrong.
    if (flags.pcap !== undefined) pcap = new CaptureFile(flags.pcap)
    const code = await tell(story, flags, () => pcap?.gone === true)
    pcap?.flush()
    return code
  } catch (e) {
    remark(`${(e as Error).message}\n`)
    return 2
  } finally {
    pcap?.close()
  }
}

async function tell(story: Scenario, flags: RunFlags, gone: () => boolean): Promise<number> {
  const stop = () => story.stop()
  const out = new Output(stop, flags.pcap === '-' ? 2 : 1)
  whenInterrupted(stop)
  for await (const e of story) {
    out.write(flags.json === true ? `${safeJson({ schema: 'icmpkit.lab-run.v1', ...e })}\n` : line(e))
    if (gone()) break
  }
  out.flush()
  return out.failed ? 2 : 0
}

/** A capture in batches: a system call a packet would cost more than the packet. */
class CaptureFile {
  readonly #path: string
  readonly #fd: number
  readonly #batch = new Uint8Array(1 << 16)
  #end = 0
  /** Whoever read it has gone. */
  gone = false

  /** `-` is standard output. */
  constructor(path: string) {
    this.#path = path
    this.#fd = path === '-' ? 1 : named(path, () => openSync(path, 'w'))
  }

  write(octets: Uint8Array): void {
    if (this.#end + octets.length > this.#batch.length) this.flush()
    if (octets.length > this.#batch.length) this.#put(octets, octets.length)
    else {
      this.#batch.set(octets, this.#end)
      this.#end += octets.length
    }
  }

  flush(): void {
    this.#put(this.#batch, this.#end)
    this.#end = 0
  }

  close(): void {
    if (this.#fd !== 1) closeSync(this.#fd)
  }

  #put(octets: Uint8Array, end: number): void {
    if (!this.gone) this.gone = !named(this.#path, () => put(this.#fd, octets, 0, end))
  }
}

/** What the system refuses, with the file that it is about. */
function named<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (e) {
    throw new Error(`${path}: ${(e as Error).message}`, { cause: e })
  }
}
