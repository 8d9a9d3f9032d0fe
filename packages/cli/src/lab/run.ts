/** `icmp lab run`: a scenario in virtual time, its events as a story, or as NDJSON, and every packet as pcapng. */
import { type Scenario, type ScenarioOptions, scenario } from 'icmpkit/lab'
import { safeJson } from 'icmpkit/wire'
import { Output, remark } from '../output.ts'
import { whenInterrupted } from '../signals.ts'
import { CaptureFile } from './capture-file.ts'
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
