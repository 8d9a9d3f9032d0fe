import { describe, expect, test } from 'vitest'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'
import { showIp } from '../../wire/addr.ts'
import { type Candidate, DEFAULT_POLICY, type PolicyRow, selectSource } from './source-select.ts'

/** `2001:db8::1/64` with letters behind a blank: d deprecated, t temporary, o of another port. */
function candidate(text: string): Candidate {
  const [address, flags = ''] = text.split(' ')
  const [ip, length = '64'] = address!.split('/')
  return {
    address: ip6(ip!),
    prefixLength: Number(length),
    deprecated: flags.includes('d'),
    temporary: flags.includes('t'),
    outgoing: !flags.includes('o'),
  }
}

function choose(
  destination: string,
  candidates: readonly string[],
  preferTemporary = true,
  policy = DEFAULT_POLICY,
): string {
  const both = [candidates, candidates.toReversed()].map((list) => {
    const best = selectSource(list.map(candidate), ip6(destination), { policy, preferTemporary })
    return best === undefined ? 'none' : showIp(best.address)
  })
  // The order in which the node has them decides nothing.
  expect(both[0]).toBe(both[1])
  return both[0]!
}

describe('the source that a node speaks from (RFC 6724 §5)', () => {
  test('is found by the rules, the first that sees a difference: same address, scope, not deprecated, port, label, temporary, prefix [v6-src-select-rules]', () => {
    const cases: [destination: string, candidates: string[], chosen: string][] = [
      // Rule 1: the same address, even a deprecated one.
      ['2001:db8:1::1', ['2001:db8:1::1 d', '2001:db8:1::2'], '2001:db8:1::1'],
      // Rule 2, with the examples of RFC 6724 §10.1.
      ['2001:db8:1::1', ['2001:db8:3::1', 'fe80::1'], '2001:db8:3::1'],
      ['ff05::1', ['2001:db8:3::1', 'fe80::1'], '2001:db8:3::1'],
      ['fe80::1', ['2001:db8:2::1', 'fe80::2'], 'fe80::2'],
      ['ff02::1', ['2001:db8:2::1', 'fe80::2'], 'fe80::2'],
      ['fec0::1', ['fe80::1', 'fec0::2', '2001:db8::1'], 'fec0::2'],
      // A scope that is too small loses even against a deprecated address.
      ['2001:db8:1::1', ['2001:db8:3::1 d', 'fe80::1'], '2001:db8:3::1'],
      // Rule 3.
      ['2001:db8:1::1', ['2001:db8:1::2 d', '2001:db8:3::2'], '2001:db8:3::2'],
      // Rule 5.
      ['2001:db8:1::1', ['2001:db8:1::2 o', '2001:db8:3::2'], '2001:db8:3::2'],
      // Rule 6: 6to4 to 6to4, ULA to ULA, and global to global though another prefix is longer.
      [
        '2002:c633:6401::1',
        ['2002:c633:6401::d5e3:7953:13eb:22e8', '2001:db8:1::2'],
        '2002:c633:6401:0:d5e3:7953:13eb:22e8',
      ],
      [
        '2002:836b:2179::1',
        ['2002:836b:2179::d5e3:7953:13eb:22e8 t', '2001:db8:1::2'],
        '2002:836b:2179:0:d5e3:7953:13eb:22e8',
      ],
      ['fd00::1', ['2001:db8:1::2', 'fd11::1'], 'fd11::1'],
      ['3001::1', ['fd00::1', '2001:db8::1', '2002:a00::1'], '2001:db8::1'],
      // Rule 7, of RFC 6724 §10.1: the temporary one although the other's prefix is longer.
      [
        '2001:db8:1::d5e3:0:0:1',
        ['2001:db8:1::2', '2001:db8:1::d5e3:7953:13eb:22e8 t'],
        '2001:db8:1:0:d5e3:7953:13eb:22e8',
      ],
      // Rule 8: the longest prefix in common, no further than the source's own goes.
      ['2001:db8:1::1', ['2001:db8:1::2', '2001:db8:3::2'], '2001:db8:1::2'],
      ['2001:db8:1::1', ['2001:db8::2', '2001:db9::2'], '2001:db8::2'],
      // 124 bits in common, of which only 48 are prefix, lose against 63.
      ['2001:db8:1:1::9', ['2001:db8:1:1::1/48', '2001:db8:1::1'], '2001:db8:1::1'],
      ['2001:db8:1:8000::1', ['2001:db8:1:0::2/48', '2001:db8:2::1/48'], '2001:db8:1::2'],
    ]
    for (const [destination, candidates, chosen] of cases) {
      expect([destination, choose(destination, candidates)]).toEqual([destination, chosen])
    }
    expect(choose('2001:db8::1', [])).toBe('none')
  })

  test('prefers addresses that last where the user wants that (RFC 6724 §5 rule 7)', () => {
    const both = ['2001:db8:1::2', '2001:db8:1::d5e3:7953:13eb:22e8 t']
    expect(choose('2001:db8:2::1', both, false)).toBe('2001:db8:1::2')
    expect(choose('2001:db8:2::1', both, true)).toBe('2001:db8:1:0:d5e3:7953:13eb:22e8')
  })

  test('follows another policy table (RFC 6724 §2.1)', () => {
    const policy: PolicyRow[] = [{ prefix: ip6('2001:db8:7::'), prefixLength: 48, label: 77 }, ...DEFAULT_POLICY]
    const candidates = ['2001:db8:7::1', '2001:db8:4::1']
    expect(choose('2001:db8:5::1', candidates)).toBe('2001:db8:4::1')
    expect(choose('2001:db8:7:1::1', candidates, true, policy)).toBe('2001:db8:7::1')
    expect(choose('2001:db8:6::1', candidates, true, policy)).toBe('2001:db8:4::1')
  })

  test('a host speaks from the port that the packet leaves by, a gateway from another only where that has nothing that reaches so far (RFC 6724 §4)', () => {
    const make = (role: 'host' | 'gateway') => {
      const n = new OneNode({
        role,
        ports: [
          port(1, { medium: 'ip', addresses: ['fe80::1/64', '2001:db8:1::1/64'] }),
          port(2, { medium: 'ip', addresses: ['fe80::2/64'] }),
        ],
        ip6: { routes: [{ prefix: ip6('::'), prefixLength: 0, kind: 'unicast', nextHop: ip6('fe80::99'), port: 2 }] },
      })
      n.run(1)
      return n
    }
    for (const role of ['host', 'gateway'] as const) {
      const n = make(role)
      const from = (to: string, by?: 1 | 2) => {
        const source = n.node.ip6.sourceFor(ip6(to), by === undefined ? undefined : n.node.ports.get(by))
        return source === undefined ? 'none' : showIp(source)
      }
      expect(from('2001:db8:1::9')).toBe('2001:db8:1::1')
      expect(from('2001:db8:5::9')).toBe(role === 'gateway' ? '2001:db8:1::1' : 'fe80::2')
      expect(from('ff02::1', 2)).toBe('fe80::2')
      expect(from('ff02::1', 1)).toBe('fe80::1')
      expect(from('ff0e::1', 2)).toBe('fe80::2')
      // Its own address is spoken to from itself.
      expect(from('2001:db8:1::1')).toBe('2001:db8:1::1')
    }
  })

  test('lifetimes: an address that is no longer preferred is used where nothing else is, and one that is no longer valid is gone (RFC 4862 §5.5.4)', () => {
    const n = new OneNode({ ports: [port(1, { medium: 'ip', addresses: ['2001:db8:1::1/64', '2001:db8:1::2/64'] })] })
    n.run(1)
    const layer = n.node.ip6
    const p = n.node.ports.get(1)!
    const first = layer.addresses.find(ip6('2001:db8:1::1'))!
    const far = ip6('2001:db8:1::9')
    expect(showIp(layer.sourceFor(far, p)!)).toBe('2001:db8:1::1')
    layer.setLifetimes(first, 1_000, 2_000)
    n.run(1_000)
    expect(showIp(layer.sourceFor(far, p)!)).toBe('2001:db8:1::2')
    expect(layer.isMine(ip6('2001:db8:1::1'))).toBe(true)
    n.run(1_000)
    expect(layer.isMine(ip6('2001:db8:1::1'))).toBe(false)
    expect(n.events.at(-1)).toMatchObject({ kind: 'address-gone', address: ip6('2001:db8:1::1'), why: 'expired' })
    // The other still has the prefix: the route is there until that goes too.
    expect(layer.routes.lookup(far)?.origin).toBe('connected')
    layer.removeAddress(n.now as Instant, layer.addresses.find(ip6('2001:db8:1::2'))!)
    expect(layer.routes.lookup(far)).toBeUndefined()
  })
})
