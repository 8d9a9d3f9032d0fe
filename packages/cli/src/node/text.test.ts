import { expect, test } from 'vitest'
import { line } from './text.ts'

test.each([
  ['not-used', 'eth1: 192.0.2.9 is not used: 02:00:00:00:00:09 has it\n'],
  ['given-up', 'eth1: 192.0.2.9 is given up: 02:00:00:00:00:09 claims it\n'],
  ['defended', 'eth1: 02:00:00:00:00:09 claims 192.0.2.9 as well, and was told that it is in use here\n'],
] as const)('an address that somebody else claims and that is %s says so', (outcome, text) => {
  const by = '02:00:00:00:00:09'
  expect(line({ kind: 'address-conflict', time: '0', port: 'eth1', address: '192.0.2.9', by, outcome })).toBe(text)
})
