/** The source that Linux chooses for a destination, and the one that the stack chooses among the same addresses. */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { DEFAULT_POLICY, selectSource } from '../../packages/icmpkit/src/stack/ip6/source-select.ts'
import { type Ip6, showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { cable, host, ip, needsRoot } from './testnet.ts'

/** Addresses of the one interface, all /64; `d`: deprecated. */
const CASES: [destination: string, ...addresses: string[]][] = [
  ['2001:db8:1::9', '2001:db8:1::1 d', '2001:db8:3::2'],
  ['2001:db8:5::9', '2001:db8:1::2 d'],
  ['2001:db8:1::9', '2001:db8:1::2', '2001:db8:3::2'],
  ['2001:db8:1:8000::1', '2001:db8:1::2', '2001:db8:2::1'],
  ['2001:db8:1::9', '2001:db8::2', '2001:db9::2'],
  ['2002:c633:6401::1', '2002:c633:6401::d5e3', '2001:db8:1::2'],
  ['fd00::1', '2001:db8:1::2', 'fd11::1'],
  ['3001::1', 'fd00::1', '2001:db8::1', '2002:a00::1'],
  ['fec0::1', 'fec0::2', '2001:db8::1'],
  ['ff05::1', '2001:db8:3::1'],
  ['ff02::1', '2001:db8:3::1'],
  ['fe80::77', '2001:db8:3::1', 'fd00::1'],
]

test('among the same addresses Linux and the stack speak from the same one (RFC 6724 §5) [v6-src-select-rules]', (ctx) => {
  needsRoot(ctx)
  for (const [destination, ...addresses] of CASES) {
    const [a, b] = [host('a'), host('b')]
    cable(a, b)
    const linux = (...args: string[]) => execFileSync('ip', ['-n', a.name, '-6', ...args], { encoding: 'utf8' })
    linux('addr', 'add', 'fe80::5/64', 'dev', 'eth0', 'nodad')
    for (const text of addresses) {
      const [address, deprecated] = text.split(' ')
      linux('addr', 'add', `${address}/64`, 'dev', 'eth0', 'nodad', ...(deprecated ? ['preferred_lft', '0'] : []))
    }
    linux('route', 'add', 'default', 'dev', 'eth0')
    const theirs = / src (\S+)/.exec(linux('route', 'get', destination, 'oif', 'eth0'))?.[1]
    const candidates = ['fe80::5', ...addresses].map((text) => {
      const [address, deprecated] = text.split(' ')
      return {
        address: ip(address!) as Ip6,
        prefixLength: 64,
        deprecated: deprecated === 'd',
        temporary: false,
        outgoing: true,
      }
    })
    const ours = selectSource(candidates, ip(destination) as Ip6, { policy: DEFAULT_POLICY, preferTemporary: true })
    expect([destination, ours && showIp(ours.address)]).toEqual([destination, theirs])
  }
})
