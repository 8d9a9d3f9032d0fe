/**
 * The system calls, through koffi: about forty libc functions whose pointers are `void*`, so that nothing is marshalled.
 * Each returns its result or, where it failed, minus errno: errno is read at once, since any later call overwrites it.
 *
 * koffi is loaded when `sys()` is first called, never on import: `icmpkit/wire`, `/stack` and `/lab` work without it.
 */
import { closeSync, openSync } from 'node:fs'
import { createRequire } from 'node:module'
import { OsError } from './os-error.ts'

/**
 * Memory for the kernel: an address (from `arena.ts`), or a buffer for the time of one call. Addresses that stand INSIDE
 * structures must come from an arena: the collector may move or free a buffer that only the kernel knows of.
 */
export type Pointer = bigint | Uint8Array | null

export type Koffi = typeof import('koffi')

export interface Sys {
  readonly koffi: Koffi
  socket(domain: number, type: number, protocol: number): number
  bind(fd: number, address: Pointer, length: number): number
  connect(fd: number, address: Pointer, length: number): number
  getsockname(fd: number, address: Pointer, length: Pointer): number
  setsockopt(fd: number, level: number, option: number, value: Pointer, length: number): number
  getsockopt(fd: number, level: number, option: number, value: Pointer, length: Pointer): number
  send(fd: number, bytes: Pointer, length: number, flags: number): number
  sendto(fd: number, bytes: Pointer, length: number, flags: number, address: Pointer, addressLength: number): number
  sendmsg(fd: number, message: Pointer, flags: number): number
  sendmmsg(fd: number, messages: Pointer, count: number, flags: number): number
  recv(fd: number, bytes: Pointer, length: number, flags: number): number
  recvfrom(fd: number, bytes: Pointer, length: number, flags: number, address: Pointer, addressLength: Pointer): number
  recvmsg(fd: number, message: Pointer, flags: number): number
  recvmmsg(fd: number, messages: Pointer, count: number, flags: number, timeout: Pointer): number
  open(path: string, flags: number, mode: number): number
  close(fd: number): number
  dup3(fd: number, place: number, flags: number): number
  read(fd: number, bytes: Pointer, length: number): number
  write(fd: number, bytes: Pointer, length: number): number
  fcntl(fd: number, command: number, argument: number): number
  flock(fd: number, operation: number): number
  ftruncate(fd: number, length: number): number
  ioctl(fd: number, request: number, argument: Pointer): number
  /** The address, or minus errno as a bigint. */
  mmap(hint: Pointer, length: number, protection: number, flags: number, fd: number, offset: number): bigint
  munmap(address: bigint, length: number): number
  poll(fds: Pointer, count: number, timeoutMs: number): number
  epoll_create1(flags: number): number
  epoll_ctl(epoll: number, operation: number, fd: number, event: Pointer): number
  epoll_wait(epoll: number, events: Pointer, count: number, timeoutMs: number): number
  /** On libuv's threadpool; `done` gets the result. The events must be an arena's. */
  epollWaitAsync(epoll: number, events: bigint, count: number, timeoutMs: number, done: (result: number) => void): void
  timerfd_create(clock: number, flags: number): number
  timerfd_settime(fd: number, flags: number, value: Pointer, old: Pointer): number
  eventfd(initial: number, flags: number): number
  clock_gettime(clock: number, timespec: Pointer): number
  setns(fd: number, kind: number): number
  unshare(flags: number): number
  mount(source: string | null, target: string, type: string | null, flags: number, data: Pointer): number
  umount2(target: string, flags: number): number
  prctl(option: number, a: number, b: number, c: number, d: number): number
  capget(header: Pointer, data: Pointer): number
  capset(header: Pointer, data: Pointer): number
  gettid(): number
  /** A descriptor of a process; by number, since older C libraries have no name for it. */
  pidfd_open(pid: number, flags: number): number
  if_nametoindex(name: string): number
  /** `name`: at least 16 octets; 0 is success. */
  if_indextoname(index: number, name: Uint8Array): number
}

/** Byte order of the kernel's structures, for DataView. */
export const LITTLE: boolean = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

let loaded: Sys | undefined

/** The table of calls. @throws OsError where this is not Linux. */
export function sys(): Sys {
  if (loaded === undefined) {
    const os = load()
    loaded = inMainThread(os) ? os : closedWithThread(os)
  }
  return loaded
}

/** Whose thread id is the process's. */
export function inMainThread(os: Sys): boolean {
  return os.gettid() === process.pid
}

/** `result` where it is not negative. @throws OsError for the call `syscall` made on behalf of `door`. */
export function must(result: number, syscall: string, door: string, cure = ''): number {
  if (result < 0) throw new OsError(-result, syscall, door, cure)
  return result
}

const ENOSYS = 38
/** The version that package.json pins. */
const KOFFI = '3.3.4'

function load(): Sys {
  if (process.platform !== 'linux') {
    throw new OsError(ENOSYS, 'load', 'os', `icmpkit opens sockets on Linux only; this is ${process.platform}`)
  }
  const koffi = loadKoffi()
  if (koffi.sizeof('void *') !== 8) {
    throw new OsError(ENOSYS, 'load', 'os', 'The structures here are those of 64-bit Linux: use a 64-bit Node')
  }
  const libc = koffi.load(null)

  type Call = (...args: unknown[]) => number
  const call = (name: string, ...args: string[]): Call => {
    const raw = libc.func(name, 'long', args) as Call
    return (...a) => {
      const result = raw(...a)
      return result === -1 ? -koffi.errno() : result
    }
  }
  // `int` results must not be read as 64-bit registers, whose upper half is undefined.
  const int = (name: string, ...args: string[]): Call => {
    const raw = libc.func(name, 'int', args) as Call
    switch (args.length) {
      // Fixed arities on the hot calls: a rest array costs as much as the call.
      case 4:
        return (a, b, c, d) => {
          const result = raw(a, b, c, d)
          return result === -1 ? -koffi.errno() : result
        }
      case 5:
        return (a, b, c, d, e) => {
          const result = raw(a, b, c, d, e)
          return result === -1 ? -koffi.errno() : result
        }
      default:
        return (...a) => {
          const result = raw(...a)
          return result === -1 ? -koffi.errno() : result
        }
    }
  }

  const rawSyscall = call('syscall', 'long', 'long', 'long')
  const rawMmap = libc.func('mmap', 'uintptr_t', ['void *', 'size_t', 'int', 'int', 'int', 'int64_t']) as (
    ...args: unknown[]
  ) => bigint | number
  const rawEpollWait = libc.func('epoll_wait', 'int', ['int', 'void *', 'int', 'int'])
  const nameToIndex = libc.func('if_nametoindex', 'uint', ['str']) as (name: string) => number
  const indexToName = libc.func('if_indextoname', 'void *', ['uint', 'void *']) as (
    index: number,
    name: Uint8Array,
  ) => bigint | null

  return {
    koffi,
    socket: int('socket', 'int', 'int', 'int'),
    bind: int('bind', 'int', 'void *', 'uint'),
    connect: int('connect', 'int', 'void *', 'uint'),
    getsockname: int('getsockname', 'int', 'void *', 'void *'),
    setsockopt: int('setsockopt', 'int', 'int', 'int', 'void *', 'uint'),
    getsockopt: int('getsockopt', 'int', 'int', 'int', 'void *', 'void *'),
    send: call('send', 'int', 'void *', 'size_t', 'int'),
    sendto: call('sendto', 'int', 'void *', 'size_t', 'int', 'void *', 'uint'),
    sendmsg: call('sendmsg', 'int', 'void *', 'int'),
    sendmmsg: int('sendmmsg', 'int', 'void *', 'uint', 'int'),
    recv: call('recv', 'int', 'void *', 'size_t', 'int'),
    recvfrom: call('recvfrom', 'int', 'void *', 'size_t', 'int', 'void *', 'void *'),
    recvmsg: call('recvmsg', 'int', 'void *', 'int'),
    recvmmsg: int('recvmmsg', 'int', 'void *', 'uint', 'int', 'void *'),
    open: int('open', 'str', 'int', 'uint'),
    close: int('close', 'int'),
    dup3: int('dup3', 'int', 'int', 'int'),
    read: call('read', 'int', 'void *', 'size_t'),
    write: call('write', 'int', 'void *', 'size_t'),
    fcntl: int('fcntl', 'int', 'int', 'long'),
    flock: int('flock', 'int', 'int'),
    ftruncate: int('ftruncate', 'int', 'long'),
    ioctl: int('ioctl', 'int', 'ulong', 'void *'),
    mmap: (hint, length, protection, flags, fd, offset) => {
      const address = BigInt(rawMmap(hint, length, protection, flags, fd, offset))
      return address === MAP_FAILED ? BigInt(-koffi.errno()) : address
    },
    munmap: int('munmap', 'void *', 'size_t'),
    poll: int('poll', 'void *', 'ulong', 'int'),
    epoll_create1: int('epoll_create1', 'int'),
    epoll_ctl: int('epoll_ctl', 'int', 'int', 'int', 'void *'),
    epoll_wait: int('epoll_wait', 'int', 'void *', 'int', 'int'),
    epollWaitAsync: (epoll, events, count, timeoutMs, done) =>
      rawEpollWait.async(epoll, events, count, timeoutMs, (failure: unknown, result: number) =>
        done(failure != null || result < 0 ? -1 : result),
      ),
    timerfd_create: int('timerfd_create', 'int', 'int'),
    timerfd_settime: int('timerfd_settime', 'int', 'int', 'void *', 'void *'),
    eventfd: int('eventfd', 'uint', 'int'),
    clock_gettime: int('clock_gettime', 'int', 'void *'),
    setns: int('setns', 'int', 'int'),
    unshare: int('unshare', 'int'),
    mount: int('mount', 'str', 'str', 'str', 'ulong', 'void *'),
    umount2: int('umount2', 'str', 'int'),
    prctl: int('prctl', 'int', 'ulong', 'ulong', 'ulong', 'ulong'),
    capget: int('capget', 'void *', 'void *'),
    capset: int('capset', 'void *', 'void *'),
    gettid: int('gettid'),
    pidfd_open: (pid, flags) => rawSyscall(PIDFD_OPEN, pid, flags),
    if_nametoindex: (name) => {
      const index = nameToIndex(name)
      return index === 0 ? -koffi.errno() : index
    },
    if_indextoname: (index, name) => {
      const result = indexToName(index, name)
      return result === null || result === 0n ? -koffi.errno() : 0
    },
  }
}

/**
 * A worker that is terminated runs no line of ours, and its sockets would stay open as long as the process lives. Node
 * closes what the worker opened by Node's own `fs`, so each descriptor of ours takes the place of such a one.
 */
function closedWithThread(os: Sys): Sys {
  const owned = new Set<number>()
  const own = (fd: number): number => {
    if (fd < 0) return fd
    let place: number
    try {
      place = openSync('/dev/null', 'r')
    } catch {
      // No /dev here: it works as well, until somebody terminates this thread.
      return fd
    }
    if (os.dup3(fd, place, O_CLOEXEC) < 0) {
      closeSync(place)
      return fd
    }
    os.close(fd)
    owned.add(place)
    return place
  }
  return {
    ...os,
    socket: (domain, type, protocol) => own(os.socket(domain, type, protocol)),
    open: (path, flags, mode) => own(os.open(path, flags, mode)),
    epoll_create1: (flags) => own(os.epoll_create1(flags)),
    timerfd_create: (clock, flags) => own(os.timerfd_create(clock, flags)),
    eventfd: (initial, flags) => own(os.eventfd(initial, flags)),
    pidfd_open: (pid, flags) => own(os.pidfd_open(pid, flags)),
    close: (fd) => {
      if (!owned.delete(fd)) return os.close(fd)
      try {
        closeSync(fd)
        return 0
      } catch (e) {
        return (e as NodeJS.ErrnoException).errno ?? -EBADF
      }
    },
  }
}

/** The same on each architecture. */
const PIDFD_OPEN = 434
const O_CLOEXEC = 0o2000000
const EBADF = 9

/**
 * koffi's own loader reads each property of fs and util, getters that load streams and workers among them: 7 ms of each
 * start, to end at this one file. Where it is elsewhere (musl, another layout of node_modules), that loader finds it.
 */
function loadKoffi(): Koffi {
  // A bundler must not pull koffi in, and its native part must not load before a door opens.
  const require = createRequire(import.meta.url)
  const { arch } = process
  try {
    const native = require(`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`) as Koffi
    if (native.version === KOFFI) return native
  } catch {}
  return require('koffi') as Koffi
}

/** mmap fails with all ones, not with null. */
const MAP_FAILED = 0xffffffffffffffffn
