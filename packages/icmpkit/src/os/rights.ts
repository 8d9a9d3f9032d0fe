/**
 * Rights given up once the doors are open. Root leaves by setgroups, setgid and setuid, which Node applies to all
 * threads, and leaving uid 0 clears every capability. A capability from a file or from the ambient set can only be
 * dropped by the thread that has it: capset is a matter of one thread, and Node has about eleven. It is said.
 *
 * A system may refuse: root without CAP_SETUID, a user namespace with one user, a worker thread. What can go goes, what
 * is kept is said (docs/decisions/rights.md).
 */
import { readdirSync, readFileSync } from 'node:fs'
import { OsError } from './os-error.ts'
import { LITTLE, sys } from './sys.ts'

export interface DroppedRights {
  /** 'setuid': all threads; 'capset': this thread only; 'nothing': there was nothing to drop, or nothing went. */
  readonly how: 'setuid' | 'capset' | 'nothing'
  /** Threads of this process, after. */
  readonly threads: number
  /** Threads that still hold a capability (effective or permitted), after. */
  readonly remaining: number
  /** What is not given up, and why, for people. Empty: every right is gone, in all threads. */
  readonly kept: readonly string[]
  /** What was done, and what is kept, for people. */
  readonly said: readonly string[]
}

/** Never throws for a refusal: whoever must not go on with a right left looks at `kept`. */
export function dropRights(): DroppedRights {
  const kept: string[] = []
  const done: string[] = []
  let how: DroppedRights['how'] = 'nothing'
  if (process.getuid?.() === 0 || process.geteuid?.() === 0) {
    const left = leaveRoot(kept)
    if (left.length > 0) done.push(`now ${left.join(', ')} in all threads`)
    if (process.geteuid?.() !== 0) how = 'setuid'
  }
  if (holdsCapability(readFileSync('/proc/thread-self/status', 'utf8'))) {
    const refused = clearThread()
    if (refused < 0) kept.push(`keeps its capabilities: ${new OsError(-refused, 'capset', 'rights').message}`)
    else {
      done.push('capabilities dropped in this thread')
      if (how === 'nothing') how = 'capset'
    }
  }
  const { threads, remaining } = holders()
  if (remaining > 0) {
    kept.push(`${remaining} of ${threads} threads keep theirs: the system drops them for one thread at a time`)
  }
  if (done.length + kept.length === 0) done.push('no rights to drop')
  const said = [...done, ...kept].map((line) => `rights: ${line}`)
  return { how, threads, remaining, kept, said }
}

/** To the user who called sudo, else to nobody. Returns what it became; what was refused goes to `kept`. */
function leaveRoot(kept: string[]): string[] {
  const uid = number(process.env.SUDO_UID) ?? NOBODY
  const gid = number(process.env.SUDO_GID) ?? NOBODY
  // Without this, a process started with "keep capabilities" would keep them; it is a matter of one thread as well.
  sys().prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0)
  // The user last: whoever is not root changes no group.
  const noGroups = refusal(() => process.setgroups!([]), 'such groups')
  const noGid = refusal(() => process.setgid!(gid), `group ${gid}`)
  const noUid = refusal(() => process.setuid!(uid), `user ${uid}`)
  const groups = process.getgroups!().filter((g) => g !== process.getegid!())
  if (noGroups !== undefined && groups.length > 0) kept.push(`keeps its groups ${groups.join(' ')}: ${noGroups}`)
  if (noGid !== undefined) kept.push(`keeps gid ${process.getegid!()}: ${noGid}`)
  if (noUid !== undefined) kept.push(`keeps uid 0: ${noUid}`)
  return [...(noUid === undefined ? [`uid ${uid}`] : []), ...(noGid === undefined ? [`gid ${gid}`] : [])]
}

/** Why the system does not do it, undefined where it did. */
function refusal(change: () => void, wanted: string): string | undefined {
  try {
    change()
    return undefined
  } catch (e) {
    const { code, syscall, message } = e as NodeJS.ErrnoException
    const call = `${syscall}: ${code}`
    switch (code) {
      case 'EPERM':
        if (syscall === 'setuid') return `${call}, this process has no CAP_SETUID`
        return syscall === 'setgroups' && read('/proc/self/setgroups') === 'deny\n'
          ? `${call}, this user namespace denies it`
          : `${call}, this process has no CAP_SETGID`
      case 'EINVAL':
        return `${call}, this user namespace has no ${wanted}`
      case 'ERR_WORKER_UNSUPPORTED_OPERATION':
        return 'a worker thread changes no user or group'
      default:
        return message
    }
  }
}

/** sudo run by root, or an environment of somebody's making: neither may keep us root. */
function number(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,9}$/.test(text) && Number(text) <= MAX_ID ? Number(text) : undefined
}

/** Clears the effective, permitted and inheritable sets, and with them the ambient one. 0, or minus errno. */
function clearThread(): number {
  const header = new DataView(new ArrayBuffer(8))
  header.setUint32(0, LINUX_CAPABILITY_VERSION_3, LITTLE)
  return sys().capset(new Uint8Array(header.buffer), new Uint8Array(24))
}

/** Of the threads there are, how many hold a capability. */
function holders(): { threads: number; remaining: number } {
  const tasks = '/proc/self/task'
  let threads = 0
  let remaining = 0
  for (const tid of readdirSync(tasks)) {
    const status = read(`${tasks}/${tid}/status`)
    if (status === undefined) continue
    threads++
    if (holdsCapability(status)) remaining++
  }
  return { threads, remaining }
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
