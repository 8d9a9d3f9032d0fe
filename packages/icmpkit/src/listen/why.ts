/** The findings about a notice in words, for people. */
import type { Finding } from './trust.ts'

/** One line: what speaks for it, then what speaks against it. `more` fills in what a finding alone does not say. */
export function why(findings: readonly Finding[], more: Partial<Record<Finding, string>> = {}): string {
  return findings.map((f) => more[f] ?? WORDS[f]).join('; ')
}

const WORDS: Record<Finding, string> = {
  signature: 'signed by a known key',
  socket: 'the quote matches a live socket',
  'socket-ended': 'the quote matches a socket that has just ended',
  sender: 'it came from the server’s address',
  window: 'the quoted sequence number is in the window',
  workstation: 'the server names this workstation',
  'no-signature': 'not signed',
  'unknown-key': 'signed by a key that is not known here',
  'bad-signature': 'the signature is wrong',
  'no-flow': 'it quotes no flow of UDP or TCP',
  'no-socket': 'the quote matches no socket of this machine',
  unconnected: 'the socket is not connected, so the kernel does not tell it',
  'other-sender': 'it came from another address than the server’s',
  'out-of-window': 'the quoted sequence number is not in the window, and the kernel ignored it',
  'window-unclear': 'whether the quoted sequence number is in the window cannot be told',
  'other-workstation':
    'the server names another address of this workstation: NAT on the way, or it was meant for another',
  stale: 'it was written too long ago: a replay, or a clock is wrong',
  early: 'it was written in the future: a clock is wrong',
  older: 'a newer notice of this key and program has been here: a replay',
  'extension-checksum': 'the checksum of its extensions is wrong',
  damaged: 'its object is damaged',
  'other-port': 'it names another port than the quoted one',
}
