/** A network described as data, and what is asked in it: `node --test node-test.ts`. No package but icmpkit. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ScenarioConfig, scenario } from 'icmpkit/lab'

const network: ScenarioConfig = {
  seed: 7,
  nodes: { me: 'host', r1: 'gateway', r2: { kind: 'gateway', behaviours: { silent: 'time-exceeded' } }, srv: 'host' },
  links: [
    ['me', 'r1', { delay: 1 }],
    ['r1', 'r2', { delay: 5, mtu: 1400 }],
    ['r2', 'srv', { delay: 1 }],
  ],
}

test('a trace passes a router that stays silent', () => {
  const events = [...scenario({ ...network, ask: [{ from: 'me', to: 'srv', kind: 'trace', count: 1 }] })]
  const hops = events.filter((e) => e.kind === 'hop').map((e) => e.answers[0]?.by ?? '*')
  assert.deepEqual(hops, ['r1', '*', 'srv'])
})

test('a packet that is too big is told so, with the size that fits', () => {
  const events = [...scenario({ ...network, ask: [{ from: 'me', to: 'srv', size: 1400, df: true, count: 1 }] })]
  const errors = events.filter((e) => e.kind === 'error').map((e) => [e.by, e.mtu])
  assert.deepEqual(errors, [['r1', 1400]])
})
