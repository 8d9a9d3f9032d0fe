/** `--pcap`: what went out and came in, as pcapng of raw IP packets with nanosecond stamps and a comment each. */
import { closeSync, openSync, writeSync } from 'node:fs'
import type { PacketSeen } from 'icmpkit'
import { linkLayer, pcapng } from 'icmpkit/wire'

export class PacketFile {
  #fd: number
  #pending: Uint8Array[] = []
  #octets = 0
  #failed = false
  readonly #path: string
  readonly #say: (line: string) => void

  /** @throws Error where the file can't be made */
  constructor(path: string, say: (line: string) => void) {
    this.#path = path
    this.#say = say
    this.#fd = openSync(path, 'w')
    this.#add(pcapng.section({ application: 'icmpkit' }))
    this.#add(pcapng.interfaceBlock({ linkType: linkLayer.LinkType.raw, name: 'icmp ping' }))
  }

  write(p: PacketSeen): void {
    if (this.#failed) return
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
      closeSync(this.#fd)
    } catch (e) {
      this.#fail(e as Error)
    }
    return !this.#failed
  }

  #add(block: Uint8Array): void {
    this.#pending.push(block)
    this.#octets += block.length
    if (this.#octets > 1 << 16) this.#flush()
  }

  #flush(): void {
    if (this.#failed || this.#octets === 0) return
    const all = new Uint8Array(this.#octets)
    let at = 0
    for (const block of this.#pending) {
      all.set(block, at)
      at += block.length
    }
    this.#pending = []
    this.#octets = 0
    try {
      for (let done = 0; done < all.length; ) done += writeSync(this.#fd, all, done)
    } catch (e) {
      this.#fail(e as Error)
    }
  }

  /** A full disk ends the capture, not the ping. */
  #fail(e: Error): void {
    if (!this.#failed) this.#say(`${this.#path}: ${e.message}; the capture ends here, the ping goes on`)
    this.#failed = true
  }
}
