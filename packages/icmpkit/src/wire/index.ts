/** `icmpkit/wire`: bytes ⇄ messages. Imports nothing, not even `node:`; runs in a browser. */
export * from './addr.ts'
export * as checksum from './checksum.ts'
export { AsciiLine } from './line.ts'
export type { Malformed, Verdict, Why } from './malformed.ts'
export { hex, unhex } from './octets.ts'
export { safeText } from './safe-text.ts'
