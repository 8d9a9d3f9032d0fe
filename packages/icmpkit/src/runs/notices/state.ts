/**
 * What outlives `serveNotices`: the programs, their states and the workstations, in one file that is there whole or not at
 * all. It is of one network namespace: that of another, whose number is given anew once it is gone, is not believed.
 *
 *   icmpkit notify state 1\n
 *   {"boot":…,"namespace":…,"seconds":…,"octets":…,"programs":[…]}\n
 *   octets of the notifier's snapshot
 *   CRC-32 of all that, eight hex digits and \n
 */

import { hex, unhex } from '../../wire/octets.ts'
import type { NoticeProgram } from './options.ts'

/** What was kept. */
export interface KeptState {
  programs: NoticeProgram[]
  snapshot: Uint8Array
  /** Seconds since 1970 at which it was written. */
  seconds: number
}

/** Whose state it is. */
export interface StateOwner {
  boot: string
  /** SO_NETNS_COOKIE: means something within one boot. */
  namespace: string
}

/** `note` is for people: why what is there cannot be used. */
export interface UnusableState {
  note: string
}

/** This boot of this kernel. */
export function bootId(): string {
  return fs().readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

/** What is in `path`; undefined where there is no such file. Damaged octets are put aside as `path.damaged`. */
export function readState(path: string, owner: StateOwner): KeptState | UnusableState | undefined {
  let octets: Uint8Array
  try {
    octets = fs().readFileSync(path)
  } catch (e) {
    const { code, message } = e as NodeJS.ErrnoException
    return code === 'ENOENT' ? undefined : { note: `state ${path}: ${message}; it is begun anew` }
  }
  const state = parse(octets)
  if (typeof state !== 'string') {
    if (state.owner.boot === owner.boot && state.owner.namespace !== owner.namespace)
      return { note: `state ${path}: of another network namespace; it is begun anew` }
    return state.kept
  }
  try {
    fs().renameSync(path, `${path}.damaged`)
  } catch {}
  return { note: `state ${path}: ${state}; it is kept as ${path}.damaged, and begun anew` }
}

/** Writes the state now and then; a new one replaces the old at one moment. */
export class StateFile {
  readonly path: string
  readonly #owner: StateOwner
  readonly #note: (what: string) => void
  #writing: Promise<void> | undefined
  /** Asked for while one was being written. */
  #next: (() => Omit<KeptState, 'seconds'>) | undefined
  /** The last one failed, and it was said. */
  #failed = false

  /** `note` is told once when it begins to fail, and once when it works again. */
  constructor(path: string, owner: StateOwner, note: (what: string) => void) {
    this.path = path
    this.#owner = owner
    this.#note = note
  }

  /** Without waiting; `take` is called when its turn comes. Two at once become one. */
  save(take: () => Omit<KeptState, 'seconds'>): void {
    if (this.#writing !== undefined) this.#next = take
    else this.#writing = this.#writeAll(take)
  }

  /** Until all that was asked for is there, or could not be written. */
  async settled(): Promise<void> {
    await this.#writing
  }

  /** The last one: it is there when this returns. */
  async close(state: Omit<KeptState, 'seconds'>): Promise<void> {
    this.#next = undefined
    await this.#writing
    await this.#write(state)
  }

  async #writeAll(take: () => Omit<KeptState, 'seconds'>): Promise<void> {
    for (let next: typeof take | undefined = take; next !== undefined; ) {
      await this.#write(next())
      next = this.#next
      this.#next = undefined
    }
    this.#writing = undefined
  }

  async #write(state: Omit<KeptState, 'seconds'>): Promise<void> {
    const { open, rename, unlink } = fs().promises
    const fresh = `${this.path}.new`
    try {
      const parts = write(state, this.#owner)
      // Whatever a killed process left of its own.
      await unlink(fresh).catch(() => {})
      const file = await open(fresh, 'wx', 0o600)
      try {
        for (const part of parts) await file.writeFile(part)
        await file.datasync()
      } finally {
        await file.close()
      }
      await rename(fresh, this.path)
      if (this.#failed) this.#note(`state ${this.path}: is written again`)
      this.#failed = false
    } catch (e) {
      if (!this.#failed) this.#note(`state ${this.path}: ${(e as Error).message}; what it held before stays`)
      this.#failed = true
      await unlink(fresh).catch(() => {})
    }
  }
}

function write({ programs, snapshot }: Omit<KeptState, 'seconds'>, owner: StateOwner): Uint8Array[] {
  const header = {
    ...owner,
    seconds: Math.floor(Date.now() / 1000),
    octets: snapshot.length,
    programs: programs.map((p) => ({
      ...p,
      ...(p.probe?.payload === undefined ? {} : { probe: { ...p.probe, payload: hex(p.probe.payload) } }),
    })),
  }
  const head = Buffer.from(`${MAGIC}${JSON.stringify(header)}\n`)
  return [head, snapshot, Buffer.from(tail(snapshot, head))]
}

/** What is wrong with it, in words, where something is. */
function parse(octets: Uint8Array): { kept: KeptState; owner: StateOwner } | string {
  const text = Buffer.from(octets.buffer, octets.byteOffset, octets.length)
  if (text.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) return 'it is no state of icmp notify serve'
  const sum = text.subarray(-TAIL).toString('latin1')
  if (sum !== tail(text.subarray(0, -TAIL), new Uint8Array(0))) return 'it is damaged'
  const end = text.indexOf(10, MAGIC.length)
  const header = JSON.parse(text.subarray(MAGIC.length, end).toString('utf8')) as Header
  const snapshot = Uint8Array.from(text.subarray(end + 1, -TAIL))
  const programs = header.programs.map((p) => {
    const { payload } = p.probe ?? {}
    return payload === undefined ? p : { ...p, probe: { ...p.probe, payload: unhex(payload) } }
  }) as NoticeProgram[]
  return { kept: { programs, snapshot, seconds: header.seconds }, owner: header }
}

interface Header extends StateOwner {
  seconds: number
  octets: number
  programs: (Omit<NoticeProgram, 'probe'> & { probe?: { payload?: string } })[]
}

function tail(octets: Uint8Array, before: Uint8Array): string {
  const { crc32 } = zlib()
  return `${crc32(octets, crc32(before)).toString(16).padStart(8, '0')}\n`
}

/** Loaded where a state is kept, not by everybody who imports the library. */
function zlib(): typeof import('node:zlib') {
  return process.getBuiltinModule('node:zlib')
}

function fs(): typeof import('node:fs') {
  return process.getBuiltinModule('node:fs')
}

const MAGIC = 'icmpkit notify state 1\n'
const TAIL = 9
