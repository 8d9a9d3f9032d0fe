/**
 * Is a notice to be believed? An ICMP error proves little: whoever knows or guesses the four numbers of a UDP flow can forge
 * one, and Linux looks at neither outer source nor quoted checksums. So each thing that speaks for it or against it is told
 * as a word of a closed list; `signed`, `unsigned` or `refused` is about who said it, `believed` about acting on it.
 */
import type { LocalSocket } from './flow.ts'

export type Trust = 'signed' | 'unsigned' | 'refused'

/** Tests compare these words and users count them. The first rows speak for a notice, the others against it or of limits. */
export type Finding =
  /** The signature holds, by a key that is known here. */
  | 'signature'
  /** The quote names a socket that is open on this machine. */
  | 'socket'
  /** … that was open a moment ago. */
  | 'socket-ended'
  /** Sent from the address that the quoted datagram went to. */
  | 'sender'
  /** The quoted TCP sequence number is one in flight: this machine's kernel took it. */
  | 'window'
  /** The workstation that the server names is the one of the quote. */
  | 'workstation'
  | 'no-signature'
  | 'unknown-key'
  | 'bad-signature'
  /** The message names no flow of UDP or TCP, or none that is open here. */
  | 'no-flow'
  | 'no-socket'
  /** The socket takes datagrams from anybody: the kernel told it nothing. */
  | 'unconnected'
  /** Sent from another address than the quoted datagram went to. */
  | 'other-sender'
  | 'out-of-window'
  /** Several came at once and the kernel took some of them. */
  | 'window-unclear'
  /** The server knows this workstation under another address: NAT on the way, or it was meant for another. */
  | 'other-workstation'
  /** Written more than the window ago. */
  | 'stale'
  /** Written later than this machine's clock plus the window. */
  | 'early'
  /** A newer one of the same key and program has been here. */
  | 'older'
  /** The checksum of the extensions is wrong: no object of them is used (RFC 4884 §9). */
  | 'extension-checksum'
  | 'damaged'
  /** The server's port in it is not the quoted one. */
  | 'other-port'

/** What is known around a claim. */
export interface Circumstances {
  /** undefined: there is none. */
  socket: LocalSocket | undefined
  fromServer: boolean
  /** UDP: undefined. */
  window: 'in' | 'out' | 'unclear' | undefined
}

export interface Judgement {
  trust: Trust
  /** Fit to act on, by the rule that the user chose. */
  believed: boolean
  findings: readonly Finding[]
}

/** 'signed': by a known key and about a live flow; 'flow': also unsigned, where all else speaks for it. */
export type Believe = 'signed' | 'flow'

/** Puts `about` (of the object) and the circumstances together. */
export function judge(about: readonly Finding[], c: Circumstances, rule: Believe): Judgement {
  const findings: Finding[] = [...about]
  if (c.socket === undefined) findings.push('no-socket')
  else {
    findings.push(c.socket.found === 'ended' ? 'socket-ended' : 'socket')
    if (!c.socket.connected) findings.push('unconnected')
  }
  findings.push(c.fromServer ? 'sender' : 'other-sender')
  if (c.window === 'in') findings.push('window')
  else if (c.window === 'out') findings.push('out-of-window')
  else if (c.window === 'unclear') findings.push('window-unclear')
  const has = (f: Finding) => findings.includes(f)
  const trust = REFUSING.some(has) ? 'refused' : has('signature') ? 'signed' : 'unsigned'
  const live = c.socket !== undefined && c.window !== 'out'
  const plausible = live && c.fromServer && c.window !== 'unclear' && !has('other-workstation') && !has('other-port')
  const believed = trust === 'signed' ? live : trust === 'unsigned' && rule === 'flow' && plausible
  return { trust, believed, findings }
}

const REFUSING: readonly Finding[] = ['bad-signature', 'stale', 'early', 'older', 'extension-checksum', 'damaged']
