/** What a node tells whoever runs it: changes of state, never a line a packet. Addresses are values; the edge makes text. */
import type { Instant } from '../clock.ts'
import type { Ip } from '../wire/addr.ts'

export type StackEvent = { at: Instant; port: number } & (
  | /** The address is in use by this node: probes (RFC 5227) or DAD (RFC 4862) found nobody who has it. */ {
      kind: 'address-ready'
      address: Ip
      prefixLength: number
    }
  | /** Somebody else has it: not used, or given up. `by` is the other's link-layer address. */ {
      kind: 'address-conflict'
      address: Ip
      by: Uint8Array
      /** `defended`: it stays in use here, and the other was told so (RFC 5227 §2.4). Not given: not used, or given up. */
      outcome?: 'not-used' | 'given-up' | 'defended'
    }
  | { kind: 'address-gone'; address: Ip; why: 'expired' | 'removed' }
  | { kind: 'neighbour'; address: Ip; state: 'reachable' | 'failed' | 'changed'; mac: Uint8Array | undefined }
  | { kind: 'router'; address: Ip; state: 'found' | 'gone'; lifetimeSeconds: number }
  | { kind: 'redirect'; destination: Ip; by: Ip; to: Ip }
  | { kind: 'path-mtu'; destination: Ip; mtu: number; by: Ip | undefined }
  /** Something that an RFC asks to log: `what` is a sentence. */
  | { kind: 'log'; what: string; about: Ip | undefined }
  | { kind: 'port'; state: 'up' | 'down' | 'gone' | 'changed'; mtu: number; mac: Uint8Array }
)
