/**
 * A process held by a descriptor (pidfd_open, Linux 5.3) that becomes readable at the moment it ends. It needs no rights,
 * and unlike a number it never comes to mean another process.
 */
import { readFileSync } from 'node:fs'
import { Errno } from './os-error.ts'
import { LITTLE, must, sys } from './sys.ts'
import { forget, waker } from './waker.ts'

/** Tells when the process `pid` ends; undefined where there is none. @throws RangeError, OsError */
export function watchProcess(pid: number): ProcessWatch | undefined {
  if (!Number.isInteger(pid) || pid < 1 || pid > MAX_PID) throw new RangeError(`${pid} is not a process id`)
  const fd = sys().pidfd_open(pid, 0)
  if (fd === -Errno.ESRCH) return undefined
  // EINVAL: the id of a thread, or of a process in no namespace of ours.
  must(fd, 'pidfd_open', DOOR, cure(-fd, pid))
  return new ProcessWatch(pid, fd)
}

/** A Pollable: readable once the process has ended, whether its parent has taken note or not. Made by `watchProcess`. */
export class ProcessWatch implements Disposable {
  readonly pid: number
  readonly fd: number
  #open = true

  constructor(pid: number, fd: number) {
    this.pid = pid
    this.fd = fd
  }

  /** Asks the kernel, without waiting. @throws OsError */
  get ended(): boolean {
    if (!this.#open) return false
    const poll = new DataView(new ArrayBuffer(8))
    poll.setInt32(0, this.fd, LITTLE)
    poll.setInt16(4, POLLIN, LITTLE)
    must(sys().poll(new Uint8Array(poll.buffer), 1, 0), 'poll', DOOR)
    return (poll.getInt16(6, LITTLE) & POLLIN) !== 0
  }

  /** Stopped by a signal: it lives, and does nothing. False where /proc does not say. */
  get stopped(): boolean {
    try {
      const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8')
      // The name in parentheses may hold anything. 't': by a debugger.
      const state = stat[stat.lastIndexOf(')') + 2]
      return (state === 'T' || state === 't') && !this.ended
    } catch {
      return false
    }
  }

  /** Until it ends, at most to `until` (monotonic ms), or until closed. */
  async readable(until: number = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.#open) await waker().wait([this], false, until).done
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    forget(this.fd)
    sys().close(this.fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function cure(errno: number, pid: number): string {
  switch (errno) {
    case Errno.EINVAL:
      return `${pid} is a thread of another process: name the process`
    case Errno.ENOSYS:
      return 'This kernel is older than Linux 5.3'
  }
  return ''
}

const DOOR = 'pidfd'
/** PID_MAX_LIMIT of 64-bit kernels. */
const MAX_PID = 1 << 22
const POLLIN = 1
