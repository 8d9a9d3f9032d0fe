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
  errorsSent: Readonly<Record<string, number>> = NONE
  /** ICMP errors heard and believed, named alike. */
  errorsReceived: Readonly<Record<string, number>> = NONE
  suppressed: { readonly [why in SuppressedWhy]?: number } = NONE
  malformed: { readonly [why in Why]?: number } = NONE
  dropped: { readonly [why in DropWhy]?: number } = NONE

  /** Counts and says false, so that a handler ends with `return counters.drop('ttl')`. */
  drop(why: DropWhy): false {
    this.dropped = counted(this.dropped, why)
    return false
  }

  suppress(why: SuppressedWhy): false {
    this.suppressed = counted(this.suppressed, why)
    return false
  }

  bad(why: Why): false {
    this.malformed = counted(this.malformed, why)
    return false
  }

  errorSent(name: string): void {
    this.errorsSent = counted(this.errorsSent, name)
  }

  errorReceived(name: string): void {
    this.errorsReceived = counted(this.errorsReceived, name)
  }
}

/** One more of `name`, in counts of the node's own: what counted nothing is the same for all. */
function counted(counts: Readonly<Record<string, number | undefined>>, name: string): Record<string, number> {
  const own = (counts === NONE ? {} : counts) as Record<string, number>
  own[name] = (own[name] ?? 0) + 1
  return own
}

const NONE: Readonly<Record<string, never>> = Object.freeze({})
