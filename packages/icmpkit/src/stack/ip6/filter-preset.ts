/**
 * What a firewall between two links lets pass of ICMPv6 (RFC 4890 §4.3): rules for `transit.filters`; `transit.firewall`
 * puts them there as they are. Without them everything passes. They speak of transit only: what is for the node itself (§4.4) no filter ever sees.
 */
import type { FilterRule } from '../filter.ts'

type Action = FilterRule['action']

export interface Icmp6RuleOptions {
  /** Time exceeded code 1, parameter problem code 0, mobility (RFC 4890 §4.3.2). Default: accept. */
  normal?: Action
  /** Errors without a name there: types 5 to 99 and 102 to 126, other codes of types 3 and 4 (§4.3.4). Default: accept. */
  otherErrors?: Action
  /** Informational messages without a name there: types 154 to 199 and 202 to 254 (§4.3.4). Default: drop. */
  otherMessages?: Action
  /** Seamoby, type 150 (§4.3.4). Default: drop. */
  seamoby?: Action
  /** Node information and router renumbering: not across a site's border (§4.3.5). Default: drop. */
  siteLocal?: Action
}

export function icmp6Rules(o: Icmp6RuleOptions = {}): FilterRule[] {
  const normal = o.normal ?? 'accept'
  const errors = o.otherErrors ?? 'accept'
  const messages = o.otherMessages ?? 'drop'
  return [
    // §4.3.1: communication does not work without them.
    on('accept', 1, 2),
    on('accept', 3, 3, 0, 0),
    on('accept', 4, 4, 1, 2),
    on('accept', 128, 129),
    // §4.3.2.
    on(normal, 3, 3, 1, 1),
    on(normal, 4, 4, 0, 0),
    on(normal, 144, 147),
    // §4.3.3: they mean nothing on another link.
    on('drop', 130, 137),
    on('drop', 141, 143),
    on('drop', 148, 149),
    on('drop', 151, 153),
    // §4.3.4.
    on(o.seamoby ?? 'drop', 150, 150),
    on(errors, 3, 99),
    on(errors, 102, 126),
    on(messages, 154, 199),
    on(messages, 202, 254),
    // §4.3.5: experiments, extensions that nobody has made, and what belongs to a site.
    on(o.siteLocal ?? 'drop', 138, 140),
    on('drop', 0, 255),
  ]
}

function on(action: Action, first: number, last: number, firstCode = 0, lastCode = 255): FilterRule {
  return { action, types: [first, last], codes: [firstCode, lastCode] }
}
