/** The file of `--pcap OUT`; what the system refuses is told with its name. */
import { closeSync, openSync } from 'node:fs'
import { put } from '../output.ts'

/** A capture in batches: a system call a packet would cost more than the packet. */
export class CaptureFile {
  readonly #path: string
  readonly #fd: number
  readonly #batch = new Uint8Array(1 << 16)
  #end = 0
  /** Whoever read it has gone. */
  gone = false

  /** `-` is standard output. */
  constructor(path: string) {
    this.#path = path
    this.#fd = path === '-' ? 1 : named(path, () => openSync(path, 'w'))
  }

  write(octets: Uint8Array): void {
    if (this.#end + octets.length > this.#batch.length) this.flush()
    if (octets.length > this.#batch.length) this.#put(octets, octets.length)
    else {
      this.#batch.set(octets, this.#end)
      this.#end += octets.length
    }
  }

  flush(): void {
    this.#put(this.#batch, this.#end)
    this.#end = 0
  }

  close(): void {
    if (this.#fd !== 1) closeSync(this.#fd)
  }

  #put(octets: Uint8Array, end: number): void {
    if (!this.gone) this.gone = !named(this.#path, () => put(this.#fd, octets, 0, end))
  }
}

/** What the system refuses, with the file that it is about. */
function named<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (e) {
    throw new Error(`${path}: ${(e as Error).message}`, { cause: e })
  }
}
