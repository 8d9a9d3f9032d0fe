/** What the RFCs hold against sending an extension structure: the part that both families share. */
import type { Family } from './addr.ts'
import type { ExtendedEchoRequest } from './extended-echo.ts'
import { type ExtensionObject, type Extensions, repeatsRole } from './extension.ts'

/** Messages that may carry one (RFC 4884 §4.6, RFC 8335 §2); ICMPv6 has none in a parameter problem. */
export type Carrier = 'unreachable' | 'timeExceeded' | 'parameterProblem' | 'extendedEchoRequest'

/** The first rule that the objects break, with its section; undefined where they may be sent. */
export function objection(family: Family, carrier: Carrier, e: Extensions | undefined): string | undefined {
  if (e === undefined) return undefined
  if (e.flaw !== undefined) return 'the extension structure is flawed (RFC 4884 §7)'
  if (repeatsRole(e)) return 'two objects have the same interface role (RFC 5837 §4.5)'
  if (e.objects.filter((o) => o.kind === 'mpls').length > 1) return 'one object holds the whole stack (RFC 4950 §5)'
  for (const o of e.objects) {
    if (o.kind === 'damaged') return `an object of class ${o.classNum} is damaged (RFC 4884 §8)`
    if (!mayCarry(family, carrier, o)) {
      return `no ${o.kind} object in this message (RFC 4950 §5, RFC 5837 §4, RFC 8335 §2, RFC 8883 §3)`
    }
  }
  return undefined
}

/** What RFC 8335 §2 holds against a request. */
export function objectionToRequest(family: Family, m: ExtendedEchoRequest): string | undefined {
  if (m.extensions === undefined || m.extensions.objects.length !== 1) {
    return 'an extended echo request holds exactly one object (RFC 8335 §2)'
  }
  if (!m.local && m.extensions.objects[0]!.kind !== 'interfaceByAddress') {
    return "a neighbour's interface is asked for by address (RFC 8335 §2)"
  }
  return objection(family, 'extendedEchoRequest', m.extensions)
}

function mayCarry(family: Family, carrier: Carrier, o: ExtensionObject): boolean {
  switch (o.kind) {
    case 'mpls':
      return carrier === 'unreachable' || carrier === 'timeExceeded'
    case 'interfaceInformation':
      return carrier !== 'extendedEchoRequest'
    case 'interfaceByName':
    case 'interfaceByIndex':
    case 'interfaceByAddress':
      return carrier === 'extendedEchoRequest'
    // RFC 8883 §3 defines it for ICMPv6, type 1 code 8.
    case 'extendedInformation':
      return family === 6 && carrier === 'unreachable'
    case 'unknown':
    case 'damaged':
      return true
  }
}
