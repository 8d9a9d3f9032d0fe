/**
 * ARP for IPv4 (RFC 826; probes and announcements RFC 5227).
 *
 *  0                               16                             31
 *  | hardware type                 | protocol type 0x0800          |
 *  | hw length     | proto len 4   | operation                     |
 *  | sender hardware address, sender IP, target hardware address, target IP …
 *
 * Left out: protocols other than IPv4 (`unknown-format`).
 */
import { type Ip4, readIp4, writeIp } from './addr.ts'
import { EtherType } from './ethernet.ts'
import { type Malformed, malformed } from './malformed.ts'
import { put8, put16, putBytes, u16 } from './octets.ts'

export const Operation = { request: 1, reply: 2 } as const

export interface Message {
  kind: 'arp'
  /** 1 is Ethernet. */
  hardware: number
  operation: number
  /** Borrowed; as long as the hardware's addresses are. */
  senderMac: Uint8Array
  sender: Ip4
  targetMac: Uint8Array
  target: Ip4
}

/** Structure only; octets behind the addresses are link-layer padding. */
export function parse(bytes: Uint8Array, at = 0, end: number = bytes.length): Message | Malformed {
  if (end - at < HEADER) return malformed('truncated', Math.max(end - at, 0))
  if (u16(bytes, at + PROTOCOL) !== EtherType.ip4) return malformed('unknown-format', PROTOCOL)
  if (bytes[at + PROTOCOL_LENGTH] !== IP) return malformed('bad-length', PROTOCOL_LENGTH)
  const mac = bytes[at + HARDWARE_LENGTH]!
  if (end - at < HEADER + 2 * (mac + IP)) return malformed('truncated', end - at)
  const target = at + HEADER + mac + IP
  return {
    kind: 'arp',
    hardware: u16(bytes, at),
    operation: u16(bytes, at + OPERATION),
    senderMac: bytes.subarray(at + HEADER, at + HEADER + mac),
    sender: readIp4(bytes, at + HEADER + mac),
    targetMac: bytes.subarray(target, target + mac),
    target: readIp4(bytes, target + mac),
  }
}

/** Octets that `write` will fill. */
export function size(m: Message): number {
  return HEADER + 2 * (m.senderMac.length + IP)
}

/** Writes `m` at `at`; returns the end. @throws RangeError on a value too wide for its field */
export function write(m: Message, out: Uint8Array, at: number): number {
  if (m.senderMac.length !== m.targetMac.length) throw new RangeError('ARP: hardware addresses of different lengths')
  const end = at + size(m)
  if (end > out.length) throw new RangeError(`an ARP message of ${end - at} octets does not fit at ${at}`)
  put16(out, at, m.hardware)
  put16(out, at + PROTOCOL, EtherType.ip4)
  put8(out, at + HARDWARE_LENGTH, m.senderMac.length)
  put8(out, at + PROTOCOL_LENGTH, IP)
  put16(out, at + OPERATION, m.operation)
  const target = writeIp(m.sender, out, putBytes(out, at + HEADER, m.senderMac))
  return writeIp(m.target, out, putBytes(out, target, m.targetMac))
}

const HEADER = 8
const IP = 4
const PROTOCOL = 2
const HARDWARE_LENGTH = 4
const PROTOCOL_LENGTH = 5
const OPERATION = 6
