/**
 * What the RFCs hold against sending an ICMPv4 message. `icmp4.write` writes anything, for the workbench and for
 * tests; who originates messages in earnest writes through here.
 */
import * as icmp4 from './icmp4.ts'
import { lookup } from './registry.ts'
import * as strictExtension from './strict-extension.ts'

/** The first rule that `m` breaks, with its section; undefined where it may be sent. */
export function objection(m: icmp4.Message): string | undefined {
  const type = icmp4.typeOf(m)
  const known = lookup(4, type, m.code)
  if (known.status === 'deprecated') return `${known.typeName} is deprecated (RFC ${known.rfc.at(-1)})`
  if (known.status === 'reserved' || known.status === 'unassigned') return `type ${type} is ${known.status}`
  if (known.codeName === 'Unassigned') return `code ${m.code} of ${known.typeName} is unassigned`
  switch (m.kind) {
    case 'unreachable':
      if (m.code !== FRAGMENTATION_NEEDED && m.nextHopMtu !== 0) return 'a next-hop MTU is for code 4 (RFC 1191 §4)'
      return strictExtension.objection(4, m.kind, m.extensions)
    case 'timeExceeded':
    case 'parameterProblem':
      return strictExtension.objection(4, m.kind, m.extensions)
    case 'extendedEchoRequest':
      return strictExtension.objectionToRequest(4, m)
    case 'redirect':
      if (m.code === 0 || m.code === 2) return 'a redirect for a network must not be sent (RFC 1812 §4.3.3.2)'
      break
    case 'extendedEchoReply':
      if (m.state !== 0 && m.code !== 0) return 'a state is for code 0 (RFC 8335 §3)'
      if (!m.active && (m.ipv4 || m.ipv6)) return 'the bits 4 and 6 are for an active interface (RFC 8335 §3)'
  }
  if ('extensions' in m) return `${known.typeName} carries no extensions (RFC 4884 §4.6)`
  return undefined
}

/** @throws RangeError naming the rule that `m` breaks; else as `icmp4.write`. */
export function write(m: icmp4.Message, out: Uint8Array, at: number): number {
  const against = objection(m)
  if (against !== undefined) throw new RangeError(against)
  return icmp4.write(m, out, at)
}

const FRAGMENTATION_NEEDED = 4
