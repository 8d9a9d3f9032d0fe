/** What a datagram socket of Node's still does when its packets go past libuv; over loopback, without privileges. */
import { spawnSync } from 'node:child_process'
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { unusedUdpPort } from '../../os/index.ts'
import { lookup } from '../../wire/registry.ts'
import { isHard } from './datagram.ts'
import { outages } from './outages.ts'

const LOOPBACK = { 4: '127.0.0.1', 6: '::1' } as const

async function bound(family: 4 | 6): Promise<Socket> {
  const socket = createSocket(family === 4 ? 'udp4' : 'udp6')
  socket.bind(0, LOOPBACK[family])
  await once(socket, 'listening')
  onTestFinished(async () => {
    try {
      socket.close()
    } catch {
      // The test has closed it.
    }
  })
  return socket
}

async function connected(family: 4 | 6, port: number): Promise<Socket> {
  const socket = await bound(family)
  socket.connect(port, LOOPBACK[family])
  await once(socket, 'connect')
  return socket
}

const received = async (socket: Socket) => (await once(socket, 'message')) as [Buffer, RemoteInfo]
const sent = (send: (done: (e: Error | null, octets?: number) => void) => void) =>
  new Promise<unknown>((resolve) =>
    send((e, octets) => resolve(e === null ? octets : (e as NodeJS.ErrnoException).code)),
  )

describe.each([4, 6] as const)('IPv%i', (family) => {
  beforeEach((ctx) => {
    const there = networkInterfaces().lo?.some((a) => a.address === LOOPBACK[family])
    if (there !== true) ctx.skip(`skipped, because this machine has no ${LOOPBACK[family]} (ip link set lo up)`)
  })

  test('it sends to where it is told and receives, with the octets that it is told of', async () => {
    const [a, b] = [await bound(family), await bound(family)]
    outages(a)
    const [fromA, fromB] = [a.address(), b.address()]
    const arrived = received(b)
    expect(await sent((done) => a.send(['two ', Buffer.from('parts')], fromB.port, LOOPBACK[family], done))).toBe(9)
    expect(await arrived).toEqual([
      Buffer.from('two parts'),
      { address: LOOPBACK[family], family: `IPv${family}`, port: fromA.port, size: 9 },
    ])
    const back = received(a)
    b.send('back', fromA.port, LOOPBACK[family])
    expect(await back).toEqual([
      Buffer.from('back'),
      { address: LOOPBACK[family], family: `IPv${family}`, port: fromB.port, size: 4 },
    ])
  })

  test('connected, empty and longest datagrams pass, one that is too long is refused as ever', async () => {
    const b = await bound(family)
    const a = await connected(family, b.address().port)
    outages(a)
    const longest = family === 4 ? 65_507 : 65_527
    for (const length of [0, 1, longest]) {
      const arrived = received(b)
      expect(await sent((done) => a.send(Buffer.alloc(length, 7), done))).toBe(length)
      const [octets] = await arrived
      expect([octets.length, octets.every((o) => o === 7)]).toEqual([length, true])
    }
    expect(await sent((done) => a.send(Buffer.alloc(longest + 1), done))).toBe('EMSGSIZE')
    const arrived = received(b)
    a.send('still there')
    expect(`${(await arrived)[0]}`).toBe('still there')
  })

  test('a closed port is an error event as ever, and an icmp event with its meaning', async () => {
    const a = await connected(family, unusedUdpPort(family))
    const told: unknown[] = []
    outages(a).on('icmp', (e) => told.push(e))
    const refused = once(a, 'error')
    a.send('x')
    const [error] = await refused
    expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'recvmsg' })
    const [type, code] = family === 4 ? [3, 3] : [1, 4]
    const { name, meaning } = lookup(family, type, code)
    expect(told).toEqual([{ type, code, name, meaning, from: LOOPBACK[family], mtu: null }])
  })

  test('a thousand datagrams at once all arrive, in their order', async () => {
    const b = await bound(family)
    b.setRecvBufferSize(4 << 20)
    const a = await connected(family, b.address().port)
    outages(b)
    const got: number[] = []
    const all = new Promise<void>((resolve) => {
      b.on('message', (m) => {
        got.push(m.readUInt32BE(0))
        // Loopback drops what a queue has no room for: that is not what this test is about, so they go in turns.
        if (got.length === 1000) resolve()
        else if (got.length % 50 === 0) burst(got.length)
      })
    })
    const burst = (from: number) => {
      for (let i = from; i < from + 50; i++) {
        const m = Buffer.alloc(4)
        m.writeUInt32BE(i)
        a.send(m)
      }
    }
    burst(0)
    await all
    expect(got).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })
})

test('a socket that is not bound yet is taken over when it is', async () => {
  const b = await bound(4)
  const a = createSocket('udp4')
  onTestFinished(() => void a.close())
  const told: unknown[] = []
  outages(a).on('icmp', (e) => told.push(e.name))
  a.on('error', () => {})
  a.connect(unusedUdpPort(4), '127.0.0.1')
  await once(a, 'connect')
  const refused = once(a, 'error')
  a.send('x')
  await refused
  expect(told).toEqual(['Port Unreachable'])
  a.disconnect()
  const arrived = received(b)
  a.send('elsewhere', b.address().port, '127.0.0.1')
  expect(`${(await arrived)[0]}`).toBe('elsewhere')
})

test('its port is free as soon as it says that it is closed', async () => {
  const a = await bound(4)
  const { port } = a.address()
  outages(a)
  const next = createSocket('udp4')
  onTestFinished(() => void next.close())
  a.close(() => next.bind(port, '127.0.0.1'))
  await once(next, 'listening')
  expect(next.address().port).toBe(port)
})

test('the process lives as long as the socket is open, and not for one that is unreferenced', () => {
  const program = (line: string) => `
    import { createSocket } from 'node:dgram'
    import { outages } from '${fileURLToPath(new URL('./outages.ts', import.meta.url))}'
    const s = createSocket('udp4')
    s.bind(0, '127.0.0.1', () => { outages(s); ${line} })`
  const run = (line: string) => {
    const { status, signal, stdout, stderr } = spawnSync(
      process.execPath,
      ['--no-warnings', '--input-type=module', '-e', program(line)],
      { encoding: 'utf8', timeout: 60_000, cwd: fileURLToPath(new URL('.', import.meta.url)) },
    )
    return { status, signal, stdout, stderr }
  }
  const ended = { status: 0, signal: null, stderr: '' }
  expect(run('s.unref()')).toEqual({ ...ended, stdout: '' })
  expect(run("setTimeout(() => { console.log('alive'); s.close() }, 300).unref()")).toEqual({
    ...ended,
    stdout: 'alive\n',
  })
})

describe('what is no socket to listen to is said', () => {
  test('something else', () => {
    expect(() => outages({} as Socket)).toThrow('outages: a socket of node:dgram or node:net is wanted')
  })

  test('a datagram socket whose descriptor Node does not show', () => {
    const strange = { remoteAddress: () => ({}), on: () => {} } as unknown as Socket
    expect(() => outages(strange)).toThrow(`Node ${process.versions.node} does not show the descriptor`)
  })

  test('a datagram socket in a worker thread', async () => {
    const worker = new Worker(
      `const { createSocket } = require('node:dgram')
       const { parentPort } = require('node:worker_threads')
       import(${JSON.stringify(fileURLToPath(new URL('./outages.ts', import.meta.url)))}).then(({ outages }) => {
         const s = createSocket('udp4')
         s.bind(0, '127.0.0.1', () => {
           try { outages(s) } catch (e) { parentPort.postMessage(e.message) }
           s.close()
         })
       })`,
      { eval: true, execArgv: ['--no-warnings'] },
    )
    const [message] = await once(worker, 'message')
    expect(message).toMatch(/main thread only$/)
    await once(worker, 'exit')
  })
})

test('hard is what Linux ends a wait with (RFC 1122 §4.2.3.9 has fewer): the table of icmp_err_convert', () => {
  const hard = (family: 4 | 6, type: number, codes: number) =>
    Array.from({ length: codes }, (_, code) => code).filter((code) => isHard(family, type, code))
  expect(hard(4, 3, 16)).toEqual([2, 3, 4, 6, 7, 8, 9, 10, 13, 14, 15])
  expect(hard(6, 1, 7)).toEqual([1, 4, 5, 6])
  expect([hard(4, 11, 2), hard(4, 12, 1), hard(6, 2, 1), hard(6, 3, 2), hard(6, 4, 1)]).toEqual([[], [0], [0], [], [0]])
})
