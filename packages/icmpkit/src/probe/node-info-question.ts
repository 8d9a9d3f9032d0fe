/**
 * Node information (RFC 4620, types 139 and 140; IPv6 only): what are your names, what are your addresses? There is no
 * identifier and no sequence; the 64-bit nonce is our token: 24 bits of secret, 24 of the slot, 16 of the sequence.
 */
import type { Family, Ip, Ip6 } from '../wire/addr.ts'
import * as icmp6 from '../wire/icmp6.ts'
import * as nodeInfo from '../wire/node-info.ts'
import { put16, put24, u16, u24, u64 } from '../wire/octets.ts'
import type { Answer } from './ping-event.ts'
import type { Asked, Question, Seen } from './question.ts'

const FIXED = 16

export type NodeInfoAsks = 'name' | 'addresses' | 'ip4-addresses'

export class NodeInfoQuestion implements Question {
  readonly name = 'nodeinfo'
  readonly seqBits = 16
  readonly hasToken = true
  readonly #secret: Uint8Array
  readonly #qtype: number

  constructor(asks: NodeInfoAsks, secret: Uint8Array) {
    this.#secret = secret
    this.#qtype =
      asks === 'name'
        ? nodeInfo.Qtype.nodeName
        : asks === 'addresses'
          ? nodeInfo.Qtype.nodeAddresses
          : nodeInfo.Qtype.ip4Addresses
  }

  requestType(): number {
    return icmp6.Type.nodeInfoQuery
  }

  replyType(): number {
    return icmp6.Type.nodeInfoReply
  }

  size(): number {
    return FIXED + 16
  }

  write(asked: Asked, out: Uint8Array, at: number): number {
    const nonce = new Uint8Array(8)
    nonce.set(this.#secret.subarray(0, 3))
    put24(nonce, 3, asked.slot)
    put16(nonce, 6, asked.ext & 0xffff)
    return icmp6.write(
      {
        kind: 'nodeInfoQuery',
        code: nodeInfo.Subject.ip6,
        qtype: this.#qtype,
        // All unicast addresses of the node, of every scope (RFC 4620 §6.3).
        flags: this.#qtype === nodeInfo.Qtype.nodeName ? 0 : ALL_SCOPES,
        nonce: u64(nonce, 0),
        data: nodeInfo.subjectData(asked.dst),
      },
      out,
      at,
      asked.src as Ip6,
      asked.dst as Ip6,
    )
  }

  read(bytes: Uint8Array, at: number, end: number, _family: Family, seen: Seen): boolean {
    if (end - at < FIXED) return false
    const nonce = at + 8
    seen.id = -1
    seen.seq = -1
    seen.slot = -1
    seen.ext = -1
    seen.token = 'alien'
    for (let i = 0; i < 3; i++) if (bytes[nonce + i] !== this.#secret[i]) return true
    seen.token = 'ours'
    seen.slot = u24(bytes, nonce + 3)
    seen.seq = u16(bytes, nonce + 6)
    return true
  }

  differsAt(): number {
    return -1
  }

  answer(bytes: Uint8Array, at: number, end: number): Answer {
    const m = icmp6.parse(bytes, at, end)
    const none: Answer = {
      question: 'nodeinfo',
      code: bytes[at + 1]!,
      qtype: u16(bytes, at + 4),
      names: [],
      addresses: [],
    }
    if (m.kind !== 'nodeInfoReply' || m.code !== nodeInfo.Result.success) return none
    const addresses: readonly Ip[] =
      m.qtype === nodeInfo.Qtype.nodeAddresses
        ? (nodeInfo.nodeAddresses(m.data) ?? [])
        : m.qtype === nodeInfo.Qtype.ip4Addresses
          ? (nodeInfo.ip4Addresses(m.data) ?? [])
          : []
    const names = m.qtype === nodeInfo.Qtype.nodeName ? (nodeInfo.nodeNames(m.data) ?? []).map((n) => n.name) : []
    return { ...none, names, addresses }
  }
}

const { all, linkLocal, siteLocal, global } = nodeInfo.AddressFlag
const ALL_SCOPES = all | linkLocal | siteLocal | global
