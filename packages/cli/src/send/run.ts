/** Runs `icmp send`: flags to the library, events to text or NDJSON, exit code. */
import { type Prepared, prepareSend, type SendAnswer, type SendEvent, type SendOptions, send, showTime } from 'icmpkit'
import { hex, icmp4, icmp6, registry, safeJson, safeText, toJson } from 'icmpkit/wire'
import type { LabFlags, OpenVantage } from '../lab/vantage.ts'
import { remark } from '../output.ts'
import { whenInterrupted } from '../signals.ts'
import { type MessageFlags, makeMessage } from './message.ts'
import { PacketText } from './packet-text.ts'

export interface Flags extends MessageFlags, LabFlags {
  ipv4?: true
  ipv6?: true
  badChecksum?: true
  ttl?: number
  tos?: number
  flowLabel?: number
  routerAlert?: true
  src?: string
  interface?: string
  mark?: number
  netns?: string
  count: number
  interval: number
  wait: number
  dryRun?: true
  verbose?: true
  json?: true
}

const SCHEMA = 'icmpkit.send.v1'

/** Returns the exit code: 0 a reply or an error came, or none could; 1 nothing came; 2 it could not be sent. */
export async function run(target: string, flags: Flags, openVantage: OpenVantage | undefined): Promise<number> {
  let over: SendOptions['over']
  try {
    over = overOf(target, flags, openVantage)
  } catch (e) {
    remark(`${(e as Error).message}\n`)
    return 2
  }
  const text = new PacketText(flags.verbose === true || flags.dryRun === true)
  const stop = new AbortController()
  const interrupt = () => stop.abort()
  whenInterrupted(interrupt)
  try {
    const what = (family: 4 | 6) => makeMessage(flags, family, over?.random)
    const options = optionsOf(flags, stop.signal, over)
    if (flags.dryRun === true) {
      show(await prepareSend(target, what, options), flags, text, over)
      return 0
    }
    return await converse(target, what, options, flags, text)
  } catch (e) {
    remark(`icmp send: ${safeText(e instanceof Error ? e.message : String(e))}\n`)
    return 2
  } finally {
    text.flush()
  }
}

function overOf(target: string, flags: Flags, open: OpenVantage | undefined): SendOptions['over'] {
  const { lab, from } = flags
  if (lab === undefined) {
    if (from !== undefined) throw new TypeError('icmp: --from is the node of a lab that sends; expected --lab FILE too')
    return undefined
  }
  if (open === undefined) throw new TypeError('icmp: --lab is not in this bundle')
  return open(from === undefined ? { lab } : { lab, from }, [target]).over
}

async function converse(
  target: string,
  what: Parameters<typeof send>[1],
  options: SendOptions,
  flags: Flags,
  text: PacketText,
): Promise<number> {
  await using session = send(target, what, options)
  const events = session[Symbol.asyncIterator]()
  let next = events.next()
  const prepared = await session.prepared
  if (flags.verbose === true) {
    remark(`icmp send: ${prepared.door}: ${prepared.why.join('; ')}\n`)
    if (prepared.cannot.length > 0) remark(`icmp send: it cannot: ${prepared.cannot.join(', ')}\n`)
  }
  for (let e = await next; !e.done; e = await next) {
    next = events.next()
    if (flags.json === true) text.text(`${safeJson(jsonOf(e.value))}\n`)
    else tell(e.value, prepared, text, flags, options.signal?.aborted === true)
    text.flush()
  }
  const { sent, replies, errors, answerable } = await session.done
  if (sent === 0) return 2
  return replies + errors > 0 || !answerable || flags.wait === 0 ? 0 : 1
}

function tell(e: SendEvent, prepared: Prepared, text: PacketText, flags: Flags, stopped: boolean): void {
  switch (e.kind) {
    case 'sent':
      text.packet(e.octets, e.octets.length, e.time)
      return
    case 'reply':
    case 'error':
      text.packet(e.octets, e.length, e.time)
      text.text(`    ${heard(e)}\n`)
      if (flags.verbose !== true) text.text(`    ${e.meaning}\n`)
      return
    case 'timeout':
      return
    case 'local-drop':
      text.flush()
      remark(`icmp send: ${safeText(e.target)}: ${REFUSED[e.why]}${e.mtu ? ` (MTU ${e.mtu})` : ''}\n`)
      return
    case 'summary':
      if (e.replies + e.errors > 0 || e.sent === 0 || flags.wait === 0) return
      text.text(
        e.answerable
          ? `${prepared.address}: no answer ${stopped ? 'before it was stopped' : `in ${flags.wait / 1000} s`}\n`
          : `${prepared.address}: sent; nothing answers such a message\n`,
      )
  }
}

function heard(e: SendAnswer): string {
  const ttl = e.ttl === null ? '' : `, ttl ${e.ttl}`
  return `${e.kind} from ${e.from} after ${(e.rttNs / 1e6).toFixed(3)} ms (${e.clock})${ttl}, checksum ${e.checksum}`
}

function jsonOf(e: SendEvent): object {
  if (!('octets' in e)) return { schema: SCHEMA, ...e }
  return { schema: SCHEMA, ...e, octets: hex(e.octets) }
}

/** What would leave, and nothing else. */
function show(p: Prepared, flags: Flags, text: PacketText, over: SendOptions['over']): void {
  const { family, packet, icmp, address } = p
  if (flags.json === true) {
    const message = family === 4 ? icmp4.parse(packet, icmp) : icmp6.parse(packet, icmp)
    const type = packet[icmp] ?? null
    const code = packet[icmp + 1] ?? null
    const name = type === null || code === null ? null : registry.lookup(family, type, code).name
    const about = { kind: 'packet', target: p.target, address, family, type, code, name }
    text.text(`${safeJson({ schema: SCHEMA, ...about, message: toJson(message), octets: hex(packet) })}\n`)
    return
  }
  const now = over === undefined ? BigInt(Date.now()) * 1_000_000n : over.clock.wall(over.clock.now())
  text.packet(packet, packet.length, showTime(now))
  text.text('\n')
  for (let i = 0; i < packet.length; i += 16) {
    const row = packet.subarray(i, i + 16)
    const pairs = hex(row).replace(/..(?=.)/g, '$& ')
    const ascii = Array.from(row, (c) => (c >= 0x20 && c < 0x7f ? String.fromCharCode(c) : '.')).join('')
    text.text(`${i.toString(16).padStart(4, '0')}  ${pairs.padEnd(47)}  ${ascii}\n`)
  }
}

/** Who writes zeros for the checksum of `--hex` wants it made right. */
function sumIsZero(octets: string): boolean {
  return /^0000/.test(octets.replace(/[\s:]/g, '').slice(4))
}

const REFUSED: Record<Extract<SendEvent, { kind: 'local-drop' }>['why'], string> = {
  'too-big': 'this machine knows that the path takes no packet of this size',
  'no-route': 'this machine has no route to that address',
  'no-buffer': 'the interface could not take more packets just now',
  'not-permitted': 'a local firewall rule or a missing right stopped the packet',
  'link-down': 'the interface is down',
  other: 'the kernel refused the packet',
}

function optionsOf(flags: Flags, signal: AbortSignal, over: SendOptions['over']): SendOptions {
  const options: { [K in keyof SendOptions]: SendOptions[K] | undefined } = {
    count: flags.count,
    interval: flags.interval,
    wait: flags.wait,
    ttl: flags.ttl,
    tos: flags.tos,
    flowLabel: flags.flowLabel,
    routerAlert: flags.routerAlert,
    checksum:
      flags.badChecksum === true ? 'wrong' : flags.hex !== undefined && sumIsZero(flags.hex) ? 'right' : 'given',
    family: flags.ipv4 === true ? 4 : flags.ipv6 === true ? 6 : undefined,
    source: flags.src,
    interface: flags.interface,
    mark: flags.mark,
    netns: flags.netns,
    dropRights: true,
    signal,
    over,
  }
  return Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) as SendOptions
}
