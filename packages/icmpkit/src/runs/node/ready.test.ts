import { expect, test } from 'vitest'
import type { Instant } from '../../clock.ts'
import type { StackEvent } from '../../stack/index.ts'
import { parseIp } from '../../wire/addr.ts'
import type { RunningPort } from './port.ts'
import { Settling } from './ready.ts'

const BY = Uint8Array.of(2, 0, 0, 0, 0, 9)
/** What of a port is looked at. */
const portOf = (index: number, ...addresses: string[]) =>
  ({
    index,
    config: { name: `eth${index}`, addresses },
    door: undefined,
    medium: 'ethernet',
    mac: BY,
    mtu: 1500,
  }) as unknown as RunningPort
const at = 0 as Instant
const ready = (port: number, address: string): StackEvent => ({
  kind: 'address-ready',
  at,
  port,
  address: parseIp(address)!,
  prefixLength: 64,
})
const conflict = (port: number, address: string, outcome?: 'given-up' | 'defended'): StackEvent => ({
  kind: 'address-conflict',
  at,
  port,
  address: parseIp(address)!,
  by: BY,
  ...(outcome === undefined ? {} : { outcome }),
})

test('an address that two ports have settles on each of them', () => {
  const ports = [portOf(1, 'fe80::1/64'), portOf(2, 'fe80::1/64')]
  const settling = new Settling(ports)
  expect(settling.add(ready(1, 'fe80::1'))).toBe(false)
  expect(settling.add(conflict(2, 'fe80::1'))).toBe(true)
  expect(ports.map((p) => settling.report(p))).toMatchObject([
    { addresses: ['fe80::1/64'], conflicts: [] },
    { addresses: [], conflicts: [{ address: 'fe80::1', by: '02:00:00:00:00:09' }] },
  ])
  expect(settling.rest).toEqual([])
})

test('one that was defended is in use, one that was given up is not; what ready does not say is told behind it', () => {
  const ports = [portOf(1, '192.0.2.1/24', '192.0.2.2/24', '2001:db8::1/64')]
  const settling = new Settling(ports)
  const defended = conflict(1, '192.0.2.1', 'defended')
  const own = ready(1, 'fe80::1')
  const events = [ready(1, '192.0.2.1'), defended, ready(1, '192.0.2.2'), conflict(1, '192.0.2.2', 'given-up'), own]
  for (const e of events) expect(settling.add(e)).toBe(false)
  expect(settling.add(ready(1, '2001:db8::1'))).toBe(true)
  expect(settling.report(ports[0]!)).toMatchObject({
    addresses: ['192.0.2.1/64', 'fe80::1/64', '2001:db8::1/64'],
    conflicts: [{ address: '192.0.2.2', by: '02:00:00:00:00:09' }],
  })
  expect(settling.rest).toEqual([defended])
})
