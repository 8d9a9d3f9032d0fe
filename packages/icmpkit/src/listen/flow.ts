/** One end of a conversation as this machine has it: what a quoted datagram names, and what a socket is found by. */
import { type Family, type Ip, showIp } from '../wire/addr.ts'

export interface Flow {
  family: Family
  protocol: 'udp' | 'tcp'
  /** Ours. */
  local: Ip
  localPort: number
  remote: Ip
  remotePort: number
}

/** The socket of a flow, as far as the system tells. */
export interface LocalSocket {
  /** 'listed': found among the sockets now; 'ended': it was there a moment ago. */
  found: 'listed' | 'ended'
  /** False: it takes datagrams from anybody, so the kernel tells it of no error (RFC 1122 §4.1.3.3). */
  connected: boolean
  /** TCP: still being set up. */
  connecting: boolean
  process: { pid: number; name: string } | undefined
}

/** `192.0.2.1:5000`, `[2001:db8::1]:5000`, `[fe80::1%eth0]:5000`. */
export function showEnd(ip: Ip, port: number, zone?: string): string {
  return typeof ip === 'bigint' ? `[${showIp(ip, zone)}]:${port}` : `${showIp(ip, zone)}:${port}`
}

/** The same text for the same flow. */
export function showFlow(f: Flow): string {
  return `${f.protocol} ${showEnd(f.local, f.localPort)} ${showEnd(f.remote, f.remotePort)}`
}
