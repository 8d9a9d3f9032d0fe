/**
 * Packets cut at their source (RFC 8200 §4.5): what every node on the way reads goes with each fragment, the whole header
 * chain with the first one (RFC 7112 §5).
 */
import * as ip6 from '../../wire/ip6.ts'
import * as extension from '../../wire/ip6-extension.ts'
import { put16, put32 } from '../../wire/octets.ts'
import { upperHeaderOctets } from './upper-header.ts'

/**
 * Hands the packet at `at…end` to `send` in fragments of at most `mtu` octets, on loan one by one. False, and nothing
 * sent, where its header chain does not fit into the first one.
 */
export function cut(
  bytes: Uint8Array,
  at: number,
  end: number,
  mtu: number,
  id: number,
  send: (bytes: Uint8Array, at: number, end: number) => void,
): boolean {
  const { split, nextHeaderAt, chainEnd } = measure(bytes, at, end)
  const head = split - at
  const most = (mtu - head - FRAGMENT) & ~7
  if (most < 8 || chainEnd - split > most) return false
  const out = OUT
  out.set(bytes.subarray(at, split))
  out[nextHeaderAt - at] = extension.Type.fragment
  out[head] = bytes[nextHeaderAt]!
  out[head + 1] = 0
  put32(out, head + 4, id)
  for (let i = split; i < end; i += most) {
    const octets = Math.min(most, end - i)
    put16(out, PAYLOAD_LENGTH, head - ip6.HEADER + FRAGMENT + octets)
    put16(out, head + 2, (i - split) | (i + octets < end ? 1 : 0))
    out.set(bytes.subarray(i, i + octets), head + FRAGMENT)
    send(out, 0, head + FRAGMENT + octets)
  }
  return true
}

/**
 * Where the part begins that is cut: behind the hop-by-hop options and the routing header, with the destination options
 * in front of that. And where the header chain ends.
 */
function measure(
  bytes: Uint8Array,
  at: number,
  end: number,
): { split: number; nextHeaderAt: number; chainEnd: number } {
  let nextHeaderAt = at + NEXT_HEADER
  let i = at + ip6.HEADER
  let split = { split: i, nextHeaderAt }
  let protocol = bytes[nextHeaderAt]!
  while (extension.isExtension(protocol) && end - i >= 8) {
    const length = extension.lengthAt(protocol, bytes, i)
    nextHeaderAt = i
    i += length
    if (protocol === extension.Type.hopByHop || protocol === extension.Type.routing) split = { split: i, nextHeaderAt }
    protocol = bytes[nextHeaderAt]!
  }
  return { ...split, chainEnd: i + upperHeaderOctets(protocol, bytes, i, end) }
}

const FRAGMENT = 8
const PAYLOAD_LENGTH = 4
const NEXT_HEADER = 6
/** Where a fragment is made; of all nodes, since none is asked for anything while another's stands in it. */
const OUT = new Uint8Array(0x10000 + ip6.HEADER)
