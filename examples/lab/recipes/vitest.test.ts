/** A monitor tested against outages: `npx vitest run vitest.test.ts`. Minutes of network take milliseconds. */
import { type PingOptions, ping } from 'icmpkit'
import { lab } from 'icmpkit/lab'
import { expect, test } from 'vitest'

/** What is tested: a host is up when it answers two of three pings. Without `options` it asks the real network. */
async function isUp(host: string, options: PingOptions = {}): Promise<boolean> {
  const { received } = await ping(host, { count: 3, ...options }).done
  return received >= 2
}

test('a link that goes down is an outage, and ends when it is up again', async () => {
  const net = lab({
    nodes: { monitor: 'host', r1: 'gateway', r2: 'gateway', srv: 'host' },
    links: [
      ['monitor', 'r1'],
      ['r1', 'r2', { delay: 20, jitter: 5 }],
      ['r2', 'srv'],
    ],
    at: [
      { time: 60_000, down: ['r1', 'r2'] },
      { time: 120_000, up: ['r1', 'r2'] },
    ],
  })
  expect(await isUp('srv', { over: net.from('monitor') })).toBe(true)
  net.run(60_000)
  expect(await isUp('srv', { over: net.from('monitor') })).toBe(false)
  net.run(120_000)
  expect(await isUp('srv', { over: net.from('monitor') })).toBe(true)
})

test('two percent of loss are no outage, with any of twenty seeds', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const net = lab({ seed, nodes: { monitor: 'host', srv: 'host' }, links: [['monitor', 'srv', { loss: 0.02 }]] })
    expect(await isUp('srv', { over: net.from('monitor') }), `seed ${seed}`).toBe(true)
  }
})
