/** Runs `icmp listen`: key files and flags to the library, events to text, NDJSON and the webhook, signals, exit code. */
import { type ListenEvent, type ListenRun, listen, type NoticeKey, readKeys } from 'icmpkit'
import { safeJson } from 'icmpkit/wire'
import { Output, remark } from '../output.ts'
import { attend } from '../signals.ts'
import { line, summary } from './text.ts'
import { Webhook } from './webhook.ts'

export interface Flags {
  notices?: true
  key?: string[]
  believe: 'signed' | 'flow'
  close?: 'signed' | 'any'
  webhook?: string
  webhookAll?: true
  netns?: string
  json?: true
  verbose?: true
  count?: number
  deadline?: number
}

/** Returns the exit code: 0, 1 fewer came than `--count` wanted, 2 it could not be done. */
export async function run(flags: Flags): Promise<number> {
  const say = (text: string) => remark(`icmp: ${text}\n`)
  const { notices = false, believe, close, netns, count = Number.POSITIVE_INFINITY } = flags
  const keys = (): NoticeKey[] => (flags.key ?? []).flatMap((file) => readKeys(file))
  let session: ListenRun
  try {
    session = listen({
      notices,
      believe,
      keys: keys(),
      ...(close === undefined ? {} : { close }),
      ...(netns === undefined ? {} : { netns }),
    })
  } catch (e) {
    say((e as Error).message)
    return 2
  }
  const acts = flags.close === 'signed' || (flags.webhook !== undefined && flags.webhookAll !== true)
  if (acts && believe === 'signed' && flags.key === undefined) {
    say('without --key no notice is believed, so nothing is done about one (--believe flow goes without signatures)')
  }
  const out = new Output(() => session.stop())
  const webhook = flags.webhook === undefined ? undefined : new Webhook(flags.webhook, say)
  attend(
    {
      stop: () => session.stop(),
      counts: () => summary(session.snapshot()),
      out,
      again: {
        reload: () => {
          session.setKeys(keys())
          return 'the key files are read anew'
        },
        unchanged: 'the keys stay as they were',
      },
    },
    flags.deadline,
  )
  let told = 0
  const show = (e: ListenEvent) => {
    if (flags.json === true) out.write(`${safeJson({ schema: 'icmpkit.listen.v1', ...e })}\n`)
    else out.write(line(e, flags.verbose === true))
  }
  try {
    for await (const e of session) {
      if (told < count || (e.kind !== 'notice' && e.kind !== 'error')) show(e)
      if (e.kind === 'notice' || e.kind === 'error') told++
      if (e.kind === 'notice' && (e.believed || flags.webhookAll === true)) webhook?.post(e)
      if (told >= count) session.stop()
    }
    await session.done
    out.flush()
    await webhook?.end()
    if (out.failed) return 2
    return told < count && count !== Number.POSITIVE_INFINITY ? 1 : 0
  } catch (e) {
    out.flush()
    say((e as Error).message)
    return 2
  }
}
