/** What a door does to the process and the thread that hold it: nothing keeps them, and no right outlives its use. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { nobody } from '../nobody.ts'
import { needsRoot } from './testnet.ts'
import { CLIENT, ROUTER, SERVER, type ThreeHosts, threeHosts, UNREACHABLE } from './three-hosts.ts'

const root = process.getuid?.() === 0
let net: ThreeHosts

beforeAll(() => {
  if (root) net = threeHosts()
})
afterAll(() => {
  if (root) net[Symbol.dispose]()
})
beforeEach((ctx) => needsRoot(ctx))

const script = (name: string) => fileURLToPath(new URL(`./scripts/${name}.ts`, import.meta.url))

/** Runs a script in a Node of its own; one that does not end is ended by a signal. */
async function node(name: string, ...args: string[]): Promise<{ code: number | string; out: string; err: string }> {
  const env = { PATH: process.env.PATH ?? '', NODE_NO_WARNINGS: '1' }
  const done = promisify(execFile)(process.execPath, [script(name), ...args], { timeout: 240_000, env })
  const { code, out, err } = await done.then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (e: { code?: number; signal?: string; stdout: string; stderr: string }) => ({
      code: e.code ?? e.signal ?? 'unknown',
      out: e.stdout,
      err: e.stderr,
    }),
  )
  return { code, out, err }
}

describe.each(['libuv', 'threadpool', 'naps'])('a process woken by %s', (how) => {
  it('ends by itself once its door is closed', async () => {
    expect(await node('waiting', net.client.name, 'closed', how)).toMatchObject({
      code: 0,
      out: 'end of main\n',
      err: '',
    })
  })

  it('ends by itself with a door that nobody closed or waits for', async () => {
    expect(await node('waiting', net.client.name, 'left open', how)).toMatchObject({
      code: 0,
      out: 'end of main\n',
      err: '',
    })
  })

  it('exits at once when told to, even while it waits for nothing to come', async () => {
    expect(await node('waiting', net.client.name, 'exit', how)).toMatchObject({ code: 7, out: '', err: '' })
  })

  it('dies of an uncaught exception while it waits', async () => {
    const ended = await node('waiting', net.client.name, 'throw', how)
    expect(ended.code).toBe(1)
    expect(ended.err).toContain('thrown while waiting')
  })
})

describe('rights', () => {
  it('after root has opened its doors no thread keeps a capability, a group, or uid 0, and the doors still work', async () => {
    const { code, out, err } = await node('rights', net.client.name, SERVER[4])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    const { dropped, answered, threads } = JSON.parse(out)
    expect(answered).toEqual([1, 1])
    expect(threads.length).toBeGreaterThan(4)
    const none = '0000000000000000'
    for (const t of threads) {
      expect(t.uid.split(/\s+/)).toEqual(['65534', '65534', '65534', '65534'])
      expect(t.gid.split(/\s+/)).toEqual(['65534', '65534', '65534', '65534'])
      expect(t.groups).toBe('')
      expect(t.caps).toEqual([none, none, none, none])
    }
    expect(dropped).toMatchObject({ how: 'setuid', remaining: 0 })
    expect(dropped.threads).toBeGreaterThan(4)
  })
})

describe('rights that are not root', () => {
  it('an ambient capability is dropped in the thread that asks, and it is said that the others keep theirs', async (ctx) => {
    const caps = ['--inh-caps', '-all,+net_raw', '--ambient-caps', '-all,+net_raw', '--bounding-set', '-all,+net_raw']
    const { uid, gid } = nobody()
    const who = ['--reuid', `${uid}`, '--regid', `${gid}`, '--clear-groups', ...caps]
    const run = promisify(execFile)
    try {
      await run('setpriv', ['--version'])
    } catch {
      ctx.skip('skipped, because setpriv is not installed (apt-get install util-linux)')
    }
    const { stdout } = await run('setpriv', [...who, process.execPath, script('capability')], { timeout: 240_000 })
    const { door, dropped, own } = JSON.parse(stdout)
    expect(door).toBe('raw-socket')
    expect(own).toEqual({ before: '0000000000002000', after: '0000000000000000' })
    expect(dropped.how).toBe('capset')
    expect(dropped.remaining).toBe(dropped.threads - 1)
    expect(dropped.said.join()).toMatch(/keep theirs/)
  })
})

describe('without any privilege', () => {
  it.each([4, 6] as const)(
    'IPv%i: echo, kernel stamps of both ways, and errors with the address of who sent them',
    async (family) => {
      const reply = await node('unprivileged', net.client.name, SERVER[family])
      expect(JSON.parse(reply.out)).toMatchObject({
        door: 'ping-socket',
        heard: [{ from: SERVER[family], kind: 'echoReply', clock: 'kernel-rx' }],
        sent: ['user', 'kernel-txrx'],
      })
      const expired = await node('unprivileged', net.client.name, SERVER[family], '1')
      expect(JSON.parse(expired.out).heard).toMatchObject([{ from: ROUTER[family], kind: 'timeExceeded' }])
      const unreachable = await node('unprivileged', net.client.name, UNREACHABLE[family])
      expect(JSON.parse(unreachable.out).heard).toMatchObject([{ from: ROUTER[family], kind: 'unreachable' }])
    },
  )

  it.each([4, 6] as const)(
    'IPv%i: with the group shut out, the message names the sysctl and the capability',
    async (family) => {
      net.router.sysctl('ipv4.ping_group_range', '1 0')
      try {
        const { out } = await node('unprivileged', net.router.name, CLIENT[family])
        const refusal = JSON.parse(out)
        expect(refusal).toMatchObject({ code: 'EACCES', syscall: 'socket', door: 'ping-socket' })
        expect(refusal.message).toContain('sysctl -w net.ipv4.ping_group_range="0 2147483647"')
        expect(refusal.message).toContain('CAP_NET_RAW')
        // A capability on the file would be every script's.
        expect(refusal.message).toMatch(/AmbientCapabilities=CAP_NET_RAW.*Not by setcap on node/)
      } finally {
        net.router.sysctl('ipv4.ping_group_range', '0 2147483647')
      }
    },
  )
})

describe('worker threads', () => {
  const start = (count: number) =>
    new Worker(script('worker'), { workerData: { netns: net.client.name, target: SERVER[4], count } })
  const told = (w: Worker) => new Promise<unknown>((yes, no) => w.once('message', yes).once('error', no))

  it('four workers ask at once, each by a door of its own, and hear their own answers only', async () => {
    const workers = Array.from({ length: 4 }, () => start(50))
    const ended = workers.map((w) => new Promise<number>((resolve) => w.once('exit', resolve)))
    const results = await Promise.all(workers.map(told))
    const all = Array.from({ length: 50 }, (_, i) => i + 1)
    for (const r of results) expect(r).toEqual({ answered: all, clocks: ['user', 'kernel-txrx'] })
    expect(await Promise.all(ended)).toEqual([0, 0, 0, 0])
  })

  it('a worker that waits for ever can be terminated at once', async () => {
    const worker = start(0)
    expect(await told(worker)).toBe('waiting')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await worker.terminate()).toBe(1)
  })
})
