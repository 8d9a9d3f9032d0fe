/**
 * The Ethernet II header with up to two VLAN tags (IEEE 802.3 §3, 802.1Q §9).
 *
 *  0                               48                             96
 *  | destination                   | source                        |
 *  | tag type 16 | priority 3 DEI 1 id 12 | … | EtherType 16        |
 *
 * Left out: the frame check sequence, LLC behind an 802.3 length field (`etherType` below 1536).
 */
import { type Malformed, malformed } from './malformed.ts'
import { fitting, put16, putBytes, u16 } from './octets.ts'

/** Octets of an untagged header. */
export const HEADER = 14

export const EtherType = {
  ip4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ip6: 0x86dd,
  mpls: 0x8847,
  serviceVlan: 0x88a8,
} as const

export interface VlanTag {
  /** The EtherType that announced it. */
  tagType: number
  /** 0 … 7. */
  priority: number
  dropEligible: boolean
  /** VLAN identifier; 0 is a priority tag of no VLAN. */
  vlan: number
}

export interface Header {
  kind: 'ethernet'
  /** Borrowed, six octets each; `showMac` makes them text. */
  dstMac: Uint8Array
  srcMac: Uint8Array
  /** Outermost first. */
  tags: VlanTag[]
  /** Of the payload; a third tag is payload. Below 1536 a length. */
  etherType: number
  /** Offset of the payload in `bytes`. */
  payload: number
  end: number
}

/** Structure only; addresses are views into `bytes`. */
export function parse(bytes: Uint8Array, at = 0, end: number = bytes.length): Header | Malformed {
  if (end - at < HEADER) return malformed('truncated', Math.max(end - at, 0))
  const tags: VlanTag[] = []
  let etherType = u16(bytes, at + TYPE)
  let payload = at + HEADER
  while (isTag(etherType) && tags.length < MAX_TAGS) {
    if (end - payload < TAG) return malformed('truncated', end - at)
    tags.push(vlanTag(etherType, u16(bytes, payload)))
    etherType = u16(bytes, payload + 2)
    payload += TAG
  }
  return {
    kind: 'ethernet',
    dstMac: bytes.subarray(at, at + MAC),
    srcMac: bytes.subarray(at + MAC, at + 2 * MAC),
    tags,
    etherType,
    payload,
    end,
  }
}

/** A parsed `Header` is one too. */
export interface Fields {
  dstMac: Uint8Array
  srcMac: Uint8Array
  tags?: readonly VlanTag[]
  etherType: number
}

/** Octets of the header that `write` makes. */
export function size(f: Fields): number {
  return HEADER + TAG * (f.tags?.length ?? 0)
}

/** Writes the header; returns where the payload starts. @throws RangeError on a value too wide for its field */
export function write(f: Fields, out: Uint8Array, at: number): number {
  const payload = at + size(f)
  if (payload > out.length) throw new RangeError(`an Ethernet header of ${payload - at} octets does not fit at ${at}`)
  if (f.dstMac.length !== MAC || f.srcMac.length !== MAC) throw new RangeError('an Ethernet address has six octets')
  putBytes(out, at, f.dstMac)
  let i = putBytes(out, at + MAC, f.srcMac)
  for (const tag of f.tags ?? []) {
    put16(out, i, tag.tagType)
    put16(out, i + 2, (fitting(tag.priority, 3) << 13) | (tag.dropEligible ? 0x1000 : 0) | fitting(tag.vlan, 12))
    i += TAG
  }
  put16(out, i, f.etherType)
  return payload
}

/** Is this EtherType a VLAN tag: 802.1Q, 802.1ad, and the two that came before it? */
export function isTag(etherType: number): boolean {
  return (
    etherType === EtherType.vlan || etherType === EtherType.serviceVlan || etherType === 0x9100 || etherType === 0x9200
  )
}

/** A tag from the EtherType that announced it and its 16 bits of control information. */
export function vlanTag(tagType: number, control: number): VlanTag {
  return { tagType, priority: control >>> 13, dropEligible: (control & 0x1000) !== 0, vlan: control & 0x0fff }
}

/** Six octets as `00:53:00:0a:0b:0c`. */
export function showMac(bytes: Uint8Array, at = 0): string {
  let text = ''
  for (let i = at; i < at + MAC; i++) text += `${i > at ? ':' : ''}${bytes[i]!.toString(16).padStart(2, '0')}`
  return text
}

/** Six octets from six pairs of hex digits with `:` or `-` between; undefined where it is not that. */
export function parseMac(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}$/i.test(text)) return undefined
  return Uint8Array.from(text.split(/[:-]/), (pair) => Number.parseInt(pair, 16))
}

/** More tags than these are nobody's honest frame. */
export const MAX_TAGS = 2
/** Octets of one tag. */
export const TAG = 4
const MAC = 6
const TYPE = 12
