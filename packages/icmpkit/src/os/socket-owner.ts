/**
 * Which process has a socket: its inode, as sock_diag tells it, looked for behind /proc/PID/fd. There is no index, so a
 * look reads until it has found it, what it passed is kept for a moment, and all of it takes at most a tenth of the time.
 *
 * The files of other users are hidden from whoever lacks CAP_SYS_PTRACE: how many processes is said in `unreadable`.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { safeText } from '../wire/safe-text.ts'
import { monotonic } from './kernel-time.ts'

export interface SocketOwner {
  pid: number
  /** The command's name, at most 15 octets, as the process calls itself: control characters are escaped. */
  name: string
}

export interface SocketOwnersOptions {
  /** How long a find is believed, ms. */
  maxAge?: number
  /** Sockets that are remembered; the others are looked for each time. */
  mostSockets?: number
  /** Processes and open files that one look passes. */
  mostProcesses?: number
  mostFiles?: number
  /** Where processes are listed: '/proc'. */
  proc?: string
}

export class SocketOwners {
  readonly #maxAge: number
  readonly #mostSockets: number
  readonly #mostProcesses: number
  readonly #mostFiles: number
  readonly #proc: string
  readonly #pids = new Map<number, number>()
  /** Processes that the present look has still to read, the next one last. */
  #left: string[] = []
  #files = 0
  #began = Number.NEGATIVE_INFINITY
  #spent = 0
  #unreadable = 0
  #cut = false

  constructor(options: SocketOwnersOptions = {}) {
    this.#maxAge = options.maxAge ?? 1000
    this.#mostSockets = options.mostSockets ?? 65_536
    this.#mostProcesses = options.mostProcesses ?? 65_536
    this.#mostFiles = options.mostFiles ?? 1_000_000
    this.#proc = options.proc ?? '/proc'
  }

  /** Of the last look, processes whose open files we may not read: the owner may be one of them. */
  get unreadable(): number {
    return this.#unreadable
  }

  /** The last look was too long and did not see everything. */
  get cut(): boolean {
    return this.#cut
  }

  /**
   * The process that has the socket `inode` (not 0) open; where several share it, the one with the smallest number.
   * undefined: none, or one that is hidden; or it is newer than a look so long that it is not repeated yet.
   */
  owner(inode: number): SocketOwner | undefined {
    if (inode === 0) return undefined
    const now = monotonic()
    if (now - this.#began > this.#maxAge) this.#begin(now)
    let pid = this.#look(inode)
    // A socket that was opened since: looked for anew, unless that took long and was just now.
    if (pid === undefined && this.#began !== now && monotonic() - this.#began > this.#spent * (1 / SHARE)) {
      this.#begin(monotonic())
      pid = this.#look(inode)
    }
    return pid === undefined ? undefined : { pid, name: this.#name(pid) }
  }

  #begin(now: number): void {
    this.#pids.clear()
    this.#began = now
    this.#spent = 0
    this.#files = 0
    this.#unreadable = 0
    const all = list(this.#proc)
    const pids = all === undefined ? [] : all.filter((name) => /^\d+$/.test(name)).sort((a, b) => Number(a) - Number(b))
    this.#cut = pids.length > this.#mostProcesses
    this.#left = pids.slice(0, this.#mostProcesses).reverse()
  }

  /** Reads on, to the process that has it. */
  #look(inode: number): number | undefined {
    const known = this.#pids.get(inode)
    if (known !== undefined) return known
    const from = monotonic()
    let found: number | undefined
    while (found === undefined) {
      const pid = this.#left.pop()
      if (pid === undefined) break
      if (this.#files >= this.#mostFiles) {
        this.#cut = true
        this.#left = []
        break
      }
      if (this.#read(pid, inode)) found = Number(pid)
    }
    this.#spent += monotonic() - from
    return found
  }

  /** Remembers the sockets of one process; true where `inode` is one of them. */
  #read(pid: string, inode: number): boolean {
    const dir = `${this.#proc}/${pid}/fd`
    const files = list(dir)
    if (files === undefined) {
      // Gone meanwhile, or somebody else's.
      if (list(`${this.#proc}/${pid}`) !== undefined) this.#unreadable++
      return false
    }
    let found = false
    for (const file of files) {
      this.#files++
      const socket = inodeOf(`${dir}/${file}`)
      if (socket === undefined) continue
      found ||= socket === inode
      if (this.#pids.size < this.#mostSockets && !this.#pids.has(socket)) this.#pids.set(socket, Number(pid))
    }
    return found
  }

  #name(pid: number): string {
    try {
      return safeText(readFileSync(`${this.#proc}/${pid}/comm`, 'utf8').replace(/\n$/, ''))
    } catch {
      return ''
    }
  }
}

function list(dir: string): string[] | undefined {
  try {
    return readdirSync(dir)
  } catch {
    return undefined
  }
}

function inodeOf(file: string): number | undefined {
  let target: string
  try {
    target = readlinkSync(file)
  } catch {
    return undefined
  }
  return target.startsWith(SOCKET) ? Number(target.slice(SOCKET.length, -1)) : undefined
}

const SOCKET = 'socket:['
/** Of the time, at most, that looks may take. */
const SHARE = 0.1
