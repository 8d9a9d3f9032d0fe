/**
 * Tells when somebody else's socket has an error to read, or anything at all. One epoll descriptor a thread for each of the
 * two. Other than waker.ts it may let the process end: that is the affair of the socket's owner.
 *
 * Where the owner polls the socket as well (libuv), it must see an error first: reading the queue clears it. It is told in
 * the poll phase of the loop, at the latest in that of the next turn, so we tell in the check phase behind that.
 */
import { arena } from './arena.ts'
import { Errno, OsError } from './os-error.ts'
import { inMainThread, LITTLE, must, type Sys, sys } from './sys.ts'

export class BorrowedWatch {
  readonly #fd: number
  readonly #what: 'errors' | 'all'
  #ref = false

  /** @throws OsError */
  constructor(fd: number, what: 'errors' | 'all', told: () => void) {
    this.#fd = fd
    this.#what = what
    shared[what] ??= new Watch(what)
    shared[what].add(fd, told)
  }

  set ref(on: boolean) {
    if (on === this.#ref || this.#what === 'errors') return
    this.#ref = on
    shared.all?.keepAlive(on ? 1 : -1)
  }

  /** Before the descriptor is closed. */
  close(): void {
    this.ref = false
    if (shared[this.#what]?.remove(this.#fd) === 0) {
      shared[this.#what]?.close()
      shared[this.#what] = undefined
    }
  }
}

const shared: { errors?: Watch | undefined; all?: Watch | undefined } = {}

class Watch {
  readonly #os: Sys = sys()
  readonly #epoll: number
  readonly #events = arena(EVENTS * EPOLL_EVENT, DOOR)
  readonly #told = new Map<number, () => void>()
  readonly #what: 'errors' | 'all'
  #handle: PollHandle | undefined
  #timer: NodeJS.Timeout | undefined
  #due = false
  #alive = 0
  #closed = false

  constructor(what: 'errors' | 'all') {
    const os = this.#os
    this.#what = what
    const poll = os.koffi.node?.poll as unknown as Poll | undefined
    const usual = inMainThread(os) && typeof poll === 'function'
    if (!usual && what === 'all') {
      throw new OsError(Errno.ENOSYS, 'poll', DOOR, 'A datagram socket can be borrowed in the main thread only')
    }
    this.#epoll = must(os.epoll_create1(EPOLL_CLOEXEC), 'epoll_create1', DOOR)
    if (usual) {
      this.#handle = poll(this.#epoll, { readable: true }, () => this.#soon())
      this.#handle.unref()
    } else {
      // Such a handle aborts the process where its thread is terminated (see waker.ts): here somebody looks now and then.
      this.#timer = setInterval(() => this.#soon(), NAP)
      this.#timer.unref()
    }
  }

  add(fd: number, told: () => void): void {
    const event = new DataView(new ArrayBuffer(EPOLL_EVENT))
    // Without an event that is asked for, EPOLLERR comes all the same.
    event.setUint32(0, this.#what === 'all' ? EPOLLIN : 0, LITTLE)
    event.setInt32(DATA, fd, LITTLE)
    must(this.#os.epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, new Uint8Array(event.buffer)), 'epoll_ctl', DOOR)
    this.#told.set(fd, told)
  }

  /** How many are left. */
  remove(fd: number): number {
    if (this.#told.delete(fd)) this.#os.epoll_ctl(this.#epoll, EPOLL_CTL_DEL, fd, new Uint8Array(EPOLL_EVENT))
    return this.#told.size
  }

  keepAlive(more: number): void {
    this.#alive += more
    if (this.#alive > 0) this.#handle?.ref()
    else this.#handle?.unref()
  }

  /** The handle before its descriptor: the other way round aborts the process. */
  close(): void {
    this.#closed = true
    this.#handle?.close()
    clearInterval(this.#timer)
    this.#os.close(this.#epoll)
  }

  /** Promises do not run after a callback of koffi's handle (see waker.ts), so it goes on in the check phase. */
  #soon(): void {
    if (this.#due) return
    this.#due = true
    if (this.#what === 'all') setImmediate(() => this.#collect())
    else setImmediate(() => setImmediate(() => this.#collect()))
  }

  #collect(): void {
    this.#due = false
    if (this.#closed) return
    const count = this.#os.epoll_wait(this.#epoll, this.#events.address, EVENTS, 0)
    const fds: number[] = []
    for (let i = 0; i < count; i++) fds.push(this.#events.view.getInt32(i * EPOLL_EVENT + DATA, LITTLE))
    for (const fd of fds) this.#told.get(fd)?.()
  }
}

interface PollHandle {
  close(): void
  ref(): void
  unref(): void
}
type Poll = (fd: number, options: { readable: boolean }, callback: () => void) => PollHandle

const DOOR = 'borrowed-socket'
const EVENTS = 64
/** Between two looks in a worker thread, ms. */
const NAP = 20
/** struct epoll_event is packed on x86-64 alone. */
const PACKED = process.arch === 'x64'
const EPOLL_EVENT = PACKED ? 12 : 16
const DATA = PACKED ? 4 : 8
const EPOLLIN = 1
const EPOLL_CTL_ADD = 1
const EPOLL_CTL_DEL = 2
const EPOLL_CLOEXEC = 0o2000000
