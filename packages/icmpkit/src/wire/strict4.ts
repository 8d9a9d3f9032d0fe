/**
 * What the RFCs hold against sending an ICMPv4 message. `icmp4.write` writes anything, for the workbench and for
 * tests; who originates messages in earnest writes through here.
 */
import type { ExtendedEchoRequest } from './extended-echo.ts'
import type { ExtensionObject, Extensions } from './extension.ts'
import { repeatsRole } from './extension.ts'
import * as icmp4 from './icmp4.ts'
import { lookup } from './registry.ts'

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
      return objectionToExtensions(m)
    case 'timeExceeded':
    case 'parameterProblem':
    case 'extendedEchoRequest':
      return objectionToExtensions(m)
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

type Extended = icmp4.Unreachable | icmp4.TimeExceeded | icmp4.ParameterProblem | ExtendedEchoRequest

function objectionToExtensions(m: Extended): string | undefined {
  if (m.kind === 'extendedEchoRequest') {
    if (m.extensions === undefined || m.extensions.objects.length !== 1) {
      return 'an extended echo request holds exactly one object (RFC 8335 §2)'
    }
    if (!m.local && m.extensions.objects[0]!.kind !== 'interfaceByAddress') {
      return "a neighbour's interface is asked for by address (RFC 8335 §2)"
    }
  }
  return m.extensions === undefined ? undefined : objectionToObjects(m.kind, m.extensions)
}

function objectionToObjects(kind: Extended['kind'], e: Extensions): string | undefined {
  if (e.flaw !== undefined) return 'the extension structure is flawed (RFC 4884 §7)'
  if (repeatsRole(e)) return 'two objects have the same interface role (RFC 5837 §4.5)'
  if (e.objects.filter((o) => o.kind === 'mpls').length > 1) return 'one object holds the whole stack (RFC 4950 §5)'
  for (const o of e.objects) {
    if (o.kind === 'damaged') return `an object of class ${o.classNum} is damaged (RFC 4884 §8)`
    if (!mayCarry(kind, o)) return `no ${o.kind} object in this message (RFC 4950 §5, RFC 5837 §4, RFC 8335 §2)`
  }
  return undefined
}

function mayCarry(kind: Extended['kind'], o: ExtensionObject): boolean {
  switch (o.kind) {
    case 'mpls':
      return kind === 'unreachable' || kind === 'timeExceeded'
    case 'interfaceInformation':
      return kind !== 'extendedEchoRequest'
    case 'interfaceByName':
    case 'interfaceByIndex':
    case 'interfaceByAddress':
      return kind === 'extendedEchoRequest'
    // RFC 8883 §3 defines it for ICMPv6.
    case 'extendedInformation':
      return false
    case 'unknown':
    case 'damaged':
      return true
  }
}

const FRAGMENTATION_NEEDED = 4
