/**
 * Extended echo, PROBE (RFC 8335): is that interface of yours alive? Types 42 and 43, in IPv6 160 and 161. The sequence
 * has eight bits, and there is no room for a token.
 */
import { type Family, type Ip6, parseIp } from '../wire/addr.ts'
import type { ExtendedEchoRequest } from '../wire/extended-echo.ts'
import * as extension from '../wire/extension.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as icmp6 from '../wire/icmp6.ts'
import { Afi, type InterfaceIdentification } from '../wire/interface-identification.ts'
import { u16 } from '../wire/octets.ts'
import type { Answer } from './ping-event.ts'
import type { Asked, Question, Seen } from './question.ts'

/** PROBE: asks a host about one of its interfaces, or about a neighbour of it. */
export class InterfaceQuestion implements Question {
  readonly name = 'probe'
  readonly seqBits = 8
  readonly hasToken = false
  readonly #message: Omit<ExtendedEchoRequest, 'id' | 'seq'>

  /** `local`: the interface is the responder's own, else a neighbour's of its (then named by address, RFC 8335 §2). */
  constructor(of: InterfaceIdentification, local: boolean) {
    if (!local && of.kind !== 'interfaceByAddress') {
      throw new TypeError('a neighbour is named by its address (RFC 8335 §2)')
    }
    this.#message = {
      kind: 'extendedEchoRequest',
      code: 0,
      local,
      extensions: extension.of(of),
      data: new Uint8Array(0),
    }
  }

  requestType(family: Family): number {
    return family === 4 ? icmp4.Type.extendedEchoRequest : icmp6.Type.extendedEchoRequest
  }

  replyType(family: Family): number {
    return family === 4 ? icmp4.Type.extendedEchoReply : icmp6.Type.extendedEchoReply
  }

  size(): number {
    return icmp4.size({ ...this.#message, id: 0, seq: 0 })
  }

  write(asked: Asked, out: Uint8Array, at: number): number {
    const message = { ...this.#message, id: asked.id, seq: asked.ext & 0xff }
    if (asked.family === 4) return icmp4.write(message, out, at)
    return icmp6.write(message, out, at, asked.src as Ip6, asked.dst as Ip6)
  }

  read(bytes: Uint8Array, at: number, end: number, _family: Family, seen: Seen): boolean {
    if (end - at < 8) return false
    seen.id = u16(bytes, at + 4)
    seen.seq = bytes[at + 6]!
    seen.token = 'none'
    seen.slot = -1
    seen.ext = -1
    return true
  }

  /** Whatever stands behind the fixed part is the responder's own: some return the structure, some do not. */
  differsAt(): number {
    return -1
  }

  answer(bytes: Uint8Array, at: number): Answer {
    const flags = bytes[at + 7]!
    return {
      question: 'probe',
      code: bytes[at + 1]!,
      state: flags >> 5,
      active: (flags & 4) !== 0,
      ipv4: (flags & 2) !== 0,
      ipv6: (flags & 1) !== 0,
    }
  }
}

/** What people call an interface: its index, an IP address, a MAC, or else a name. */
export function identify(text: string): InterfaceIdentification {
  if (/^\d+$/.test(text)) return { kind: 'interfaceByIndex', index: Number(text) }
  if (/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(text)) {
    const address = Uint8Array.from(text.split(':'), (h) => Number.parseInt(h, 16))
    return { kind: 'interfaceByAddress', afi: Afi.mac48, address }
  }
  const ip = parseIp(text)
  if (ip !== undefined) {
    return { kind: 'interfaceByAddress', afi: typeof ip === 'bigint' ? Afi.ip6 : Afi.ip4, address: ip }
  }
  return { kind: 'interfaceByName', name: text }
}
