/**
 * The notices of one outage and one family: all octets that they share are written once, and each workstation's differ in
 * known places. A destination unreachable (RFC 792, RFC 4443 §3.1) with the quote padded to 128 octets and the outage object
 * behind it (RFC 4884); no longer than 576 octets over IPv4 and 1280 over IPv6.
 */
import type { Family, Ip4, Ip6 } from '../wire/addr.ts'
import { finish, sum } from '../wire/checksum.ts'
import * as extension from '../wire/extension.ts'
import * as icmp4 from '../wire/icmp4.ts'
import * as icmp6 from '../wire/icmp6.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import { put16 } from '../wire/octets.ts'
import * as originalDatagram from '../wire/original-datagram.ts'
import * as outageObject from '../wire/outage-object.ts'
import { QUOTE } from './flow-table.ts'

/** Who signs what a notice says. */
export interface Signer {
  /** See `outageObject.Algorithm`. */
  algorithm: number
  /** Four octets. */
  keyId: Uint8Array
  /** Octets of a signature. */
  size: number
  /** A signature for each workstation, which covers its address and port; else one for the outage. */
  perWorkstation: boolean
  sign(octets: Uint8Array): Uint8Array
}

export interface TemplateOptions {
  family: Family
  code: 'port' | 'admin'
  /** undefined: a bare error, its quote not padded and nothing behind it. */
  outage: Omit<outageObject.Outage, 'kind' | 'workstation' | 'signature'> | undefined
  signer: Signer | undefined
}

/** What an unreachable says: closed port, or prohibited by its administrator (RFC 792, RFC 1812 §5.2.7.1, RFC 4443 §3.1). */
const CODES = { port: { 4: 3, 6: 4 }, admin: { 4: 13, 6: 1 } } as const

/** Where in a notice the outage object is, and what of it is the workstation's own. */
interface ObjectPlace {
  /** Offsets in the notice: extension structure, payload of the object. */
  structure: number
  payload: number
  /** Its port and address stand in it. */
  workstation: boolean
  /** Signs for each workstation; its signature stands at `signature`. */
  signer: Signer | undefined
  signature: number
  /** Sum of the structure without its checksum and what is the workstation's own. */
  sum: number
}

export class NoticeTemplate {
  readonly family: Family
  /** Octets of a notice, its IP header included. */
  readonly length: number
  readonly #bytes: Uint8Array
  readonly #quote: number
  readonly #quoteOctets: number
  readonly #object: ObjectPlace | undefined
  /** Sums of what does not change, of the IPv4 header (or pseudo-header) and of the message. */
  readonly #headerSum: number
  readonly #icmpSum: number

  constructor({ family, code, outage, signer }: TemplateOptions) {
    const four = family === 4
    const header = four ? ip4.HEADER : ip6.HEADER
    const quote = new Uint8Array(QUOTE[family])
    const payload = outage === undefined ? undefined : payloadOf(family, outage, signer)
    const extensions =
      payload && extension.of({ kind: 'unknown', classNum: outageObject.CLASS, cType: outageObject.C_TYPE, payload })
    const octets = ICMP_HEADER + originalDatagram.size(quote, extensions, four ? 4 : 8)
    const bytes = new Uint8Array(header + octets)
    this.family = family
    this.length = bytes.length
    this.#bytes = bytes
    this.#quote = header + ICMP_HEADER
    this.#quoteOctets = quote.length
    if (four) {
      ip4.write({ src: 0 as Ip4, dst: 0 as Ip4, protocol: icmp4.PROTOCOL, tos: TOS }, bytes, 0, octets)
      icmp4.write({ kind: 'unreachable', code: CODES[code][4], nextHopMtu: 0, quote, extensions }, bytes, header)
      put16(bytes, IP4_CHECKSUM, 0)
    } else {
      ip6.write({ src: NOBODY, dst: NOBODY, protocol: icmp6.PROTOCOL }, bytes, 0, octets)
      icmp6.write({ kind: 'unreachable', code: CODES[code][6], quote, extensions }, bytes, header, NOBODY, NOBODY)
    }
    put16(bytes, header + CHECKSUM, 0)
    this.#object = payload && this.#objectPlace(payload, signer)
    this.#headerSum = four ? sum(bytes, 0, ip4.HEADER) : icmp6.PROTOCOL + octets
    // A structure with its checksum sums to all ones, whatever is in it.
    const rest = this.#object === undefined ? 0 : 0xffff
    this.#icmpSum = sum(bytes, header, this.#object?.structure ?? bytes.length, rest + (four ? 0 : this.#headerSum))
  }

  /** Writes the notice that quotes the row at `from` of `quotes`; returns its end. `id` is the IPv4 identification. */
  write(quotes: Uint8Array, from: number, id: number, out: Uint8Array, at: number): number {
    out.set(this.#bytes, at)
    const four = this.family === 4
    const octets = four ? 4 : 16
    const quote = at + this.#quote
    for (let n = 0; n < this.#quoteOctets; n++) out[quote + n] = quotes[from + n]!
    const src = quote + (four ? 12 : 8)
    const dst = src + octets
    const outer = at + (four ? 12 : 8)
    // From whom the workstation talked to, to the workstation.
    for (let n = 0; n < octets; n++) {
      out[outer + n] = out[dst + n]!
      out[outer + octets + n] = out[src + n]!
    }
    const addresses = sum(out, outer, outer + 2 * octets)
    if (four) {
      put16(out, at + IP4_ID, id)
      put16(out, at + IP4_CHECKSUM, finish(this.#headerSum + addresses + id))
    }
    if (this.#object?.workstation) this.#ownPart(this.#object, out, at, src, octets)
    const icmp = sum(out, quote, quote + this.#quoteOctets, this.#icmpSum + (four ? 0 : addresses))
    put16(out, quote - ICMP_HEADER + CHECKSUM, finish(icmp))
    return at + this.length
  }

  /** Port and address of the workstation, the signature about them, and the checksum of the structure. */
  #ownPart(o: ObjectPlace, out: Uint8Array, at: number, src: number, octets: number): void {
    const to = at + o.payload + outageObject.WORKSTATION
    const port = at + this.#quote + this.#quoteOctets - 8
    out[to] = out[port]!
    out[to + 1] = out[port + 1]!
    for (let n = 0; n < octets; n++) out[to + 2 + n] = out[src + n]!
    let structure = sum(out, to, to + 2 + octets, o.sum)
    if (o.signer !== undefined) {
      const signed = outageObject.signedOctets(out, at + o.payload, at + this.length)
      out.set(o.signer.sign(signed), at + o.signature)
      structure = sum(out, at + o.structure, at + this.length)
    }
    // Zero would say that there is none (RFC 4884 §7).
    put16(out, at + o.structure + CHECKSUM, finish(structure) || 0xffff)
  }

  #objectPlace(object: Uint8Array, signer: Signer | undefined): ObjectPlace {
    const bytes = this.#bytes
    const structure = this.#quote + originalDatagram.MIN_FIELD
    const payload = structure + STRUCTURE_HEAD
    const signature = payload + outageObject.signatureAt(object) + SIGNATURE_HEAD
    const all = signer !== undefined && !signer.perWorkstation
    if (all) bytes.set(signer.sign(outageObject.signedOctets(bytes, payload)), signature)
    put16(bytes, structure + CHECKSUM, 0)
    const total = sum(bytes, structure, bytes.length)
    if (all) put16(bytes, structure + CHECKSUM, finish(total) || 0xffff)
    return { structure, payload, workstation: !all, signer: all ? undefined : signer, signature, sum: total }
  }
}

/** The object with room for what is the workstation's own. */
function payloadOf(
  family: Family,
  outage: NonNullable<TemplateOptions['outage']>,
  signer: Signer | undefined,
): Uint8Array {
  const address = family === 4 ? (0 as Ip4) : NOBODY
  const object: outageObject.Outage = {
    ...outage,
    kind: 'outage',
    workstation: signer === undefined || signer.perWorkstation ? { address, port: 0 } : undefined,
    signature: signer && {
      algorithm: signer.algorithm,
      keyId: signer.keyId,
      octets: new Uint8Array(signer.size),
    },
  }
  const payload = new Uint8Array(outageObject.size(object))
  outageObject.write(object, payload, 0)
  return payload
}

/** RFC 1812 §4.3.2.5: internetwork control. */
const TOS = 0xc0
const NOBODY = 0n as Ip6
const ICMP_HEADER = 8
/** Extension structure and object header. */
const STRUCTURE_HEAD = 8
/** Type, length, algorithm, key id. */
const SIGNATURE_HEAD = 7
const CHECKSUM = 2
const IP4_ID = 4
const IP4_CHECKSUM = 10
