/** Runs `icmp notify serve`: flags and file to the library, events to text or NDJSON, signals, exit code. */
import {
  type NoticeOptions,
  type NoticeProgram,
  type NoticeServeEvent,
  type NoticeServing,
  readKeys,
  serveNotices,
} from 'icmpkit'
import { safeJson } from 'icmpkit/wire'
import { Output, remark } from '../output.ts'
import { attend } from '../signals.ts'
import { readConfig } from './config-file.ts'
import type { ProgramDefaults } from './program-flag.ts'
import { line, totals } from './text.ts'

export interface Flags extends ProgramDefaults {
  program?: NoticeProgram[]
  config?: string
  key?: string
  rate?: number
  burst?: number
  perAddressRate?: number
  perAddressBurst?: number
  freshness?: number
  repeat?: number | false
  table?: number
  socket?: string
  state?: string
  netns?: string
  dropRights?: true
  elicit?: boolean
  metrics?: { host: string; port: number }
  json?: true
  quiet?: true
  deadline?: number
}

/** Returns the exit code: 0, or 2 where it could not be done. */
export async function run(flags: Flags): Promise<number> {
  const say = (text: string) => remark(`icmp: ${text}\n`)
  let session: NoticeServing
  try {
    session = serveNotices(optionsOf(flags))
  } catch (e) {
    say((e as Error).message)
    return 2
  }
  const out = new Output(() => session.stop())
  attend(
    {
      stop: () => session.stop(),
      counts: () => totals(session.snapshot()),
      out,
      again: {
        reload: () => {
          session.reconfigure(optionsOf(flags).programs)
          return `${flags.config ?? 'the flags'}: read anew`
        },
        unchanged: 'everything stays as it was',
      },
    },
    flags.deadline,
  )
  try {
    for await (const e of session) {
      if (e.kind === 'ready' && flags.metrics !== undefined) {
        const { serveMetrics } = await import('./metrics-server.ts')
        await serveMetrics(flags.metrics, () => session.metrics())
      }
      show(e, flags, out)
    }
    await session.done
    out.flush()
    return out.failed ? 2 : 0
  } catch (e) {
    out.flush()
    say((e as Error).message)
    return 2
  }
}

function show(e: NoticeServeEvent, flags: Flags, out: Output): void {
  if (flags.json === true && e.kind === 'note') remark(`icmp: ${e.what}\n`)
  else if (flags.json === true) out.write(`${safeJson({ schema: 'icmpkit.notify.v1', ...e })}\n`)
  else if (flags.quiet === true && e.kind !== 'ready' && e.kind !== 'summary') return
  else out.write(line(e))
  // Whoever waits for `ready` in a pipe has it at once.
  out.flush()
}

/** @throws what is wrong, in a line */
function optionsOf(flags: Flags): NoticeOptions {
  const file = flags.config === undefined ? undefined : readConfig(flags.config)
  const defaults: ProgramDefaults = {
    ...(flags.grace === undefined ? {} : { grace: flags.grace }),
    ...(flags.code === undefined ? {} : { code: flags.code }),
    ...(flags.message === undefined ? {} : { message: flags.message }),
    ...(flags.backIn === undefined ? {} : { backIn: flags.backIn }),
  }
  const programs = [...(file ?? []), ...(flags.program ?? [])].map(
    (p): NoticeProgram => ({ ...defaults, ...p, ...ofTcp(flags, p) }),
  )

  const key = flags.key === undefined ? undefined : readKeys(flags.key).find((k) => k.sign !== undefined)
  if (flags.key !== undefined && key === undefined) throw new TypeError(`${flags.key}: no secret in it that could sign`)
  return {
    programs,
    ...(key === undefined ? {} : { key }),
    ...(flags.netns === undefined ? {} : { netns: flags.netns }),
    ...(flags.dropRights === undefined ? {} : { dropRights: true }),
    ...(flags.rate === undefined ? {} : { rate: flags.rate }),
    ...(flags.burst === undefined ? {} : { burst: flags.burst }),
    ...(flags.perAddressRate === undefined ? {} : { perAddressRate: flags.perAddressRate }),
    ...(flags.perAddressBurst === undefined ? {} : { perAddressBurst: flags.perAddressBurst }),
    ...(flags.freshness === undefined ? {} : { freshness: flags.freshness }),
    ...(flags.repeat === undefined ? {} : { repeatAfter: flags.repeat === false ? 0 : flags.repeat }),
    ...(flags.table === undefined ? {} : { tableSize: flags.table }),
    ...pathOf('socket', flags.socket),
    ...pathOf('state', flags.state),
  }
}

/** What is said of all is meant for those that have connections. */
function ofTcp(flags: Flags, p: NoticeProgram): { reset?: boolean; elicit?: boolean } {
  if (p.protocol !== 'tcp') return {}
  return {
    ...(flags.reset === true ? { reset: p.reset ?? true } : {}),
    ...(flags.elicit === false ? { elicit: p.elicit ?? false } : {}),
  }
}

function pathOf(
  name: 'socket' | 'state',
  path: string | undefined,
): { socket?: string | false; state?: string | false } {
  return path === undefined ? {} : { [name]: path === 'none' ? false : path }
}
