/**
 * What processes that were killed have left below /run/icmpkit about network namespaces that are no more. Its files bear the
 * number of a namespace, which the kernel gives anew: they would be taken for the new one's, and pile up until then.
 *
 * That a namespace is gone nothing says. It is taken to be so where no thread is in it, no file system has it and no process
 * has it open, all of them looked at; who may not look at all of them forgets nothing.
 */
import { readdirSync, readFileSync, readlinkSync, statSync, unlinkSync } from 'node:fs'
import { sys } from './sys.ts'

/** Removes such files of `directory`; how many. `proc`: where all processes are to be seen. Never throws. */
export function forgetGoneNamespaces(directory = '/run/icmpkit', proc = '/proc'): number {
  try {
    if (process.geteuid?.() !== 0 || statSync(`${proc}/self/ns/pid`).ino !== FIRST_PID_NAMESPACE) return 0
    const began = Date.now()
    const left = Map.groupBy(readdirSync(directory), (file) => FILE.exec(file)?.[1] ?? '')
    left.delete('')
    for (const look of [here, byThread, byMount, byDescriptor]) {
      if (left.size === 0) return 0
      for (const number of look(proc)) left.delete(number)
    }
    let forgotten = 0
    for (const files of left.values()) {
      const paths = files.map((f) => `${directory}/${f}`)
      if (paths.some(isLocked)) continue
      // What was written since then is of a new namespace.
      for (const path of paths) if (statSync(path).mtimeMs < began) forgotten += forget(path)
    }
    return forgotten
  } catch {
    // Not allowed to look, or somebody else tidies up at the same time.
    return 0
  }
}

/** Of this thread, which may be in another than its process. */
function here(proc: string): string[] {
  return numbers(readlinkSync(`${proc}/thread-self/ns/net`))
}

function* byThread(proc: string): Generator<string> {
  for (const pid of processes(proc))
    for (const thread of entries(`${proc}/${pid}/task`)) yield* numbers(link(`${proc}/${pid}/task/${thread}/ns/net`))
}

/** `ip netns` keeps them so, and each namespace of mounts may have its own. */
function* byMount(proc: string): Generator<string> {
  const seen = new Set<string>()
  for (const pid of processes(proc)) {
    const mounts = link(`${proc}/${pid}/ns/mnt`)
    if (seen.has(mounts)) continue
    seen.add(mounts)
    yield* numbers(ofProcess(() => readFileSync(`${proc}/${pid}/mountinfo`, 'utf8'), ''))
  }
}

function* byDescriptor(proc: string): Generator<string> {
  for (const pid of processes(proc))
    for (const fd of entries(`${proc}/${pid}/fd`)) yield* numbers(link(`${proc}/${pid}/fd/${fd}`))
}

/** `net:[4026531840]`, as links and mounts show it. */
function numbers(text: string): string[] {
  return [...text.matchAll(/net:\[(\d+)\]/g)].map((found) => found[1]!)
}

function processes(proc: string): string[] {
  return readdirSync(proc).filter((name) => /^\d+$/.test(name))
}

function entries(directory: string): string[] {
  return ofProcess(() => readdirSync(directory), [])
}

function link(path: string): string {
  return ofProcess(() => readlinkSync(path), '')
}

/** `otherwise` of a process that has just ended. */
function ofProcess<T>(look: () => T, otherwise: T): T {
  try {
    return look()
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EINVAL') return otherwise
    throw e
  }
}

/** Whoever holds it is in the namespace by a socket, which nobody sees. */
function isLocked(path: string): boolean {
  if (!path.endsWith('.lock')) return false
  const os = sys()
  const fd = os.open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0)
  if (fd < 0) return true
  const locked = os.flock(fd, LOCK_EX | LOCK_NB)
  os.close(fd)
  return locked < 0
}

function forget(path: string): number {
  unlinkSync(path)
  return 1
}

/** A link that was brought up, or what `icmp notify serve` keeps: `4026532315-4.json`, `notify-4026532315.state`. */
const FILE = /^(?:notify-)?(\d{8,10})[-.]/
/** Of all processes (PROC_PID_INIT_INO): from any other not all of them are seen. */
const FIRST_PID_NAMESPACE = 0xeffffffc
const LOCK_EX = 2
const LOCK_NB = 4
const O_RDWR = 2
const O_NOFOLLOW = 0o400000
const O_CLOEXEC = 0o2000000
