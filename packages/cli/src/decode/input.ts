/** What `icmp decode` was given: a capture file, hex digits, or standard input; told apart by content. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { isatty } from 'node:tty'
import { capture, safeText } from 'icmpkit/wire'

/** Octets of a text that is taken for hex; whoever has more has a capture. */
const LONGEST_TEXT = 1 << 24

/** We can't read that; the message says what was found and what is accepted. */
export class InputError extends Error {}

/** Octets of a capture, taken piece by piece. */
export interface Source {
  /** Fills what it can of `room`; 0 at the end. */
  read(room: Uint8Array): number | Promise<number>
  /** Octets in all, where that is known. */
  size: number | undefined
  /** Comes as somebody else writes it: lines must not wait for more. */
  live: boolean
  close(): void
}

/** Opens a file, or standard input for `-`. @throws InputError */
export function openSource(path: string): Source {
  if (path === '-') return fstatSync(0).isFile() ? fileSource(0) : streamSource(process.stdin)
  let fd: number
  try {
    // A named pipe without a writer would hold us in open(), deaf to signals.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException
    const why =
      code === 'ENOENT' || code === 'ENAMETOOLONG'
        ? `no such file, and ${/^(0x)?[\da-f\s:,]+$/i.test(path) ? 'an odd number of hex digits' : 'no hex digits'}`
        : code === 'EACCES'
          ? 'may not be read'
          : (e as Error).message
    const shown = path.length > 80 ? `${path.slice(0, 80)}…` : path
    throw new InputError(`${safeText(shown)}: ${why} (a pcap or pcapng file, hex digits, or - for standard input)`)
  }
  const stat = fstatSync(fd)
  if (stat.isDirectory()) {
    closeSync(fd)
    throw new InputError(`${safeText(path)}: a directory (a pcap or pcapng file, hex digits, or - are wanted)`)
  }
  if (stat.isFIFO() || stat.isSocket())
    return streamSource(new (process.getBuiltinModule('node:net').Socket)({ fd, readable: true, writable: false }))
  if (isatty(fd)) return streamSource(new (process.getBuiltinModule('node:tty').ReadStream)(fd))
  return fileSource(fd)
}

function fileSource(fd: number): Source {
  const stat = fstatSync(fd)
  return {
    read: (room) => readSync(fd, room, 0, room.length, null),
    size: stat.isFile() ? stat.size : undefined,
    live: !stat.isFile(),
    close: () => {
      if (fd !== 0) closeSync(fd)
    },
  }
}

/** A pipe, a terminal: read as a stream, so that signals are heard while nothing comes. */
function streamSource(stream: Readable): Source {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  let rest: Uint8Array = new Uint8Array(0)
  return {
    async read(room) {
      if (rest.length === 0) {
        const next = await chunks.next()
        if (next.done === true) return 0
        rest = next.value
      }
      const taken = Math.min(rest.length, room.length)
      room.set(rest.subarray(0, taken))
      rest = rest.subarray(taken)
      return taken
    },
    size: undefined,
    live: true,
    close: () => {
      stream.destroy()
    },
  }
}

/** Reads `source` to its end as text. `begun` is what was read of it already. undefined where it is longer than hex text is. */
export async function readText(source: Source, begun: Uint8Array): Promise<string | undefined> {
  const decoder = new TextDecoder('latin1')
  let text = decoder.decode(begun)
  const room = new Uint8Array(1 << 16)
  for (let got = await source.read(room); got > 0; got = await source.read(room)) {
    text += decoder.decode(room.subarray(0, got))
    if (text.length > LONGEST_TEXT) return undefined
  }
  return text
}

/** Whether octets may begin a text, and not a capture. */
export function looksLikeText(begun: Uint8Array): boolean {
  return capture.identify(begun) === undefined && begun.every((o) => (o >= 0x20 && o < 0x7f) || (o >= 9 && o <= 13))
}

/** What a file that is no capture seems to be, for the error message. */
export function whatIsIt(begun: Uint8Array): string {
  const starts = (...octets: number[]) => octets.every((o, i) => begun[i] === o)
  if (begun.length === 0) return 'is empty'
  if (starts(0x1f, 0x8b)) return 'is compressed with gzip: try gunzip -c FILE | icmp decode -'
  if (starts(0x28, 0xb5, 0x2f, 0xfd)) return 'is compressed with zstd: try zstdcat FILE | icmp decode -'
  if (starts(0xfd, 0x37, 0x7a, 0x58, 0x5a)) return 'is compressed with xz: try xzcat FILE | icmp decode -'
  if (starts(0xa1, 0xb2, 0xcd, 0x34) || starts(0x34, 0xcd, 0xb2, 0xa1))
    return 'is a modified pcap (Kuznetsov), which is not read here: try editcap -F pcapng FILE OUT'
  if (starts(0x73, 0x6e, 0x6f, 0x6f, 0x70)) return 'is a snoop capture: try editcap -F pcapng FILE OUT'
  if (looksLikeText(begun)) return 'is text, but neither hex digits nor a hex dump as tcpdump -x and xxd write it'
  const head = Array.from(begun.subarray(0, 4), (o) => o.toString(16).padStart(2, '0')).join(' ')
  return `begins with ${head}, which no capture does`
}
