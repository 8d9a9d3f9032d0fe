/**
 * The tables that sendmmsg and recvmmsg read: one arena with message headers, one iovec each, socket addresses, control
 * memory, and the packets. Addresses are written once; a call changes lengths only.
 *
 *   struct mmsghdr, 64 octets: name @0, its length @8, iovec @16, iovec count @24, control @32, its length @40,
 *   flags @48, octets moved @56
 */
import { type Arena, arena } from './arena.ts'
import { ADDRESS_SIZE } from './socket.ts'
import { LITTLE } from './sys.ts'

export class MessageTable {
  readonly count: number
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Offset of the first packet octet. */
  readonly packets: number
  readonly #controlSize: number
  readonly #iovecs: number
  readonly #names: number
  readonly #controls: number
  readonly #arena: Arena

  constructor(count: number, controlSize: number, packetOctets: number) {
    this.count = count
    this.#controlSize = controlSize
    this.#iovecs = count * MESSAGE
    this.#names = this.#iovecs + count * IOVEC
    this.#controls = this.#names + count * NAME
    this.packets = this.#controls + count * controlSize
    this.#arena = take(this.packets + packetOctets)
    this.bytes = this.#arena.bytes
    this.view = this.#arena.view
    for (let i = 0; i < count; i++) {
      const header = i * MESSAGE
      this.view.setBigUint64(header, this.#address(this.name(i)), LITTLE)
      this.view.setBigUint64(header + 16, this.#address(this.#iovecs + i * IOVEC), LITTLE)
      this.view.setBigUint64(header + 24, 1n, LITTLE)
      this.view.setBigUint64(header + 32, this.#address(this.control(i)), LITTLE)
    }
  }

  /** Address of message `i`, for the call. */
  message(i: number): bigint {
    return this.#address(i * MESSAGE)
  }

  /** Offset of the socket address of message `i`. */
  name(i: number): number {
    return this.#names + i * NAME
  }

  control(i: number): number {
    return this.#controls + i * this.#controlSize
  }

  controlEnd(i: number): number {
    return this.control(i) + this.view.getUint32(i * MESSAGE + 40, LITTLE)
  }

  /** Octets that the call moved. */
  moved(i: number): number {
    return this.view.getUint32(i * MESSAGE + 56, LITTLE)
  }

  flags(i: number): number {
    return this.view.getUint32(i * MESSAGE + 48, LITTLE)
  }

  /** Message `i` is the octets at `at`. */
  setPacket(i: number, at: number, length: number): void {
    const iovec = this.#iovecs + i * IOVEC
    const address = this.#arena.address + BigInt(at)
    this.view.setBigUint64(iovec, address, LITTLE)
    this.view.setUint32(iovec + 8, length, LITTLE)
  }

  packetLength(i: number): number {
    return this.view.getUint32(this.#iovecs + i * IOVEC + 8, LITTLE)
  }

  setLengths(i: number, name: number, control: number): void {
    const header = i * MESSAGE
    this.view.setUint32(header + 8, name, LITTLE)
    this.view.setUint32(header + 40, control, LITTLE)
    this.view.setUint32(header + 48, 0, LITTLE)
  }

  /** Gives the whole room back to each of the first `count` messages: the kernel has shrunk it to what it used. */
  reset(count: number): void {
    for (let i = 0; i < count; i++) this.setLengths(i, ADDRESS_SIZE, this.#controlSize)
  }

  /** The memory may serve another door from now on. */
  release(): void {
    give(this.#arena)
  }

  #address(at: number): bigint {
    return this.#arena.address + BigInt(at)
  }
}

/** Arenas of closed doors: mapping megabytes anew for each door costs more than everything else in opening one. */
const spare: Arena[] = []
const SPARE = 8

function take(size: number): Arena {
  const i = spare.findIndex((a) => a.bytes.length >= size && a.bytes.length < size + PAGE)
  if (i < 0) return arena(size, 'door')
  return spare.splice(i, 1)[0]!
}

function give(a: Arena): void {
  if (spare.length < SPARE) spare.push(a)
}

const PAGE = 4096
const MESSAGE = 64
const IOVEC = 16
const NAME = 32
