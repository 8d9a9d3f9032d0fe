/**
 * How many ICMP errors this machine's TCP has refused because the sequence number that they quote is not in flight
 * (OutOfWindowIcmps, both families): the kernel knows the window of each connection and tells nobody else.
 */
import { closeSync, openSync, readSync } from 'node:fs'
import * as os from '../../os/index.ts'

export class WindowCounter implements Disposable {
  readonly #fd: number | undefined
  readonly #octets = Buffer.alloc(16_384)

  constructor(netns?: string | number) {
    // The open file stays the one of its namespace.
    const open = () => openSync('/proc/thread-self/net/netstat', 'r')
    try {
      this.#fd = netns === undefined ? open() : os.inNamespace(netns, open)
    } catch {
      // Without /proc nobody can say; `read` says so.
    }
  }

  /** undefined where this kernel does not count. */
  read(): number | undefined {
    if (this.#fd === undefined) return undefined
    const text = this.#octets.toString('latin1', 0, readSync(this.#fd, this.#octets, 0, this.#octets.length, 0))
    // Two lines: the names, then the numbers.
    const [names, numbers] = text.split('\n').filter((line) => line.startsWith('TcpExt:'))
    const at = names?.split(' ').indexOf('OutOfWindowIcmps') ?? -1
    return at < 0 || numbers === undefined ? undefined : Number(numbers.split(' ')[at])
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
  }
}
