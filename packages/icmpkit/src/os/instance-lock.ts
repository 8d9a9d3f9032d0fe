/**
 * One of a kind for each network namespace: a lock on a file, which the kernel lets go of at the moment when its process
 * ends, however it ends. The file says who holds it.
 */
import { fstatSync, lstatSync, mkdirSync, readFileSync, statSync, unlinkSync } from 'node:fs'
import { inNamespace, type NamespaceRef } from './namespace.ts'
import { Errno, OsError } from './os-error.ts'
import { AF_INET, SOCK_DGRAM, SOL_SOCKET, Socket } from './socket.ts'
import { LITTLE, must, sys } from './sys.ts'

/** What tells one network namespace from all others. */
export interface NamespaceIdentity {
  /** As `ls -i` shows it; given anew when a namespace is gone. */
  readonly inode: number
  /** Never given anew while this kernel runs; '0' before Linux 5.14. */
  readonly cookie: string
}

/** @throws OsError */
export function namespaceIdentity(netns?: NamespaceRef): NamespaceIdentity {
  const look = (): NamespaceIdentity => {
    const socket = new Socket('namespace', AF_INET, SOCK_DGRAM, 0)
    const cookie = new DataView(new ArrayBuffer(8))
    const length = new Uint8Array(new Uint32Array([8]).buffer)
    sys().getsockopt(socket.fd, SOL_SOCKET, SO_NETNS_COOKIE, new Uint8Array(cookie.buffer), length)
    socket.close()
    return { inode: statSync('/proc/thread-self/ns/net').ino, cookie: `${cookie.getBigUint64(0, LITTLE)}` }
  }
  return netns === undefined ? look() : inNamespace(netns, look)
}

export interface InstanceLock extends Disposable {
  close(): void
}

/** What the holder wrote, where somebody holds `path`. */
export interface HeldBy {
  readonly heldBy: string
}

/**
 * Takes the lock at `path` and writes `who` into it; its directory is made for this user alone. @throws OsError, or Error
 * where the directory cannot be had or others may write to it
 */
export function lockInstance(path: string, who: string): InstanceLock | HeldBy {
  const os = sys()
  makeOwn(path.slice(0, path.lastIndexOf('/')))
  for (;;) {
    const fd = must(os.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600), `open ${path}`, DOOR)
    const locked = os.flock(fd, LOCK_EX | LOCK_NB)
    if (locked < 0) {
      os.close(fd)
      if (locked === -Errno.EAGAIN) return { heldBy: readFileSync(path, 'utf8') }
      throw new OsError(-locked, `flock ${path}`, DOOR)
    }
    // Its last holder may have taken it away between our two calls: then others lock another file of that name.
    if (statSync(path, { throwIfNoEntry: false })?.ino !== fstatSync(fd).ino) {
      os.close(fd)
      continue
    }
    const text = Buffer.from(who)
    os.ftruncate(fd, 0)
    os.write(fd, text, text.length)
    return held(path, fd)
  }
}

/** In a directory that somebody else made in our place (/tmp …) he could put files of his under our names. */
function makeOwn(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  } catch (e) {
    throw new Error(
      `${directory} cannot be made (${(e as NodeJS.ErrnoException).code}): say XDG_RUNTIME_DIR=, or as a service of systemd RuntimeDirectory=icmpkit`,
    )
  }
  const { uid, mode } = lstatSync(directory)
  const mine = process.geteuid?.()
  if (mine !== 0 && (uid !== mine || (mode & 0o022) !== 0))
    throw new Error(
      `${directory} belongs to user ${uid}, or others may write to it: it would not be safe to work there`,
    )
}

function held(path: string, fd: number): InstanceLock {
  let open = true
  const close = () => {
    if (!open) return
    open = false
    try {
      unlinkSync(path)
    } catch {
      // Rights given up meanwhile: the file stays, and holds nobody up.
    }
    sys().close(fd)
  }
  return { close, [Symbol.dispose]: close }
}

const DOOR = 'instance-lock'
const SO_NETNS_COOKIE = 71
const LOCK_EX = 2
const LOCK_NB = 4
const O_RDWR = 2
const O_CREAT = 0o100
const O_NOFOLLOW = 0o400000
const O_CLOEXEC = 0o2000000
