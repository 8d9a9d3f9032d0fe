/** Names of ICMP types as people type them: `echo-request`, `echoRequest`, `8`. */
import { icmp4, icmp6 } from 'icmpkit/wire'

/** `[ICMPv4 type, ICMPv6 type]`, -1 where the family has none of that name; undefined for an unknown name. */
export function types(text: string): number[] | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text) < 256 ? [Number(text), Number(text)] : undefined
  const four = find(icmp4.Type, text)
  const six = find(icmp6.Type, text)
  return four === -1 && six === -1 ? undefined : [four, six]
}

function find(names: Readonly<Record<string, number>>, text: string): number {
  const wanted = text.replaceAll('-', '').toLowerCase()
  for (const [name, type] of Object.entries(names)) if (name.toLowerCase() === wanted) return type
  return -1
}
