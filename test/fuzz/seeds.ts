/** The seed corpus (seeds.tsv, made by seeds.py): whole packets, and the parts that each parser reads. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ip4, ip6, linkLayer, unhex } from '../../packages/icmpkit/src/wire/index.ts'

const corpus: readonly { kind: string; bytes: Uint8Array }[] = readFileSync(
  resolve(import.meta.dirname, 'seeds.tsv'),
  'utf8',
)
  .trimEnd()
  .split('\n')
  .map((line) => {
    const [kind, hex] = line.split('\t')
    return { kind: kind!, bytes: unhex(hex!) }
  })

function ofKind(kind: string): Uint8Array[] {
  return corpus.filter((s) => s.kind === kind).map((s) => s.bytes)
}

export const IP4: readonly Uint8Array[] = ofKind('ip4')
export const IP6: readonly Uint8Array[] = ofKind('ip6')
export const ETHERNET: readonly Uint8Array[] = ofKind('ethernet')
export const COOKED: readonly Uint8Array[] = ofKind('cooked')
export const CAPTURES: readonly Uint8Array[] = ofKind('capture')
export const ICMP4: readonly Uint8Array[] = carried(1)
export const ICMP6: readonly Uint8Array[] = carried(58)
export const UDP: readonly Uint8Array[] = carried(17)
export const TCP: readonly Uint8Array[] = carried(6)
export const ARP: readonly Uint8Array[] = ETHERNET.flatMap((e) => {
  const n = linkLayer.networkLayer(linkLayer.LinkType.ethernet, e)
  return n.kind === 'notIp' && n.etherType === 0x0806 ? [e.subarray(n.at)] : []
})
export const IP4_OPTIONS: readonly Uint8Array[] = IP4.flatMap((p) => {
  const h = ip4.parse(p)
  return h.kind === 'ip4' && h.options.length > 0 ? [h.options] : []
})
/** Extension headers, each behind an octet that says which one it is. */
export const IP6_EXTENSIONS: readonly Uint8Array[] = IP6.flatMap((p) => {
  const found: Uint8Array[] = []
  for (let i = 40, next = p[6]!; [0, 43, 44, 60].includes(next) && i < p.length; ) {
    const length = next === 44 ? 8 : (p[i + 1]! + 1) * 8
    found.push(Uint8Array.of(next, ...p.subarray(i, i + length)))
    next = p[i]!
    i += length
  }
  return found
})
/** RFC 4884 structures, out of extended echoes and errors. */
export const STRUCTURES: readonly Uint8Array[] = [
  ...ICMP4.filter((m) => m[0] === 42).map((m) => m.subarray(8)),
  ...ICMP4.filter((m) => m[5] === 32 && m[0] !== 5).map((m) => m.subarray(136)),
  ...ICMP6.filter((m) => m[0] === 160).map((m) => m.subarray(8)),
]
/** Neighbour-discovery options. */
export const ND_OPTIONS: readonly Uint8Array[] = ICMP6.flatMap((m) => {
  const fixed: Record<number, number> = { 133: 8, 134: 16, 135: 24, 136: 24, 137: 40, 141: 8, 142: 8 }
  return m[0]! in fixed ? [m.subarray(fixed[m[0]!]!)] : []
})
export const NAMES: readonly Uint8Array[] = [
  unhex('07 6578616d706c65 03 6e6574 00'),
  unhex('01 61 02 5c2e 03 ff0020 00'),
  unhex('03 777777 c00c'),
  Uint8Array.of(63, ...new Uint8Array(63).fill(120), 63, ...new Uint8Array(63).fill(121), 0),
]

function carried(protocol: number): Uint8Array[] {
  return [...IP4, ...IP6].flatMap((p) => {
    const h = p[0]! >> 4 === 4 ? ip4.parse(p) : ip6.parse(p)
    const whole = h.kind === 'ip4' ? h.offset === 0 : h.kind === 'ip6' && !h.fragment?.offset
    return h.kind !== 'malformed' && whole && h.protocol === protocol && h.end > h.payload
      ? [p.subarray(h.payload, h.end)]
      : []
  })
}
