import { execFileSync, spawnSync } from 'node:child_process'
import { lookup } from 'node:dns/promises'
import { existsSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Worker } from 'node:worker_threads'
import { beforeEach, expect, test } from 'vitest'
import {
  addNamespace,
  createNamespace,
  inNamespace,
  openNamespace,
  removeNamespace,
} from '../../packages/icmpkit/src/os/namespace.ts'
import { openNetlink } from '../../packages/icmpkit/src/os/netlink.ts'
import { OsError } from '../../packages/icmpkit/src/os/os-error.ts'
import { nobody } from '../nobody.ts'
import { host, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

/** The namespace that the calling thread is in. */
const here = () => readlinkSync('/proc/thread-self/ns/net')

const LIBRARY = new URL('../../packages/icmpkit/src/os/', import.meta.url)
const NODE = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e']

test('code runs in the namespace named, by name, path, process or handle, and the thread comes back', () => {
  const home = here()
  const a = host('a')
  const there = inNamespace(a.name, here)
  expect(there).not.toBe(home)
  expect(inNamespace(`/run/netns/${a.name}`, here)).toBe(there)
  expect(inNamespace(a.namespace, here)).toBe(there)
  expect(inNamespace(process.pid, here)).toBe(home)
  expect(inNamespace(`${process.pid}`, here)).toBe(home)
  expect(here()).toBe(home)
  expect(
    execFileSync('ip', ['netns', 'exec', a.name, 'readlink', '/proc/self/ns/net'], { encoding: 'utf8' }),
  ).toContain(there)
})

test('namespaces nest, and each level returns to its own', () => {
  const a = host('a')
  const b = host('b')
  const seen = a.inside(() => [here(), b.inside(here), here()])
  expect(seen[0]).toBe(seen[2])
  expect(seen[1]).toBe(inNamespace(b.namespace, here))
  expect(seen[1]).not.toBe(seen[0])
})

test('a throw inside comes out, and the thread is back', () => {
  const home = here()
  const a = host('a')
  const broken = () => {
    throw new RangeError('mine')
  }
  expect(() => a.inside(broken)).toThrow(new RangeError('mine'))
  expect(here()).toBe(home)
})

test('an async function is refused, since what follows its first await would run outside', () => {
  const a = host('a')
  expect(() => a.inside(async () => 1)).toThrow(TypeError)
  expect(() => a.inside(async () => Promise.reject(new Error('lost')))).toThrow(TypeError)
})

test('a name that is no single file name is refused', () => {
  for (const name of ['', '.', '..', '../x', 'a/b', 'a\0b', 'a\nb', 'a\u001b[31m', 'x'.repeat(256)]) {
    expect(() => inNamespace(name, here), JSON.stringify(name)).toThrow(RangeError)
    expect(() => addNamespace(name), JSON.stringify(name)).toThrow(RangeError)
    expect(() => removeNamespace(name), JSON.stringify(name)).toThrow(RangeError)
  }
  expect(() => addNamespace('/run/netns/x')).toThrow(RangeError)
  expect(() => inNamespace(-1, here)).toThrow(RangeError)
  expect(() => inNamespace('/tmp/a\nb', here)).toThrow(RangeError)
})

test('what is absent or is no network namespace says so', () => {
  const thrown = (ref: string | number) => {
    try {
      inNamespace(ref, here)
    } catch (e) {
      return (e as OsError).message
    }
    return ''
  }
  expect(thrown(`ik-${process.pid}-none`)).toMatch(/ENOENT.*There is no namespace ik-.*ip netns list/)
  expect(thrown(2 ** 22 + 1)).toMatch(/ENOENT.*There is no process/)
  expect(thrown('/etc/hostname')).toMatch(/EINVAL.*not a network namespace/)
  expect(thrown('/proc/self/ns/uts')).toMatch(/EINVAL.*not a network namespace/)
})

test('an anonymous namespace has a loopback that is down, and ends with its handle', () => {
  const home = here()
  using ns = createNamespace()
  expect(here()).toBe(home)
  const links = inNamespace(ns, () => {
    using netlink = openNetlink()
    return netlink.links().map((l) => [l.name, l.up])
  })
  expect(links).toEqual([['lo', false]])
  ns.close()
  expect(() => inNamespace(ns, here)).toThrow(OsError)
})

test('a named namespace is listed by ip netns, cannot be made twice, and leaves nothing when removed', () => {
  const name = `ik-${process.pid}-named`
  addNamespace(name)
  try {
    expect(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split(/\s/)).toContain(name)
    expect(() => addNamespace(name)).toThrow(/EEXIST/)
  } finally {
    removeNamespace(name)
  }
  expect(existsSync(`/run/netns/${name}`)).toBe(false)
  expect(() => removeNamespace(name)).toThrow(/ENOENT.*There is no namespace/)
})

test('a file that a crash left behind is removed too', () => {
  const name = `ik-${process.pid}-stale`
  writeFileSync(`/run/netns/${name}`, '')
  removeNamespace(name)
  expect(existsSync(`/run/netns/${name}`)).toBe(false)
})

// A fresh process: here the pool has long been started by others.
test('no thread stays behind: the pool starts at home, and names are resolved there', () => {
  const a = host('a')
  const script = `
    import { readdirSync, readlinkSync } from 'node:fs'
    import { lookup } from 'node:dns'
    import { inNamespace } from '${LIBRARY}namespace.ts'
    const home = readlinkSync('/proc/thread-self/ns/net')
    const threads = () => readdirSync('/proc/self/task').map((t) => readlinkSync('/proc/self/task/' + t + '/ns/net'))
    inNamespace('${a.name}', () => {
      lookup('localhost', () => {})
      return 1
    })
    const all = threads()
    console.log(JSON.stringify({ all: all.length, elsewhere: all.filter((n) => n !== home).length }))`
  const { stdout, stderr } = spawnSync(process.execPath, [...NODE, script], { encoding: 'utf8' })
  expect(stderr).toBe('')
  const seen = JSON.parse(stdout)
  expect(seen.elsewhere).toBe(0)
  expect(seen.all).toBeGreaterThan(7)
})

test('after many visits every thread of this process is where it was', async () => {
  const home = here()
  const a = host('a')
  for (let i = 0; i < 200; i++) a.inside(() => 0)
  await Promise.all([stat('/'), lookup('localhost')])
  const threads = readdirSync('/proc/self/task').map((t) => readlinkSync(`/proc/self/task/${t}/ns/net`))
  expect(new Set(threads)).toEqual(new Set([home]))
})

test('a worker thread visits alone: the main thread stays', async () => {
  const home = here()
  const a = host('a')
  const worker = new Worker(
    `import { readlinkSync } from 'node:fs'
     import { parentPort } from 'node:worker_threads'
     const { inNamespace } = await import('${LIBRARY}namespace.ts')
     parentPort.postMessage(inNamespace('${a.name}', () =>
       ['thread-self', 'self'].map((who) => readlinkSync('/proc/' + who + '/ns/net'))))`,
    { eval: true, execArgv: ['--input-type=module'] },
  )
  const [inWorker, main] = await new Promise<string[]>((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  expect(inWorker).toBe(a.inside(here))
  expect(main).toBe(home)
})

test('without the right the refusal names the capability', () => {
  const script = `
    import { createNamespace, inNamespace } from '${LIBRARY}namespace.ts'
    for (const f of [createNamespace, () => inNamespace('/proc/self/ns/net', () => 0), () => inNamespace(1, () => 0)])
      try { f() } catch (e) { console.log(e.message) }`
  const { stdout } = spawnSync(process.execPath, [...NODE, script], { encoding: 'utf8', ...nobody() })
  const [create, enter, foreign] = stdout.split('\n')
  expect(create).toMatch(/unshare: EPERM.*CAP_SYS_ADMIN/)
  expect(enter).toMatch(/setns: EPERM.*CAP_SYS_ADMIN/)
  expect(foreign).toMatch(/CAP_SYS_PTRACE/)
})

// What makes the way home fail does not happen by itself: here somebody closes the descriptor that leads there.
test('a thread that cannot return ends the process, since nothing may go on in the wrong network', () => {
  const a = host('a')
  const script = `
    import { closeSync, readdirSync, readlinkSync } from 'node:fs'
    import { inNamespace } from '${LIBRARY}namespace.ts'
    process.on('uncaughtException', () => console.log('caught'))
    inNamespace('${a.name}', () => {
      for (const fd of readdirSync('/proc/self/fd')) {
        try {
          if (readlinkSync('/proc/self/fd/' + fd).startsWith('net:')) closeSync(Number(fd))
        } catch {}
      }
    })
    console.log('went on')`
  const { stdout, stderr, signal } = spawnSync(process.execPath, [...NODE, script], { encoding: 'utf8' })
  expect(signal).toBe('SIGABRT')
  expect(stdout).toBe('')
  expect(stderr).toContain('cannot return to its own network namespace')
})

test('a namespace held open can be entered after its name is gone', () => {
  const name = `ik-${process.pid}-held`
  addNamespace(name)
  using held = openNamespace(name)
  removeNamespace(name)
  expect(inNamespace(held, here)).not.toBe(here())
})
