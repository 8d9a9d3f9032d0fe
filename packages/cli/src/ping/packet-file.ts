/** `--pcap`: what went out and came in, as pcapng of raw IP packets with nanosecond stamps and a comment each. */
import { closeSync, openSync } from 'node:fs'
import type { PacketSeen } from 'icmpkit'
import { linkLayer, pcapng } from 'icmpkit/wire'
import { put } from '../output.ts'

export class PacketFile {
  #fd: number
  #pending: Uint8Array[] = []
  #octets = 0
  #failed = false
  /** Nothing more is written. */
  #ended = false
  #scheduled = false
  readonly #path: string
  readonly #say: (line: string) => void
  readonly #onGone: () => void

  /** `gone` is called when nobody reads a pipe any more. @throws Error where the file can't be made */
  constructor(path: string, say: (line: string) => void, gone: () => void) {
    this.#path = path
    this.#say = say
    this.#onGone = gone
    this.#fd = path === '-' ? 1 : openSync(path, 'w')
    this.#add(pcapng.section({ application: 'icmpkit' }))
    this.#add(pcapng.interfaceBlock({ linkType: linkLayer.LinkType.raw, name: 'icmp ping' }))
  }

  write(p: PacketSeen): void {
    if (this.#ended) return
    const comment = `${p.direction === 'out' ? 'sent' : 'received'}${
      p.rebuilt ? '; the IP header is rebuilt from what the kernel told' : ''
    }`
    this.#add(
      pcapng.packet({
        seconds: Number(p.time / 1_000_000_000n),
        nanoseconds: Number(p.time % 1_000_000_000n),
        data: p.bytes.subarray(p.at, p.end),
        length: p.length,
        comment,
      }),
    )
  }

  /** False where something could not be written. */
  close(): boolean {
    this.#flush()
    try {
      if (this.#fd !== 1) closeSync(this.#fd)
    } catch (e) {
      this.#fail(e as Error)
    }
    return !this.#failed
  }

  #add(block: Uint8Array): void {
    this.#pending.push(block)
    this.#octets += block.length
    if (this.#octets > 1 << 16) this.#flush()
    else if (this.#fd === 1 && !this.#scheduled) {
      // Somebody watches.
      this.#scheduled = true
      setImmediate(() => this.#flush())
    }
  }

  #flush(): void {
    this.#scheduled = false
    if (this.#ended || this.#octets === 0) return
    const all = new Uint8Array(this.#octets)
    let at = 0
    for (const block of this.#pending) {
      all.set(block, at)
      at += block.length
    }
    this.#pending = []
    this.#octets = 0
    try {
      if (put(this.#fd, all)) return
      this.#ended = true
      this.#onGone()
    } catch (e) {
      this.#fail(e as Error)
    }
  }

  /** A full disk ends the capture, not the ping. */
  #fail(e: Error): void {
    if (!this.#failed)
      this.#say(
        `${this.#path === '-' ? 'standard output' : this.#path}: ${e.message}; the capture ends here, the ping goes on`,
      )
    this.#failed = true
    this.#ended = true
  }
}
