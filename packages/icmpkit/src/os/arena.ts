/**
 * Memory that both the kernel and JavaScript see: mmapped, never moved by the collector, so that its addresses may stand
 * inside iovecs, rings and UMEMs.
 *
 * A view does not keep its mapping: touching it after `munmap` is a segfault. So an arena is unmapped only when nothing
 * can reach its views any more (a finalizer), never by hand.
 */
import { OsError } from './os-error.ts'
import { inMainThread, type Pointer, type Sys, sys } from './sys.ts'

export interface Arena {
  readonly address: bigint
  /** The same as a number, for arithmetic on hot paths: programs have 47 bits of addresses. */
  readonly base: number
  readonly bytes: Uint8Array
  readonly view: DataView
}

/** `size` octets of zeros, rounded up to whole pages. @throws OsError */
export function arena(size: number, door = 'arena'): Arena {
  return mapped(size, MAP_PRIVATE | MAP_ANONYMOUS, -1, door)
}

/**
 * Maps `size` octets of `fd` (a ring of the kernel's) at `offset`. A mapping keeps its socket alive, and a worker that is
 * terminated runs no line of ours: there the ring lies in memory that ends with its thread. @throws OsError
 */
export function mapping(fd: number, size: number, offset = 0, door = 'arena'): Arena {
  const room = inMainThread(sys()) ? undefined : threadMemory(size)
  if (room === undefined) return mapped(size, MAP_SHARED, fd, door, offset)
  const length = pages(size)
  const address = sys().mmap(room, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset)
  if (address < 0n) throw new OsError(Number(-address), 'mmap', door)
  const { buffer } = room
  return { address, base: Number(address), bytes: new Uint8Array(buffer, 0, length), view: new DataView(buffer) }
}

/**
 * At least `size` octets that V8 itself unmaps, at the end of the thread too: a memory of WebAssembly, the one kind that starts
 * at a page and is nobody's heap. undefined where there is no WebAssembly (`--jitless`), or no room for one more.
 */
function threadMemory(size: number): Uint8Array<ArrayBuffer> | undefined {
  const initial = Math.ceil(size / WASM_PAGE)
  try {
    return new Uint8Array(new WebAssembly.Memory({ initial, maximum: initial }).buffer)
  } catch {
    return undefined
  }
}

/** What is needed of it; the types of Node leave it to those of browsers. */
declare const WebAssembly: { Memory: new (size: { initial: number; maximum: number }) => { buffer: ArrayBuffer } }

function pages(size: number): number {
  return Math.ceil(size / PAGE) * PAGE
}

/**
 * The kernel's ring goes back to the kernel now, though views of it may live on: zeros take its place. A mapped ring
 * keeps its socket alive, closed or not, and with it all that ends with the socket.
 */
export function detach({ address, bytes }: Arena): void {
  sys().mmap(address, bytes.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0)
}

function mapped(size: number, flags: number, fd: number, door: string, offset = 0): Arena {
  const os = sys()
  const length = pages(size)
  const address = os.mmap(null as Pointer, length, PROT_READ | PROT_WRITE, flags, fd, offset)
  if (address < 0n) throw new OsError(Number(-address), 'mmap', door)
  const buffer = os.koffi.view(address, length)
  unmap.register(buffer, { os, address, length })
  return { address, base: Number(address), bytes: new Uint8Array(buffer), view: new DataView(buffer) }
}

/** The buffer is what every view holds on to: once it is collected, no view is left that could touch the mapping. */
const unmap = new FinalizationRegistry<{ os: Sys; address: bigint; length: number }>(({ os, address, length }) => {
  os.munmap(address, length)
})

const PAGE = 4096
const WASM_PAGE = 65536
const PROT_READ = 1
const PROT_WRITE = 2
const MAP_SHARED = 1
const MAP_PRIVATE = 2
const MAP_FIXED = 0x10
const MAP_ANONYMOUS = 0x20
