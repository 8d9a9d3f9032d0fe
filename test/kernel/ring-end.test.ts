/** A mapped ring keeps its socket alive, closed or not: each way to its end leaves no packet socket behind. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { openCapture } from '../../packages/icmpkit/src/os/capture-socket.ts'
import { openPort } from '../../packages/icmpkit/src/os/open-port.ts'
import { OsError } from '../../packages/icmpkit/src/os/os-error.ts'
import { ping } from '../../packages/icmpkit/src/runs/ping/ping.ts'
import { hex } from '../../packages/icmpkit/src/wire/octets.ts'
import { until } from './port-machine.ts'
import { descriptors } from './scripts/descriptors.ts'
import { cable, type Host, host, needsRoot, pair } from './testnet.ts'

beforeEach(needsRoot)

/** Packet sockets in the namespace of `h`, whoever has them. */
function sockets(h: Host): number {
  return (
    h
      .inside(() => readFileSync('/proc/thread-self/net/packet', 'utf8'))
      .trimEnd()
      .split('\n').length - 1
  )
}

/** This process's descriptors and mappings of sockets. */
function held(): { fds: number; rings: number } {
  const fds = descriptors().filter((d) => d.startsWith('socket:')).length
  return {
    fds,
    rings: readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((l) => l.includes('socket:[')).length,
  }
}

test('a capture that is closed has no socket any more, though its last frame is still held', async () => {
  const { a } = pair()
  const before = held()
  const tap = openCapture('eth0', { netns: a.name })
  expect(sockets(a)).toBe(1)
  let frame: Uint8Array | undefined
  await ping('192.0.2.2', { netns: a.name, count: 1 }).done
  await until(() => {
    tap.read((f) => {
      frame = f.bytes
    })
    return frame !== undefined
  })
  tap.close()
  expect(sockets(a)).toBe(0)
  expect(held()).toEqual(before)
  // Of no use, and no crash.
  expect(frame![0]).toBe(0)
})

test('a visitor that closes the capture still has its frame, and the socket goes when it returns', async () => {
  const { a } = pair()
  const tap = openCapture('eth0', { netns: a.name, icmpOnly: true })
  await ping('192.0.2.2', { netns: a.name, count: 3, interval: 1 }).done
  const seen: [string, string][] = []
  await until(() => {
    tap.read((f) => {
      const before = hex(f.bytes, f.at, f.end)
      tap.close()
      seen.push([before, hex(f.bytes, f.at, f.end)])
    })
    return seen.length > 0
  })
  expect(seen).toHaveLength(1)
  expect(seen[0]![1]).toBe(seen[0]![0])
  expect(seen[0]![0]).toMatch(/^[0-9a-f]{84,}$/)
  expect(sockets(a)).toBe(0)
})

test('a capture that cannot be opened leaves no socket', () => {
  const h = host('d')
  cable(h, host('e'))
  h.netlink.setLink('eth0', { up: false })
  const before = held()
  expect(() => openCapture('eth0', { netns: h.name })).toThrow(OsError)
  expect(sockets(h)).toBe(0)
  expect(held()).toEqual(before)
})

test.each(['capture', 'port'] as const)(
  'a worker that is terminated with a %s open leaves no socket, and the interface is free',
  async (kind) => {
    const h = host('w')
    cable(h, host('v'))
    const before = held()
    const worker = new Worker(new URL('./scripts/ring-worker.ts', import.meta.url), {
      workerData: { netns: h.name, kind },
    })
    onTestFinished(async () => void (await worker.terminate()))
    expect(await once(worker, 'message')).toEqual(['open'])
    expect(sockets(h)).toBe(1)
    await worker.terminate()
    expect(sockets(h)).toBe(0)
    expect(held()).toEqual(before)
    const again = await openPort({ kind: 'packet', interface: 'eth0', netns: h.name })
    await again[Symbol.asyncDispose]()
  },
)
