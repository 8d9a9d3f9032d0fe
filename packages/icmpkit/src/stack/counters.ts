/**
 * What a node counted, by name: no packet vanishes without one. The words are closed lists (tests compare them, users
 * count them); `icmp host` and `icmp gateway` print them.
 */
import type { Why } from '../wire/malformed.ts'

/** Why a packet that came in, or was to be sent, went no further without an ICMP message about it. */
export type DropWhy =
  // link
  | 'unknown-port'
  | 'port-down'
  | 'other-host'
  | 'address-conflict'
  | 'vlan'
  | 'ether-type'
  | 'cut'
  | 'queue-full'
  // IP
  | 'bad-checksum'
  | 'not-mine'
  | 'martian-source'
  | 'martian-destination'
  | 'link-broadcast'
  | 'bad-options'
  | 'source-route'
  | 'no-route'
  | 'blackhole'
  | 'filtered'
  | 'ttl'
  | 'too-big'
  | 'not-forwarding'
  | 'reverse-path'
  | 'directed-broadcast'
  | 'multicast'
  | 'scope'
  | 'tentative'
  | 'unresolved'
  | 'no-next-header'
  /** An answer that had no source, or did not fit (see `Sent`). */
  | 'not-sent'
  // fragments
  | 'fragment-overlap'
  | 'fragment-duplicate'
  | 'fragment-too-big'
  | 'fragment-limit'
  | 'fragment-timeout'
  | 'fragment-bad'
  // ICMP
  | 'ignored'
  | 'bad-code'
  | 'hop-limit'
  | 'bad-source'
  | 'not-a-neighbour'
  | 'not-a-router'
  | 'unsolicited'
  | 'unknown-type'
  /** Two interface objects in one role (RFC 5837 §4.5). */
  | 'bad-extension'
  | 'source-quench'
  | 'disabled'
  | 'not-in-flight'
  | 'out-of-window'
  | 'table-full'
  // transport
  | 'no-listener'
  | 'no-protocol'
  | 'receive-queue-full'

/** Why an ICMP error that a packet asked for was not sent (RFC 1122 §3.2.2, RFC 1812 §4.3.2.7, RFC 4443 §2.4(e), (f)). */
export type SuppressedWhy =
  | 'about-an-error'
  | 'about-a-redirect'
  | 'broadcast'
  | 'multicast'
  | 'link-broadcast'
  | 'later-fragment'
  | 'bad-source'
  | 'rate-limit'
  | 'switched-off'
  | 'no-source-address'
  | 'silent-discard'
  | 'cut'

export class Counters {
  /** Packets that came in by any port. */
  received = 0
  /** Requests answered: echo, timestamp, address mask, extended echo, solicitations. */
  answered = 0
  forwarded = 0
  /** Datagrams handed to a transport. */
  delivered = 0
  /** Packets that this node began itself, errors and answers included. */
  originated = 0
  /** Events that nobody was told of: there were too many. */
  untold = 0
  /** ICMP errors sent, by name: `v4 unreachable 3`, `v6 packetTooBig 0`: kind and code. */
  readonly errorsSent: Record<string, number> = {}
  /** ICMP errors heard and believed, named alike. */
  readonly errorsReceived: Record<string, number> = {}
  readonly suppressed: { [why in SuppressedWhy]?: number } = {}
  readonly malformed: { [why in Why]?: number } = {}
  readonly dropped: { [why in DropWhy]?: number } = {}

  /** Counts and says false, so that a handler ends with `return counters.drop('ttl')`. */
  drop(why: DropWhy): false {
    this.dropped[why] = (this.dropped[why] ?? 0) + 1
    return false
  }

  suppress(why: SuppressedWhy): false {
    this.suppressed[why] = (this.suppressed[why] ?? 0) + 1
    return false
  }

  bad(why: Why): false {
    this.malformed[why] = (this.malformed[why] ?? 0) + 1
    return false
  }

  errorSent(name: string): void {
    this.errorsSent[name] = (this.errorsSent[name] ?? 0) + 1
  }

  errorReceived(name: string): void {
    this.errorsReceived[name] = (this.errorsReceived[name] ?? 0) + 1
  }
}
