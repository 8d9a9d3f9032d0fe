/** What is to be said of one message beyond its line: parsed fields, checksum, and what is wrong with it. */
import { type Carried, type capture, icmp4, icmp6, type Malformed, type Verdict } from 'icmpkit/wire'

export type Message = icmp4.Message | icmp6.Message

export interface Judgement {
  /** undefined where it can't be read. */
  message: Message | undefined
  checksum: Verdict
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
  if (parsed.kind !== 'malformed') return { message: parsed, checksum, malformed: undefined, cut }
  // Ended by the capture, or by the end of a first fragment: not the message's fault.
  const innocent = parsed.why === 'truncated' && (cut || c.fragment)
  return { message: undefined, checksum, malformed: innocent ? undefined : parsed, cut }
}
