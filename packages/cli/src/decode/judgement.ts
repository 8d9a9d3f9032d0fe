/** What is to be said of one message beyond its line: parsed fields, checksum, and what is wrong with it. */
import { type Carried, type capture, icmp4, icmp6, ip4, type Malformed, type Verdict } from 'icmpkit/wire'

export type Message = icmp4.Message | icmp6.Message

export interface Judgement {
  /** undefined where it can't be read. */
  message: Message | undefined
  checksum: Verdict
  /** Of the IPv4 header in front; null where there is none. */
  headerChecksum: Verdict | null
  /** `at` counts from the ICMP message. */
  malformed: Malformed | undefined
  /** The capture kept less than was sent: what is missing says nothing about the sender. */
  cut: boolean
}

export function judge(f: capture.Frame, c: Carried): Judgement {
  const { bytes } = f
  const parsed = c.family === 4 ? icmp4.parse(bytes, c.at, c.end) : icmp6.parse(bytes, c.at, c.end)
  const cut = f.end - f.at < f.length && c.end - c.at < c.length
  const checksum = c.verify(bytes)
  const headerChecksum = c.family === 4 && c.ip >= 0 ? ip4.verify(bytes, c.ip, f.end) : null
  if (parsed.kind !== 'malformed') return { message: parsed, checksum, headerChecksum, malformed: undefined, cut }
  // Ended by the capture, or by the end of a first fragment: not the message's fault.
  const innocent = parsed.why === 'truncated' && (cut || c.fragment)
  return { message: undefined, checksum, headerChecksum, malformed: innocent ? undefined : parsed, cut }
}
