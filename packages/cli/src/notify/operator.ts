/** Runs `icmp notify offline|drain|back|status`: asks the `icmp notify serve` of this machine, and shows its answer. */
import { askOperator, type NoticeTotals, type OperatorRequest, operatorSocket } from 'icmpkit'
import { safeJson, safeText } from 'icmpkit/wire'
import { Output, remark } from '../output.ts'
import { totals } from './text.ts'

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
    else {
      const now = (status as unknown as NoticeTotals).programs.find((p) => p.program === program)
      out.write(
        `${safeText(program!)} is ${now?.state}${now?.protocol === 'udp' ? `, ${now.workstations} workstations known` : ''}\n`,
      )
    }
    out.flush()
    return out.failed ? 2 : 0
  } catch (e) {
    remark(`icmp: ${(e as Error).message}\n`)
    return 2
  }
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
