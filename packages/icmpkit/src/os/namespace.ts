/**
 * Work inside another network namespace: `setns` on the calling thread, one synchronous function, and back. No child
 * process. A socket stays in the namespace where it was opened, so opening it inside is enough.
 *
 * Only this thread moves. A thread that is created meanwhile would stay over there for good, and libuv would resolve
 * names in the wrong network; so its pool is started before (docs/decisions/namespaces.md).
 */
import { access, closeSync, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs'
import { Errno, OsError } from './os-error.ts'
import { must, sys } from './sys.ts'

/** A namespace held by a descriptor; without a name it ends when nothing holds it any more. */
export interface Namespace extends Disposable {
  readonly fd: number
  close(): void
}

/**
 * Which one: a name as `ip netns` gives (a file in /run/netns), a process in it (digits only, or a number), an absolute
 * path, or one that is open already.
 */
export type NamespaceRef = string | number | Namespace

/**
 * What `fn` returns, run in namespace `ref` on this thread. `fn` must not be async: what it does after its first `await`
 * would happen outside.
 * @throws TypeError on a promise, RangeError on a name that cannot be one, OsError
 */
export function inNamespace<T>(ref: NamespaceRef, fn: () => T): T {
  if (typeof ref === 'object') return inside(ref.fd, fn)
  const there = openNamespace(ref)
  try {
    return inside(there.fd, fn)
  } finally {
    there.close()
  }
}

/** Holds a namespace open, so that it may be entered often. @throws RangeError, OsError */
export function openNamespace(ref: string | number): Namespace {
  const { path, absent } = pathOf(ref)
  const fd = sys().open(path, O_RDONLY | O_CLOEXEC, 0)
  if (fd >= 0) return handle(fd)
  const denied = fd === -Errno.EACCES || fd === -Errno.EPERM
  throw new OsError(-fd, `open ${path}`, DOOR, denied ? 'A process of another user: this needs CAP_SYS_PTRACE' : absent)
}

/** A new one without a name, with nothing in it but `lo`, which is down. @throws OsError */
export function createNamespace(): Namespace {
  return aside(() => handle(must(sys().open(HERE, O_RDONLY | O_CLOEXEC, 0), 'open', DOOR)))
}

/** Like `ip netns add NAME`: others can enter it by that name, until `removeNamespace`. @throws RangeError, OsError */
export function addNamespace(name: string): void {
  const { path } = pathOf(checkName(name))
  try {
    mkdirSync(RUN, { recursive: true, mode: 0o755 })
    closeSync(openSync(path, 'wx', 0o444))
  } catch (e) {
    const errno = -((e as NodeJS.ErrnoException).errno ?? 0)
    throw new OsError(errno, `create ${path}`, DOOR, errno === Errno.EACCES || errno === Errno.EPERM ? CURE : '')
  }
  try {
    aside(() => must(sys().mount(HERE, path, 'none', MS_BIND, null), `mount ${path}`, DOOR, CURE))
  } catch (e) {
    unlinkSync(path)
    throw e
  }
}

/** Like `ip netns del NAME`. What still runs inside keeps it until it ends. @throws RangeError, OsError */
export function removeNamespace(name: string): void {
  const { path, absent } = pathOf(checkName(name))
  const unmounted = sys().umount2(path, MNT_DETACH)
  // EINVAL: a file that nothing is mounted on, left behind by a crash.
  if (unmounted !== -Errno.EINVAL) must(unmounted, `umount ${path}`, DOOR, unmounted === -Errno.ENOENT ? absent : CURE)
  unlinkSync(path)
}

/** Runs `fn` in a namespace made for it. */
function aside<T>(fn: () => T): T {
  return away(() => must(sys().unshare(CLONE_NEWNET), 'unshare', DOOR, CURE), fn)
}

function inside<T>(fd: number, fn: () => T): T {
  return away(() => {
    const moved = sys().setns(fd, CLONE_NEWNET)
    must(moved, 'setns', DOOR, moved === -Errno.EINVAL ? 'That is not a network namespace' : CURE)
  }, fn)
}

function away<T>(leave: () => void, fn: () => T): T {
  const os = sys()
  startPool()
  const home = must(os.open(HERE, O_RDONLY | O_CLOEXEC, 0), `open ${HERE}`, DOOR)
  let result: T
  try {
    leave()
    try {
      result = fn()
    } finally {
      const back = os.setns(home, CLONE_NEWNET)
      if (back < 0) stranded(new OsError(-back, 'setns', DOOR))
    }
  } finally {
    os.close(home)
  }
  if (isThenable(result)) {
    result.then(undefined, () => {})
    throw new TypeError('inNamespace: the function is async; what follows its first await would run outside')
  }
  return result
}

/** Everything this thread does from here on would meet the wrong network: no handler may catch this. */
function stranded(why: OsError): never {
  writeSync(2, `icmpkit: cannot return to its own network namespace, so the process ends. ${why.message}\n`)
  process.kill(process.pid, 'SIGABRT')
  // The signal is handled before kill returns; this is for the compiler.
  throw why
}

/** libuv makes all threads of its pool at the first request, in the namespace of the thread that asks. */
function startPool(): void {
  if (poolStarted) return
  poolStarted = true
  access('/', () => {})
}

let poolStarted = false

function isThenable(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

function handle(fd: number): Namespace {
  let open = true
  const close = () => {
    if (!open) return
    open = false
    sys().close(fd)
  }
  return { fd, close, [Symbol.dispose]: close }
}

function pathOf(ref: string | number): { path: string; absent: string } {
  if (typeof ref === 'number' || /^\d+$/.test(ref)) {
    const pid = Number(ref)
    if (!Number.isSafeInteger(pid) || pid < 1) throw new RangeError(`${ref} is not a process id`)
    return { path: `/proc/${pid}/ns/net`, absent: `There is no process ${pid}` }
  }
  if (ref.startsWith('/')) {
    if (CONTROL.test(ref)) throw new RangeError('a path of a namespace without control characters')
    return { path: ref, absent: 'There is no such file' }
  }
  checkName(ref)
  return { path: `${RUN}/${ref}`, absent: `There is no namespace ${ref}; \`ip netns list\` names them` }
}

/** One file in /run/netns and nothing else: no way up or down the tree, nothing that hides in a listing. */
function checkName(name: string): string {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || CONTROL.test(name) || name.length > 255) {
    throw new RangeError(`${JSON.stringify(name)} cannot name a network namespace`)
  }
  return name
}

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/
const RUN = '/run/netns'
/** Of the thread, not of the process: a worker thread may be elsewhere. */
const HERE = '/proc/thread-self/ns/net'
const DOOR = 'namespace'
const CURE = 'This needs CAP_SYS_ADMIN: run as root (sudo)'

const CLONE_NEWNET = 0x40000000
const O_RDONLY = 0
const O_CLOEXEC = 0o2000000
const MS_BIND = 4096
const MNT_DETACH = 2
