/** Which messages to show: by family, type, code and address, judged on the packet's octets. */
import { type Carried, familyOf, type Ip, parseIp, writeIp } from 'icmpkit/wire'

export interface FilterFlags {
  ipv4?: true
  ipv6?: true
  /** Pairs: type of ICMPv4, of ICMPv6. */
  type?: number[][]
  code?: number[]
  addr?: string
}

export type Filter = (bytes: Uint8Array, c: Carried) => boolean

/** undefined where everything passes. @throws TypeError on an address that is none */
export function makeFilter(f: FilterFlags): Filter | undefined {
  const rules: Filter[] = []
  if (f.ipv4 === true) rules.push((_, c) => c.family === 4)
  if (f.ipv6 === true) rules.push((_, c) => c.family === 6)
  if (f.type !== undefined) {
    const four = table(f.type.map((pair) => pair[0]!))
    const six = table(f.type.map((pair) => pair[1]!))
    rules.push((bytes, c) => c.end > c.at && (c.family === 4 ? four : six)[bytes[c.at]!] === 1)
  }
  if (f.code !== undefined) {
    const codes = table(f.code)
    rules.push((bytes, c) => c.end > c.at + 1 && codes[bytes[c.at + 1]!] === 1)
  }
  if (f.addr !== undefined) rules.push(addressRule(f.addr))
  if (rules.length === 0) return undefined
  return (bytes, c) => rules.every((rule) => rule(bytes, c))
}

function table(values: readonly number[]): Uint8Array {
  const chosen = new Uint8Array(256)
  for (const v of values) if (v >= 0) chosen[v] = 1
  return chosen
}

function addressRule(text: string): Filter {
  const { ip, length } = parsePrefix(text)
  const family = familyOf(ip)
  const wanted = new Uint8Array(16)
  writeIp(ip, wanted, 0)
  const inside = (bytes: Uint8Array, at: number) => {
    const whole = length >> 3
    for (let i = 0; i < whole; i++) if (bytes[at + i] !== wanted[i]) return false
    return (length & 7) === 0 || (bytes[at + whole]! ^ wanted[whole]!) >> (8 - (length & 7)) === 0
  }
  return (bytes, c) =>
    c.ip >= 0 &&
    c.family === family &&
    (family === 4
      ? inside(bytes, c.ip + 12) || inside(bytes, c.ip + 16)
      : inside(bytes, c.ip + 8) || inside(bytes, c.ip + 24))
}

/** An address, or a prefix: 192.0.2.0/24, 2001:db8::/32. */
function parsePrefix(text: string): { ip: Ip; length: number } {
  const slash = text.indexOf('/')
  const ip = parseIp(slash < 0 ? text : text.slice(0, slash))
  if (ip === undefined) throw new TypeError(`--addr ${text}: an address or a prefix is wanted, as in 192.0.2.0/24`)
  const most = familyOf(ip) === 4 ? 32 : 128
  if (slash < 0) return { ip, length: most }
  const length = text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(length) || Number(length) > most)
    throw new TypeError(`--addr ${text}: /0 to /${most} is wanted`)
  return { ip, length: Number(length) }
}
