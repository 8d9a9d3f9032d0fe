/** Runs `icmp notify offline|drain|back|status`: asks the `icmp notify serve` of this machine, and shows its answer. */
import { askOperator, type NoticeTotals, type OperatorRequest, operatorSocket } from 'icmpkit'
import { safeJson, safeText } from 'icmpkit/wire'
import { Output, remark } from '../output.ts'
import { type Outage, told, totals } from './text.ts'

export interface OperatorFlags {
  reason?: string
  backAt?: number
  socket?: string
  netns?: string
  prometheus?: true
  json?: true
}

/** Returns the exit code: 0, 1 where the server says no, 2 where none could be asked. */
export async function ask(
  what: 'offline' | 'drain' | 'back' | 'status',
  program: string | undefined,
  flags: OperatorFlags,
): Promise<number> {
  const out = new Output(() => {})
  try {
    const path = flags.socket ?? operatorSocket(flags.netns)
    const answer = await askOperator(path, requestOf(what, program, flags))
    if (!answer.ok) {
      remark(`icmp: ${safeText(answer.why)}\n`)
      return 1
    }
    const { ok: _, ...status } = answer
    if (flags.prometheus === true) out.write(String(answer.text))
    else if (flags.json === true) out.write(`${safeJson({ schema: 'icmpkit.notify.v1', ...status, kind: 'status' })}\n`)
    else if (what === 'status') out.write(totals(status as unknown as NoticeTotals))
    else out.write(done(what, program!, status as unknown as Answer))
    out.flush()
    return out.failed ? 2 : 0
  } catch (e) {
    remark(`icmp: ${(e as Error).message}\n`)
    return 2
  }
}

/** `outage` is there where a program was taken offline or drained: null where it was down before, or takes its time. */
type Answer = NoticeTotals & { outage?: Outage | null }

function done(what: string, program: string, { programs, outage }: Answer): string {
  const now = programs.find((p) => p.program === program)
  const is = `${safeText(program)} is ${now?.state}`
  const known = now?.protocol === 'udp' ? `, ${now.workstations} workstations known` : ''
  if (what === 'back') return `${is}${known}\n`
  if (outage) return `${is}: ${told(outage)}\n`
  return `${is}${known}; who is told of it from now on hears these words, nobody is told twice\n`
}

function requestOf(
  what: 'offline' | 'drain' | 'back' | 'status',
  program: string | undefined,
  flags: OperatorFlags,
): OperatorRequest {
  if (what === 'status') return { do: flags.prometheus === true ? 'metrics' : 'status' }
  if (what === 'back') return { do: 'back', program: program! }
  return {
    do: what,
    program: program!,
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
    ...(flags.backAt === undefined ? {} : { backAt: flags.backAt }),
  }
}
