/** What `icmp decode` was given: a capture file, hex digits, or standard input; told apart by content. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { capture, safeText, unhex } from 'icmpkit/wire'

/** Octets of a text that is taken for hex digits; more is no packet. */
const LONGEST_HEX = 1 << 20

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
  if (path === '-') return fstatSync(0).isFile() ? fileSource(0) : streamSource()
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException
    const why =
      code === 'ENOENT'
        ? 'no such file, and no hex digits'
        : code === 'EACCES'
          ? 'may not be read'
          : (e as Error).message
    throw new InputError(`${safeText(path)}: ${why} (a pcap or pcapng file, hex digits, or - for standard input)`)
  }
  if (fstatSync(fd).isDirectory()) {
    closeSync(fd)
    throw new InputError(`${safeText(path)}: a directory (a pcap or pcapng file, hex digits, or - are wanted)`)
  }
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
function streamSource(): Source {
  const chunks = process.stdin[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
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
      process.stdin.destroy()
    },
  }
}

/** The octets that hex text says, or undefined where it is something else. `0x`, blanks, colons and lines are fine. */
export function parseHex(text: string): Uint8Array | undefined {
  const digits = text.replace(/^\s*0x/i, '').replace(/[\s:,]/g, '')
  return digits.length >= 2 && digits.length % 2 === 0 && /^[0-9a-f]+$/i.test(digits) ? unhex(digits) : undefined
}

/** Reads `source` to its end as hex text. `begun` is what was read of it already. */
export async function readHex(source: Source, begun: Uint8Array): Promise<Uint8Array | undefined> {
  let all = begun
  const room = new Uint8Array(1 << 16)
  for (let got = await source.read(room); got > 0; got = await source.read(room)) {
    if (all.length + got > LONGEST_HEX) return undefined
    const more = new Uint8Array(all.length + got)
    more.set(all)
    more.set(room.subarray(0, got), all.length)
    all = more
  }
  return parseHex(new TextDecoder('latin1').decode(all))
}

/** Whether octets may begin a hex text. */
export function looksLikeHex(begun: Uint8Array): boolean {
  return capture.identify(begun) === undefined && /^[\s0-9a-fx:,]+$/i.test(new TextDecoder('latin1').decode(begun))
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
  if (begun.every((o) => (o >= 0x20 && o < 0x7f) || o === 0x0a || o === 0x0d || o === 0x09)) return 'is text'
  const head = Array.from(begun.subarray(0, 4), (o) => o.toString(16).padStart(2, '0')).join(' ')
  return `begins with ${head}, which no capture does`
}
