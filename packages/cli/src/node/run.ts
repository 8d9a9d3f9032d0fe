/** Runs `icmp host` and `icmp gateway`: flags and file to the library, events to text or NDJSON, signals, exit code. */
import { gateway, host, type NodeEvent, type NodeOptions, type NodePort, type NodeRun } from 'icmpkit'
import { inNamespace, openNetlink } from 'icmpkit/os'
import { type Ip, parseIp, safeJson } from 'icmpkit/wire'
import { Output, remark } from '../output.ts'
import { attend } from '../signals.ts'
import { type FileOptions, readConfig } from './config-file.ts'
import { line, summary } from './text.ts'

export interface Flags {
  port?: NodePort[]
  via?: string[]
  route?: string[]
  advertise?: string[]
  config?: string
  set?: string[]
  kernel?: string[]
  conflictCheck: 'full' | 'fast' | 'off'
  netns?: string
  force?: true
  json?: true
  live?: true
  quiet?: true
  deadline?: number
  autoconf?: boolean
  extendedEcho?: true
  busyPoll?: number
}

/** Returns the exit code: 0, 1 an address is somebody else's, 2 it could not be done. */
export async function run(role: 'host' | 'gateway', flags: Flags): Promise<number> {
  const say = (text: string) => remark(`icmp: ${text}\n`)
  let session: NodeRun
  let kernel: KernelSide[]
  try {
    ;[session, kernel] = withOptions(role, flags, (options) => {
      const sides = (flags.kernel ?? []).map((text) => kernelSide(text, options.ports))
      return [role === 'host' ? host(options) : gateway(options), sides]
    })
  } catch (e) {
    say((e as Error).message)
    return 2
  }
  const out = new Output(() => session.stop())
  attend(
    {
      stop: () => session.stop(),
      counts: () => summary(session.snapshot()),
      out,
      again: {
        reload: () => {
          withOptions(role, flags, (options) => session.reconfigure(options))
          return `${flags.config ?? 'the flags'}: read anew`
        },
        unchanged: 'everything stays as it was',
      },
    },
    flags.deadline,
  )
  const patience = setTimeout(
    () => say('asking the links whether anybody else has these addresses (--conflict-check fast is shorter)'),
    2000,
  )
  const live = flags.json !== true && (flags.live === true || (flags.quiet !== true && process.stdout.isTTY === true))
  let board: import('./board.ts').Board | undefined
  let conflicts = 0
  try {
    for await (const e of session) {
      if (e.kind === 'ready') {
        clearTimeout(patience)
        setKernelSides(kernel, flags.netns)
        conflicts = e.ports.reduce((sum, p) => sum + p.conflicts.length, 0)
        if (live) board = new (await import('./board.ts')).Board(() => session.snapshot())
      }
      if (e.kind === 'summary') board?.stop()
      show(role, e, flags, out, board)
      if (e.kind === 'ready' && conflicts > 0 && e.ports.every((p) => p.addresses.length === 0)) session.stop()
    }
    await session.done
    out.flush()
    return out.failed ? 2 : conflicts > 0 ? 1 : 0
  } catch (e) {
    board?.stop()
    out.flush()
    say((e as Error).message)
    return 2
  } finally {
    clearTimeout(patience)
  }
}

function show(
  role: 'host' | 'gateway',
  e: NodeEvent,
  flags: Flags,
  out: Output,
  board: import('./board.ts').Board | undefined,
): void {
  if (flags.json === true) out.write(`${safeJson({ schema: `icmpkit.${role}.v1`, ...e })}\n`)
  else if (flags.quiet === true && e.kind !== 'ready' && e.kind !== 'summary') return
  else if (board === undefined) out.write(line(e))
  else board.above(line(e))
  // Whoever waits for `ready` in a pipe has it at once.
  out.flush()
}

/** Does `work` with what the flags and the file say. @throws what is wrong, in a line, with its place where the file says it */
function withOptions<T>(role: 'host' | 'gateway', flags: Flags, work: (options: NodeOptions) => T): T {
  const file = flags.config === undefined ? undefined : readConfig(flags.config)
  const options = optionsOf(role, flags, file?.options)
  try {
    return work(options)
  } catch (e) {
    const { message } = e as Error
    const byFlag = flags.set?.some((s) => message.startsWith(s.split('=')[0]!)) ?? false
    throw (byFlag ? undefined : file?.placed(message)) ?? e
  }
}

function optionsOf(role: 'host' | 'gateway', flags: Flags, file: FileOptions | undefined): NodeOptions {
  const ip4: Record<string, unknown> = { ...file?.ip4 }
  const ip6: Record<string, unknown> = { ...file?.ip6 }
  const check = CONFLICT_CHECK[flags.conflictCheck]
  if (typeof ip4.arpProbe === 'object') ip4.arpProbe = { ...check.arpProbe, ...ip4.arpProbe }
  else ip4.arpProbe ??= check.arpProbe
  for (const [name, value] of Object.entries(check.ip6)) ip6[name] ??= value
  if (role === 'host' && flags.autoconf === false) ip6.acceptAdvertisements = false
  if (flags.advertise !== undefined)
    ip6.advertise = [...((ip6.advertise as object[] | undefined) ?? []), ...flags.advertise.map((port) => ({ port }))]
  const errorExtensions: Record<string, unknown> = { ...file?.errorExtensions }
  const extendedEcho: Record<string, unknown> = {
    ...(flags.extendedEcho === true ? OPEN_TO_ALL : {}),
    ...file?.extendedEcho,
  }
  for (const s of flags.set ?? []) set({ ip4, ip6, errorExtensions, extendedEcho }, s)
  return {
    ports: [...(file?.ports ?? []), ...(flags.port ?? [])],
    via: [...(file?.via ?? []), ...(flags.via ?? [])],
    routes: [...(file?.routes ?? []), ...(flags.route ?? [])],
    ip4,
    ip6,
    errorExtensions,
    extendedEcho,
    busyPoll: flags.busyPoll ?? file?.busyPoll ?? 0,
    ...(flags.netns === undefined ? {} : { netns: flags.netns }),
    ...(flags.force === undefined ? {} : { force: flags.force }),
  }
}

/** `--extended-echo` */
const OPEN_TO_ALL = { enabled: true, neighbours: 'any', byName: 'any', byIndex: 'any', byAddress: 'any' }

/** `--conflict-check`: the defaults of the stack; the same packets sooner; none. */
const CONFLICT_CHECK: Record<Flags['conflictCheck'], { arpProbe: object; ip6: object }> = {
  full: { arpProbe: {}, ip6: {} },
  fast: { arpProbe: { waitMs: 0, minMs: 150, maxMs: 200, announceWaitMs: 200 }, ip6: {} },
  off: { arpProbe: { count: 0 }, ip6: { dadTransmits: 0 } },
}

/** `ip4.errorLimit.rate=10` */
function set(layers: Record<string, Record<string, unknown>>, text: string): void {
  const [path, value, more] = text.split('=')
  const [layer, ...keys] = path!.split('.')
  const target = Object.hasOwn(layers, layer!) ? layers[layer!] : undefined
  const named = keys.length > 0 && keys.every((key) => key !== '' && key !== '__proto__')
  if (target === undefined || !named || value === undefined || more !== undefined)
    throw new TypeError(`--set ${text}: it must read ip4.SWITCH=VALUE, ip6.…, errorExtensions.… or extendedEcho.…`)
  let at = target
  for (const key of keys.slice(0, -1)) {
    at[key] = typeof at[key] === 'object' ? { ...(at[key] as object) } : {}
    at = at[key] as Record<string, unknown>
  }
  at[keys.at(-1)!] = literal(value)
}

function literal(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return text !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}

/** The kernel's side of a TUN or TAP that we make. */
interface KernelSide {
  name: string
  addresses: readonly { address: Ip; prefixLength: number }[]
}

/** `--kernel ik0=192.0.2.1/24`. @throws TypeError; an interface that is there before us is not ours to change */
function kernelSide(text: string, ports: readonly NodePort[]): KernelSide {
  const [name, list = '', more] = text.split('=')
  if (more !== undefined || !ports.some((p) => p.name === name && (p.door === 'tun' || p.door === 'tap')))
    throw new TypeError(
      `--kernel ${text}: it must read NAME=ADDRESS/LENGTH, and --port tun:NAME=… or tap:NAME=… name it`,
    )
  const addresses = list
    .split(',')
    .filter((a) => a !== '')
    .map((a) => {
      const [ip, length = '', rest] = a.split('/')
      const address = parseIp(ip!)
      const longest = typeof address === 'bigint' ? 128 : 32
      if (address === undefined || rest !== undefined || !/^\d+$/.test(length) || Number(length) > longest)
        throw new TypeError(`--kernel ${text}: ${a} is not an address with its prefix length`)
      return { address, prefixLength: Number(length) }
    })
  return { name: name!, addresses }
}

function setKernelSides(sides: readonly KernelSide[], netns: string | undefined): void {
  const work = () => {
    using netlink = openNetlink()
    for (const { name, addresses } of sides) {
      const index = netlink.index(name)
      netlink.setLink(index, { addrGenMode: 'none', up: true })
      for (const a of addresses) netlink.addAddress({ index, ...a, noDad: true })
    }
  }
  if (sides.length === 0) return
  if (netns === undefined) work()
  else inNamespace(netns, work)
}
