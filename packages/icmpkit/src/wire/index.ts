/** `icmpkit/wire`: bytes ⇄ messages. Imports nothing, not even `node:`; runs in a browser. */
export * from './addr.ts'
export * as checksum from './checksum.ts'
export * as icmp6 from './icmp6.ts'
export { IpTable } from './ip-table.ts'
export { AsciiLine } from './line.ts'
export type { Malformed, Verdict, Why } from './malformed.ts'
export { hex, unhex } from './octets.ts'
export { safeText } from './safe-text.ts'
