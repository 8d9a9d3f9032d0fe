/** The pseudo-header sum of a segment that this node begins (RFC 768, RFC 8200 §8.1). */
import { type Ip, type Ip6, writeIp } from '../../wire/addr.ts'
import { pseudoSum6, sum } from '../../wire/checksum.ts'

/** @param length of the upper layer, octets */
export function pseudoSum(src: Ip, dst: Ip, protocol: number, length: number): number {
  if (typeof src === 'bigint') return pseudoSum6(src, dst as Ip6, protocol, length)
  writeIp(src, PAIR, 0)
  writeIp(dst, PAIR, 4)
  return sum(PAIR, 0, 8) + protocol + length
}

const PAIR = new Uint8Array(8)
