import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readConfig } from './config-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'icmp-config-'))
afterAll(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'node.yaml')
const read = (text: string) => {
  writeFileSync(file, text)
  return readConfig(file).options
}

test('ports, routes and switches are read, in their short and their long form', () => {
  const c = read(`
ports:
  eth1: [192.0.2.1/24, "2001:db8::1/64"]
  eth2.10: 198.51.100.1/24
  eth3: { addresses: [203.0.113.1/24], mtu: 1400, mac: "02:00:00:00:00:01" }
  tun:ik0: [10.0.0.1/30]
via: 192.0.2.254
busyPoll: 0.2s
routes:
  10.0.0.0/8: 192.0.2.253
  10.9.0.0/16: unreachable
ip4: { ttl: 32, errorLimit: { rate: 5 } }
extendedEcho: { enabled: true }
`)
  expect(c).toEqual({
    ports: [
      { name: 'eth1', addresses: ['192.0.2.1/24', '2001:db8::1/64'] },
      { name: 'eth2', vlan: 10, addresses: ['198.51.100.1/24'] },
      { name: 'eth3', addresses: ['203.0.113.1/24'], mtu: 1400, mac: '02:00:00:00:00:01' },
      { name: 'ik0', door: 'tun', addresses: ['10.0.0.1/30'] },
    ],
    via: ['192.0.2.254'],
    busyPoll: 200,
    routes: ['10.0.0.0/8=192.0.2.253', '10.9.0.0/16=unreachable'],
    ip4: { ttl: 32, errorLimit: { rate: 5 } },
    ip6: {},
    errorExtensions: {},
    extendedEcho: { enabled: true },
  })
})

test.each([
  ['ports: [', ':1:9: '],
  ['- a', ':1:1: expected keys: ports'],
  ['prots: {}', ':1:1: prots: no such key; expected ports'],
  ['ports: 5', ':1:1: ports: expected interfaces'],
  ['ports:\n  eth1: { adresses: [] }', ':2:11: adresses: no such key; expected addresses'],
  ['ports:\n  eth1: { addresses: [1] }', ':2:23: expected a list of addresses'],
  ['ports:\n  eth1: { addresses: [], mtu: big }', ':2:26: mtu: expected a number'],
  ['ports: {}\nports: {}', ':2:1: '],
  ['routes: { 10.0.0.0/8: 5 }', ':1:11: 10.0.0.0/8: expected a next hop'],
  ['busyPoll: soon', ':1:1: busyPoll: expected a time, as 200ms'],
  ['ip4: 7', ':1:1: ip4: expected switches'],
])('%j is one line with its place: %s', (text, place) => {
  expect(() => read(text)).toThrow(`${file}${place}`)
  try {
    read(text)
  } catch (e) {
    expect((e as Error).message).not.toContain('\n')
  }
})

test('a file that is not there is one line that names it', () => {
  expect(() => readConfig('/nowhere/node.yaml')).toThrow(/^\/nowhere\/node\.yaml: ENOENT/)
})

test('what the library says is wrong with it gets its place, where it is in the file', () => {
  writeFileSync(
    file,
    `ports:
  eth1: [192.0.2.0/24]
routes: { 10.0.0.0/8: nowhere }
ip4:
  gateway:
    filters:
      - { action: drop, sorce: 10.0.0.0/8 }
`,
  )
  const { placed } = readConfig(file)
  const place = (message: string) => placed(message)?.message
  expect(place('ip4.gateway.filters[0].sorce: there is no such switch')).toBe(
    `${file}:7:25: ip4.gateway.filters[0].sorce: there is no such switch`,
  )
  expect(place('gateway: route 10.0.0.0/8=nowhere: nowhere is not an IPv4 address')).toContain(`${file}:3:11: `)
  expect(place('gateway: port eth1: 192.0.2.0/24 is not an address')).toContain(`${file}:2:3: `)
  // Out of a flag.
  expect(place('ip4.ttl: 0; it must be from 1 to 255')).toBeUndefined()
  expect(place('gateway: route 11.0.0.0/8=nowhere: nowhere is not an IPv4 address')).toBeUndefined()
})
