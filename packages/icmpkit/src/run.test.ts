import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import type { Clock, Instant } from './clock.ts'
import { showTime } from './clock.ts'
import type { Door, Machine } from './door.ts'
import { drive, EventQueue } from './run.ts'

/** A machine that counts down once a millisecond and says each number. */
function countdown(from: number): Machine<number> {
  let left = from
  const said: number[] = []
  return {
    handlePacket: () => false,
    handleSent: () => {},
    handleUnsent: () => {},
    handleTimeout: () => void said.push(left--),
    pollTransmit: () => false,
    pollEvent: () => said.shift(),
    pollTimeout: () => (left === 0 ? undefined : (0 as Instant)),
  }
}

function clockOf(times: number[]): Clock {
  let now = 0
  return {
    now: () => now as Instant,
    wall: () => 0n,
    wait: async () => void times.push(++now),
    wake: () => {},
  }
}

it('drive ends when the machine has nothing more to wait for', async () => {
  const heard: number[] = []
  const waits: number[] = []
  await drive(countdown(3), [], clockOf(waits), (e) => void heard.push(e))
  expect(heard).toEqual([3, 2, 1])
  expect(waits).toEqual([1, 2])
})

it('drive holds the machine back while an event is being taken', async () => {
  let taking = 0
  let most = 0
  await drive(countdown(5), [], clockOf([]), async () => {
    most = Math.max(most, ++taking)
    await new Promise((r) => setImmediate(r))
    taking--
  })
  expect(most).toBe(1)
})

it('drive stops at once when it is aborted', async () => {
  const abort = new AbortController()
  const heard: number[] = []
  await drive(
    countdown(1000),
    [],
    clockOf([]),
    (e) => {
      heard.push(e)
      if (e === 998) abort.abort()
    },
    abort.signal,
  )
  expect(heard).toEqual([1000, 999, 998])
})

it('drive goes on while a door is full, even if the machine has no timer', async () => {
  let full = 2
  const door = { send: () => full-- > 0, receive: () => 0 } as unknown as Door
  const waits: number[] = []
  const m: Machine<number> = { ...countdown(1), handleTimeout: () => {}, pollTimeout: () => undefined }
  await drive(m, [door], clockOf(waits), () => {})
  expect(waits).toHaveLength(2)
})

it('a door that is prompt is emptied when it is told readable, before the wait is over; another one in its turn', async () => {
  const done: string[] = []
  const door = (name: string, prompt: boolean) =>
    ({ prompt, send: () => false, receive: () => done.push(name) }) as unknown as Door
  const [fast, slow] = [door('prompt', true), door('other', false)]
  const clock: Clock = {
    ...clockOf([]),
    wait: async (_until, _doors, _full, _signal, ready) => {
      ready?.(slow)
      ready?.(fast)
      done.push('waited')
    },
  }
  await drive(countdown(2), [slow, fast], clock, () => {})
  expect(done).toEqual(['prompt', 'waited', 'other', 'prompt'])
})

it('what a prompt door brings leaves by the others before a queue of 256 is full', async () => {
  let here = 1000
  let queued = 0
  let most = 0
  const source = {
    prompt: true,
    send: () => false,
    receive: (_now: Instant, _m: unknown, limit: number) => {
      const got = Math.min(limit, here)
      here -= got
      queued += got
      most = Math.max(most, queued)
      return got
    },
  } as unknown as Door
  const sink = {
    prompt: true,
    send: () => {
      queued = 0
      return false
    },
    receive: () => 0,
  } as unknown as Door
  await drive(countdown(2), [source, sink], clockOf([]), () => {})
  expect(here).toBe(0)
  expect(queued).toBe(0)
  expect(most).toBeLessThanOrEqual(256)
})

it('events before anybody reads are not kept; then they are, up to the bound, and the rest is counted', async () => {
  const queue = new EventQueue<number>(3)
  queue.push(1)
  const reader = queue.read(() => {})
  const first = reader.next()
  for (let i = 2; i < 9; i++) queue.push(i)
  queue.end()
  const heard = [(await first).value]
  for await (const e of reader) heard.push(e)
  expect(heard).toEqual([2, 3, 4])
  expect(queue.dropped).toBe(4)
})

it('a reader that breaks is told to its source', async () => {
  const queue = new EventQueue<number>()
  let left = false
  const reader = queue.read(() => {
    left = true
  })
  const next = reader.next()
  queue.push(1)
  await next
  await reader.return()
  expect(left).toBe(true)
})

it('a failure reaches the reader after the events before it', async () => {
  const queue = new EventQueue<number>()
  const reader = queue.read(() => {})
  const first = reader.next()
  queue.push(1)
  queue.end(new Error('the door fell shut'))
  expect((await first).value).toBe(1)
  await expect(reader.next()).rejects.toThrow('the door fell shut')
})

it('a moment is nine digits after the point, also before 1970 and below a second', () => {
  expect(showTime(1_763_912_345_123_456_789n)).toBe('1763912345.123456789')
  expect(showTime(5n)).toBe('0.000000005')
  expect(showTime(-1_500_000_000n)).toBe('-1.500000000')
})

it('what sums up reaches a reader that is far behind, after what was dropped', async () => {
  const queue = new EventQueue<string>(2)
  const reader = queue.read(() => {})
  const first = reader.next()
  for (let i = 0; i < 5; i++) queue.push('reply')
  queue.pushLast('summary')
  queue.pushLast('total')
  queue.end()
  const heard = [(await first).value]
  for await (const e of reader) heard.push(e)
  expect(heard).toEqual(['reply', 'reply', 'summary', 'total'])
  expect(queue.dropped).toBe(3)
})

it('a second reader of one run is refused, and the first hears all', async () => {
  const queue = new EventQueue<number>()
  const reader = queue.read(() => {})
  const first = reader.next()
  await expect(queue.read(() => {}).next()).rejects.toThrow(TypeError)
  queue.push(1)
  queue.end()
  expect((await first).value).toBe(1)
})

it('a reader that never catches up does not make the queue grow', async () => {
  const queue = new EventQueue<Uint8Array>(64)
  const reader = queue.read(() => {})
  const alive: WeakRef<Uint8Array>[] = []
  const push = () => {
    const e = new Uint8Array(1)
    alive.push(new WeakRef(e))
    queue.push(e)
  }
  const first = reader.next()
  push()
  push()
  await first
  for (let i = 0; i < 20_000; i++) {
    push()
    await reader.next()
  }
  await new Promise((r) => setTimeout(r, 1))
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  expect(alive.filter((r) => r.deref() !== undefined).length).toBeLessThan(10_000)
})

it('drive sleeps while a door is full, instead of asking again and again what is due', async () => {
  const untils: (number | undefined)[] = []
  let turns = 0
  const door = { send: () => ++turns < 5, receive: () => 0 } as unknown as Door
  const m: Machine<number> = {
    ...countdown(1),
    handleTimeout: () => {},
    pollTimeout: () => (turns < 5 ? (Number.NEGATIVE_INFINITY as Instant) : undefined),
  }
  const clock: Clock = { ...clockOf([]), now: () => 7 as Instant, wait: async (until) => void untils.push(until) }
  await drive(m, [door], clock, () => {})
  expect(untils).toEqual([8, 8, 8, 8])
})
