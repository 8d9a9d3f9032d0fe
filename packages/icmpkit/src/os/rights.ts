/**
 * Rights given up once the doors are open. Root leaves by setgroups, setgid and setuid, which Node applies to all
 * threads, and leaving uid 0 clears every capability. A capability from a file or from the ambient set can only be
 * dropped by the thread that has it: capset is a matter of one thread, and Node has about eleven. It is said.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { LITTLE, must, sys } from './sys.ts'

export interface DroppedRights {
  /** 'setuid': all threads; 'capset': this thread only; 'nothing': there was nothing to drop. */
  readonly how: 'setuid' | 'capset' | 'nothing'
  /** Threads of this process, after. */
  readonly threads: number
  /** Threads that still hold a capability (effective or permitted), after. */
  readonly remaining: number
  /** The same for people. */
  readonly said: readonly string[]
}

/** @throws OsError where the kernel refuses to take rights back */
export function dropRights(): DroppedRights {
  if (process.getuid?.() === 0 || process.geteuid?.() === 0) return report('setuid', leaveRoot())
  if (!holdsCapability(readFileSync('/proc/thread-self/status', 'utf8'))) return report('nothing', 'no rights to drop')
  clearThread()
  return report('capset', 'capabilities dropped in this thread')
}

/** To the user who called sudo, else to nobody. */
function leaveRoot(): string {
  const uid = number(process.env.SUDO_UID) ?? NOBODY
  const gid = number(process.env.SUDO_GID) ?? NOBODY
  // Without this, a process started with "keep capabilities" would keep them; it is a matter of one thread as well.
  sys().prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0)
  process.setgroups!([])
  process.setgid!(gid)
  process.setuid!(uid)
  return `now uid ${uid}, gid ${gid} in all threads`
}

/** sudo run by root, or an environment of somebody's making: neither may keep us root. */
function number(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,9}$/.test(text) && Number(text) <= MAX_ID ? Number(text) : undefined
}

/** Clears the effective, permitted and inheritable sets, and with them the ambient one. */
function clearThread(): void {
  const header = new DataView(new ArrayBuffer(8))
  header.setUint32(0, LINUX_CAPABILITY_VERSION_3, LITTLE)
  must(sys().capset(new Uint8Array(header.buffer), new Uint8Array(24)), 'capset', 'rights')
}

function report(how: DroppedRights['how'], done: string): DroppedRights {
  const tasks = '/proc/self/task'
  let threads = 0
  let remaining = 0
  for (const tid of readdirSync(tasks)) {
    const status = read(`${tasks}/${tid}/status`)
    if (status === undefined) continue
    threads++
    if (holdsCapability(status)) remaining++
  }
  const rest =
    remaining === 0
      ? []
      : [`${remaining} of ${threads} threads keep theirs: the system drops them for one thread at a time`]
  return { how, threads, remaining, said: [`rights: ${done}`, ...rest.map((r) => `rights: ${r}`)] }
}

/** A thread may end while we look. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function holdsCapability(status: string): boolean {
  return /^Cap(?:Prm|Eff):\s*0*[1-9a-f]/m.test(status)
}

const NOBODY = 65534
/** -1 means "unchanged" to setuid. */
const MAX_ID = 0xfffffffe
const PR_SET_KEEPCAPS = 8
const LINUX_CAPABILITY_VERSION_3 = 0x20080522
