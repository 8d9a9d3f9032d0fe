/** `icmp lab up`: a lab in real time that the programs of this machine speak to. Events to text or NDJSON, signals, exit code. */
import { type LabReady, type LabUp, type LabUpEvent, type LabUpSummary, labUp } from 'icmpkit'
import { safeJson, safeText } from 'icmpkit/wire'
import { Output, remark } from '../output.ts'
import { attend } from '../signals.ts'
import { ConfigError } from '../yaml-place.ts'
import { CaptureFile } from './capture-file.ts'
import { readLab } from './lab-file.ts'
import { asked, line } from './text.ts'

export interface UpFlags {
  tun?: string
  netns?: string
  here?: true
  at?: string
  seed?: number
  json?: true
  pcap?: string
  packets?: true
  verbose?: true
  deadline?: number
}

/** Returns the exit code: 0, 2 where the file is wrong, or the kernel refuses, or something can't be written. */
export async function up(file: string, flags: UpFlags): Promise<number> {
  let pcap: CaptureFile | undefined
  try {
    const { config, placed } = readLab(file)
    if (flags.pcap !== undefined) pcap = new CaptureFile(flags.pcap)
    const { seed } = flags
    const net = placed(() => labUp({ ...config, ...(seed === undefined ? {} : { seed }) }, optionsOf(flags, pcap)))
    return await tell(net, flags)
  } catch (e) {
    // A place in a file stands in front of its line, as everywhere.
    remark(`${e instanceof ConfigError ? '' : 'icmp: '}${(e as Error).message}\n`)
    return 2
  } finally {
    pcap?.close()
  }
}

function optionsOf(flags: UpFlags, pcap: CaptureFile | undefined): Parameters<typeof labUp>[1] {
  const { tun, netns, here, at } = flags
  return {
    packets: flags.packets === true ? 'all' : 'befallen',
    states: flags.json === true || flags.verbose === true,
    ...(tun === undefined ? {} : { tun }),
    ...(netns === undefined ? {} : { netns }),
    ...(here === undefined ? {} : { here }),
    ...(at === undefined ? {} : { at }),
    // Whoever reads it while the lab is up sees each packet at once.
    ...(pcap === undefined
      ? {}
      : {
          pcap: (octets: Uint8Array) => {
            pcap.write(octets)
            pcap.flush()
          },
        }),
  }
}

async function tell(net: LabUp, flags: UpFlags): Promise<number> {
  const stop = () => net.stop()
  const out = new Output(stop, flags.pcap === '-' ? 2 : 1)
  const show = (e: LabUpEvent) => {
    out.write(flags.json === true ? `${safeJson({ schema: 'icmpkit.lab-up.v1', ...e })}\n` : textOf(e))
    // Whoever waits for `ready` in a pipe has it at once.
    out.flush()
  }
  attend({ stop, counts: () => summary(net.snapshot()), out }, flags.deadline)
  for await (const e of net) show(e)
  await net.done
  return out.failed ? 2 : 0
}

function textOf(e: LabUpEvent): string {
  switch (e.kind) {
    case 'ready':
      return ready(e)
    case 'summary':
      return summary(e)
    default:
      return line(e)
  }
}

/** What one can do now, in the first line; what was made, below it. */
function ready(e: LabReady): string {
  const target = e.hosts[0]?.node ?? e.routes[0]?.via ?? ''
  const named = e.ownNamespace && e.hosts[0] !== undefined
  const ping = `ping ${named ? target : (e.hosts[0]?.address ?? target)}`
  const how = e.netns === null ? ping : inside(e.netns, ping)
  const where = e.netns === null ? '' : ` in network namespace ${e.netns}`
  const lines = [`ready: this machine is ${e.node}${where}; ${how}`]
  for (const i of e.interfaces)
    lines.push(`  ${i.name} (${i.door}, MTU ${i.mtu}) on link ${i.link}: ${i.addresses.join(', ')}`)
  for (const r of e.routes)
    lines.push(`  route ${r.prefix} ${r.via === null ? '' : `via ${r.via} `}${dev(r)}`.trimEnd())
  for (const n of e.notes) lines.push(`  ${n}`)
  lines.push(`  ${e.nodes} nodes, ${e.links} links; Ctrl-C takes them down`)
  return `${lines.map((l) => safeText(l)).join('\n')}\n`
}

function dev(r: LabReady['routes'][number]): string {
  return r.interface === null ? '' : `by ${r.interface}`
}

function inside(netns: string, command: string): string {
  return /^\d+$/.test(netns) ? `nsenter -t ${netns} -n ${command}` : `ip netns exec ${netns} ${command}`
}

function summary(s: LabUpSummary): string {
  const lines = [
    ...s.asks.map(asked),
    `up for ${Number(s.time).toFixed(1)} s: ${s.fromKernel.packets} packets from this machine, ${s.toKernel.packets} to it`,
  ]
  if (s.toKernel.dropped > 0) lines.push(`${s.toKernel.dropped} dropped: this machine had no room for them`)
  const fates: Record<string, number> = {}
  for (const counts of Object.values(s.links))
    for (const [fate, n] of Object.entries(counts)) fates[fate] = (fates[fate] ?? 0) + n
  const packets = Object.entries(fates).map(([fate, n]) => `${n} ${fate}`)
  lines.push(`packets on links: ${packets.join(', ') || 'none'}`)
  if (s.late > LATE) lines.push(`the lab was ${Math.round(s.late)} ms late at its worst: this process was busy`)
  if (s.slipped > 0)
    lines.push(`its time stood still for ${Math.round(s.slipped)} ms in all: more was to do than this machine can`)
  if (s.droppedEvents > 0) lines.push(`${s.droppedEvents} events were dropped: nobody read them in time`)
  return `${lines.join('\n')}\n`
}

/** Below this, ms, nobody who measures sees it. */
const LATE = 50
