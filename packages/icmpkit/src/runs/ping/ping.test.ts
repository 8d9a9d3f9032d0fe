/** The runner around the ping machine, over a door that is a function, in virtual time. */
import { expect, test, vi } from 'vitest'
import { arrival, reply } from '../../../../../test/probe/scripted-network.ts'
import type { Clock, Instant } from '../../clock.ts'
import type { Door, Machine, Slot } from '../../door.ts'
import type { PingOptions } from './options.ts'
import { ping } from './ping.ts'
import type { PingEvent } from './report.ts'

/** This resolver never answers. */
vi.mock('node:dns/promises', () => ({ lookup: () => new Promise(() => {}) }))

class Echoing implements Door {
  readonly name = 'lab'
  readonly medium = 'ip'
  readonly family = 4
  readonly mtu = 1500
  readonly echoId = undefined
  readonly cannot = []
  readonly loss = { queueOverflow: 0, stampGaps: 0, shortWrites: 0 }
  closed = false
  #answers: Uint8Array[] = []

  send(now: Instant, m: Pick<Machine<unknown>, 'pollTransmit' | 'handleSent'>): boolean {
    const slot: Slot = { bytes: new Uint8Array(1500), at: 0, limit: 1500, end: 0, family: 4, port: 0, tag: 0 }
    while (m.pollTransmit(now, slot)) {
      m.handleSent(now, slot.tag, now, 'user')
      this.#answers.push(reply(slot.bytes.slice(0, slot.end)))
    }
    return false
  }

  receive(now: Instant, m: Pick<Machine<unknown>, 'handlePacket'>): number {
    for (const bytes of this.#answers) m.handlePacket(now, arrival(bytes, now))
    return this.#answers.splice(0).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed = true
  }
}

/** Time passes only by waiting, a millisecond a time; each wait lets others have a turn. */
function over(): Required<PingOptions>['over'] & { door: Echoing } {
  let now = 0
  const clock: Clock = {
    now: () => now as Instant,
    wall: (at) => BigInt(Math.round(at * 1e6)),
    wait: async (until) => {
      now = Math.min(now + 1, Math.max(now, until ?? now + 1))
      await new Promise((resolve) => setImmediate(resolve))
    },
    wake: () => {},
  }
  const door = new Echoing()
  return { doors: [door], clock, door }
}

test('the total adds up over targets that were answered and targets that have no address', async () => {
  const lab = over()
  const run = ping(['192.0.2.1', '192.0.2.2', '192.0.2.999'], { count: 3, interval: 5, over: lab })
  const events: PingEvent[] = []
  for await (const e of run) events.push(e)
  const total = await run.done
  expect(total).toMatchObject({ targets: 3, answered: 2, unasked: 1, sent: 6, received: 6, lost: 0, errors: 1 })
  expect(total.summaries.map((s) => s.target).toSorted()).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.999'])
  expect(events.at(-1)?.kind).toBe('total')
  expect(lab.door.closed).toBe(true)
})

test('extended echo asks no group and no broadcast address (RFC 8335 §2) [v4-probe-addresses]', async () => {
  const question = { kind: 'probe', interface: 'eth0' } as const
  for (const target of ['224.0.0.1', '255.255.255.255', 'ff02::1', '192.0.2.255']) {
    const lab = over()
    const broadcast = target.startsWith('192')
    const result = await ping(target, { question, broadcast, count: 1, over: lab }).done
    expect(result, target).toMatchObject({ unasked: 1, sent: 0 })
  }
  expect(await ping('192.0.2.1', { question, count: 1, over: over() }).done).toMatchObject({ unasked: 0, sent: 1 })
})

test('a target added after the end, or once the run is stopped, is refused', async () => {
  const run = ping([], { hold: true, over: over() })
  await run.add('192.0.2.1')
  run.stop()
  run.stop()
  await expect(run.add('192.0.2.2')).rejects.toThrow('the run is over')
  expect((await run.done).targets).toBe(1)
  await expect(run.add('192.0.2.3')).rejects.toThrow('the run is over')
})

test('a run that holds stays when none of its first targets has an address, and asks whoever is added', async () => {
  const run = ping(['192.0.2.999', 'fe80::1'], { hold: true, interval: 5, over: over() })
  const told: string[] = []
  for await (const e of run) {
    told.push(`${e.kind} ${'target' in e ? e.target : ''}`)
    if (e.kind === 'summary' && e.target === 'fe80::1') await run.add('192.0.2.1')
    if (e.kind === 'reply') run.stop()
  }
  const unasked = ['192.0.2.999', 'fe80::1'].flatMap((t) => [`error ${t}`, `summary ${t}`])
  expect(told).toEqual([...unasked, 'reply 192.0.2.1', 'summary 192.0.2.1', 'total '])
  expect(await run.done).toMatchObject({ targets: 3, answered: 1, unasked: 2, sent: 1 })
})

test('who is removed before anybody was asked is not asked; an unknown target is nobody', async () => {
  const run = ping(['192.0.2.1', '192.0.2.2'], { count: 1, over: over() })
  run.remove('192.0.2.1')
  run.remove('203.0.113.1')
  expect((await run.done).summaries).toMatchObject([{ target: '192.0.2.2', sent: 1, received: 1 }])
})

test('both targets of one name are asked, and removed together', async () => {
  const run = ping(['192.0.2.1', '192.0.2.1'], { interval: 5, over: over() })
  let replies = 0
  for await (const e of run) if (e.kind === 'reply' && ++replies === 10) run.remove('192.0.2.1')
  const { summaries, sent, received, lost } = await run.done
  expect(summaries).toHaveLength(2)
  expect(received + lost).toBe(sent)
})

test('a stop ends a run whose names nobody resolves, and what needs no resolver still has its summary', async () => {
  const lab = over()
  const signal = AbortSignal.timeout(20)
  const done = await ping(['slow.example', '192.0.2.1'], { signal, over: lab }).done
  expect(done).toMatchObject({ targets: 2, unasked: 1, sent: 0 })
  expect(lab.door.closed).toBe(true)
  const aborted = await ping('192.0.2.1', { signal: AbortSignal.abort(), over: over() }).done
  expect(aborted.summaries).toMatchObject([{ address: '192.0.2.1', sent: 0 }])
})

test('what onPacket throws fails the run, and its door is closed', async () => {
  const lab = over()
  const onPacket = () => {
    throw new Error('no room for the capture')
  }
  const run = ping('192.0.2.1', { onPacket, over: lab })
  await expect(run.done).rejects.toThrow('no room for the capture')
  await expect(run[Symbol.asyncIterator]().next()).rejects.toThrow('no room for the capture')
  expect(lab.door.closed).toBe(true)
})

test('targets that come and go leave their numbers in the total, not themselves', async () => {
  const run = ping([], { hold: true, over: over() })
  const many = 40_000
  for (let i = 0; i < many; i++) {
    const name = `10.${i >> 14}.${(i >> 7) & 127}.${i & 127}`
    await run.add(name)
    run.remove(name)
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  expect(run.snapshot().length).toBeLessThanOrEqual(2 * 16_384 + 1)
  run.stop()
  const { targets, summaries } = await run.done
  expect(targets).toBe(many)
  expect(summaries).toHaveLength(16_384)
})
