/** One packet as a capture holds it, whatever the file format: what `pcap.ts` and `pcapng.ts` fill in. */

/**
 * On loan until the reader's next step, which fills it again: whoever keeps, copies. The packet is `bytes[at…end)`,
 * `length` octets were on the wire.
 */
export interface Frame {
  /** From 1, as Wireshark counts. */
  index: number
  bytes: Uint8Array
  at: number
  end: number
  length: number
  /** LINKTYPE_ number: what the octets begin with (link-layer.ts). */
  linkType: number
  /** Seconds since 1970; with `nanoseconds` (0 … 999,999,999) exact, as no single number is. */
  seconds: number
  nanoseconds: number
  /** Digits after the point that the file's clock has: 6, 9, … 0 where the record carries no time at all. */
  digits: number
  /** Index into `CaptureReader.interfaces`. */
  port: number
  /** Offset of the record in the file. */
  offset: number
  /** Where the pcapng options of the record stand in `bytes`; equal where it has none. */
  optionsAt: number
  optionsEnd: number
  littleEndian: boolean
}

/** An interface that packets were captured on: a pcapng interface block, or the one of a pcap file. */
export interface CaptureInterface {
  linkType: number
  /** Octets kept of each packet; 0 = no limit. */
  snapLength: number
  /** As it stands in the file, not made harmless: `safeText` before it meets a terminal. */
  name: string
  digits: number
}

export function emptyFrame(): Frame {
  return {
    index: 0,
    bytes: new Uint8Array(0),
    at: 0,
    end: 0,
    length: 0,
    linkType: 0,
    seconds: 0,
    nanoseconds: 0,
    digits: 9,
    port: 0,
    offset: 0,
    optionsAt: 0,
    optionsEnd: 0,
    littleEndian: false,
  }
}

/** `seconds.nanoseconds` with nine digits after the point; null where the record carries no time. */
export function frameTime(f: Frame): string | null {
  if (f.digits === 0) return null
  if (f.seconds >= 0) return `${f.seconds}.${f.nanoseconds.toString().padStart(9, '0')}`
  // Before 1970 both parts lean the same way: -1 s + 0.9 s is -0.1 s.
  const ns = -(BigInt(f.seconds) * 1_000_000_000n + BigInt(f.nanoseconds))
  const text = ns.toString().padStart(10, '0')
  return `-${text.slice(0, -9)}.${text.slice(-9)}`
}
