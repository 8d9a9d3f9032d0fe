/** Addresses that decide something: mine, a neighbour's, a far one, groups, broadcasts, and what may not be. */
import { type Ip4, type Ip6, parseIp } from '../../packages/icmpkit/src/wire/addr.ts'

/**
 * Of input `n`: its neighbour and its far host are its own, so that what one input teaches a kernel about a path does not
 * meet the next.
 */
export function addresses4(n: number): Ip4[] {
  return [...FIXED4, peer4(n), far4(n)]
}

export function addresses6(n: number): Ip6[] {
  return [...FIXED6, peer6(n), far6(n)]
}

export const peer4 = (n: number): Ip4 => (ip4('192.0.2.10') + (n % 240)) as Ip4
export const far4 = (n: number): Ip4 => (ip4('198.51.100.10') + (n % 240)) as Ip4
export const peer6 = (n: number): Ip6 => (ip6('2001:db8:a::1:0') + BigInt(n)) as Ip6
export const far6 = (n: number): Ip6 => (ip6('2001:db8:b::1:0') + BigInt(n)) as Ip6
export const ME4: Ip4 = ip4('192.0.2.1')
export const ME6: Ip6 = ip6('2001:db8:a::1')

function ip4(text: string): Ip4 {
  return parseIp(text) as Ip4
}

function ip6(text: string): Ip6 {
  return parseIp(text) as Ip6
}

const FIXED4 = [
  ...['192.0.2.1', '198.51.100.1', '192.0.2.255', '192.0.2.0', '198.51.100.255', '198.51.100.0', '255.255.255.255'],
  ...['224.0.0.1', '224.0.0.2', '224.0.0.22', '232.1.1.1', '239.1.1.1', '169.254.1.1', '127.0.0.1', '127.255.255.255'],
  ...['0.0.0.0', '0.1.2.3', '240.0.0.1', '10.1.2.3', '10.2.2.3', '10.3.2.3', '203.0.113.5'],
].map(ip4)

const FIXED6 = [
  ...[
    '2001:db8:a::1',
    '2001:db8:b::1',
    '2001:db8:a::',
    '2001:db8:b::',
    '2001:db8:1::5',
    '2001:db8:2::5',
    '2001:db8:3::5',
  ],
  ...['2001:db8:ffff::5', '::', '::1', '::2', '::ffff:192.0.2.9', 'fe80::9', 'fec0::9', 'fc00::9', '64:ff9b::c000:209'],
  ...[
    'ff00::1',
    'ff01::1',
    'ff02::1',
    'ff02::2',
    'ff02::16',
    'ff02::1:ff00:1',
    'ff02::1:ff00:9',
    'ff02::99',
    'ff05::2',
  ],
  ...['ff0e::99', 'ff12::1'],
].map(ip6)
