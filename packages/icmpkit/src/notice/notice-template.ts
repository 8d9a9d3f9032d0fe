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
import { MIN_FIELD } from '../wire/original-datagram.ts'
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
  outage: Omit<outageObject.Outage, 'kind' | 'workstation' | 'signature'>
  signer: Signer | undefined
}

/** What an unreachable says: closed port, or prohibited by its administrator (RFC 792, RFC 1812 §5.2.7.1, RFC 4443 §3.1). */
const CODES = { port: { 4: 3, 6: 4 }, admin: { 4: 13, 6: 1 } } as const

export class NoticeTemplate {
  readonly family: Family
  /** Octets of a notice, its IP header included. */
  readonly length: number
  readonly #bytes: Uint8Array
  readonly #quote: number
  readonly #quoteOctets: number
  /** The ICMP message, and in it the extension structure and the payload of the object. */
  readonly #icmp: number
  readonly #structure: number
  readonly #payload: number
  readonly #workstation: boolean
  readonly #signer: Signer | undefined
  /** Where the signature stands, where each workstation has its own. */
  readonly #signature: number
  /** Sums of what does not change. */
  readonly #headerSum: number
  readonly #icmpSum: number
  readonly #structureSum: number

  constructor(o: TemplateOptions) {
    const { family, signer } = o
    const four = family === 4
    const workstation = signer === undefined || signer.perWorkstation
    const signature = signer && {
      algorithm: signer.algorithm,
      keyId: signer.keyId,
      octets: new Uint8Array(signer.size),
    }
    const address = four ? (0 as Ip4) : (0n as Ip6)
    const object = {
      ...o.outage,
      kind: 'outage',
      workstation: workstation ? { address, port: 0 } : undefined,
      signature,
    } as const
    const payload = new Uint8Array(outageObject.size(object))
    outageObject.write(object, payload, 0)
    const code = CODES[o.code][family]
    const extensions = extension.of({
      kind: 'unknown',
      classNum: outageObject.CLASS,
      cType: outageObject.C_TYPE,
      payload,
    })
    const quote = new Uint8Array(QUOTE[family])
    const header = four ? ip4.HEADER : ip6.HEADER
    const bytes = new Uint8Array(header + ICMP_HEADER + MIN_FIELD + extension.size(extensions))
    this.family = family
    this.length = bytes.length
    this.#bytes = bytes
    this.#icmp = header
    this.#quote = header + ICMP_HEADER
    this.#quoteOctets = quote.length
    this.#structure = this.#quote + MIN_FIELD
    this.#payload = this.#structure + STRUCTURE_HEAD
    this.#workstation = workstation
    this.#signer = signer?.perWorkstation ? signer : undefined
    this.#signature = signer === undefined ? 0 : this.#payload + outageObject.signatureAt(payload) + SIGNATURE_HEAD
    const octets = bytes.length - header
    if (four) {
      ip4.write({ src: 0 as Ip4, dst: 0 as Ip4, protocol: icmp4.PROTOCOL, tos: TOS }, bytes, 0, octets)
      icmp4.write({ kind: 'unreachable', code, nextHopMtu: 0, quote, extensions }, bytes, header)
      put16(bytes, IP4_CHECKSUM, 0)
    } else {
      ip6.write({ src: 0n as Ip6, dst: 0n as Ip6, protocol: icmp6.PROTOCOL }, bytes, 0, octets)
      icmp6.write({ kind: 'unreachable', code, quote, extensions }, bytes, header, 0n as Ip6, 0n as Ip6)
    }
    put16(bytes, header + CHECKSUM, 0)
    if (signer !== undefined && !signer.perWorkstation) {
      bytes.set(signer.sign(outageObject.signedOctets(bytes, this.#payload)), this.#signature)
    }
    put16(bytes, this.#structure + CHECKSUM, 0)
    const structureSum = sum(bytes, this.#structure, bytes.length)
    if (!workstation) put16(bytes, this.#structure + CHECKSUM, finish(structureSum) || 0xffff)
    this.#headerSum = four ? sum(bytes, 0, ip4.HEADER) : icmp6.PROTOCOL + octets
    // A structure with its checksum sums to all ones, whatever is in it.
    this.#icmpSum = sum(bytes, header, this.#structure) + 0xffff + (four ? 0 : this.#headerSum)
    this.#structureSum = structureSum
  }

  /** Writes the notice that quotes `quote` (a row's) at `at`; returns its end. `id` is the IPv4 identification. */
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
    if (this.#workstation) this.#object(out, at, src, octets)
    const icmp = sum(out, quote, quote + this.#quoteOctets, this.#icmpSum + (four ? 0 : addresses))
    put16(out, at + this.#icmp + CHECKSUM, finish(icmp))
    return at + this.length
  }

  /** What of the object is the workstation's own. */
  #object(out: Uint8Array, at: number, src: number, octets: number): void {
    const payload = at + this.#payload
    const to = payload + outageObject.WORKSTATION
    const port = at + this.#quote + this.#quoteOctets - 8
    out[to] = out[port]!
    out[to + 1] = out[port + 1]!
    for (let n = 0; n < octets; n++) out[to + 2 + n] = out[src + n]!
    let structure = sum(out, to, to + 2 + octets, this.#structureSum)
    if (this.#signer !== undefined) {
      out.set(this.#signer.sign(outageObject.signedOctets(out, payload, at + this.length)), at + this.#signature)
      structure = sum(out, at + this.#structure, at + this.length)
    }
    // Zero would say that there is none (RFC 4884 §7).
    put16(out, at + this.#structure + CHECKSUM, finish(structure) || 0xffff)
  }
}

/** RFC 1812 §4.3.2.5: internetwork control. */
const TOS = 0xc0
const ICMP_HEADER = 8
/** Extension structure and object header. */
const STRUCTURE_HEAD = 8
/** Type, length, algorithm, key id. */
const SIGNATURE_HEAD = 7
const CHECKSUM = 2
const IP4_ID = 4
const IP4_CHECKSUM = 10
