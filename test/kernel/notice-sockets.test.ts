/** Which sockets a machine has, which end and when, whose they are: sock_diag, pidfd and /proc, held against `ss` and the kernel. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { watchProcess } from '../../packages/icmpkit/src/os/pidfd.ts'
import { openSockDiag, type SockDiag, type SocketWatch, watchSockets } from '../../packages/icmpkit/src/os/sock-diag.ts'
import { SOL_SOCKET } from '../../packages/icmpkit/src/os/socket.ts'
import { SocketOwners } from '../../packages/icmpkit/src/os/socket-owner.ts'
import type { SocketInfo, SocketProtocol } from '../../packages/icmpkit/src/os/socket-record.ts'
import type { Family } from '../../packages/icmpkit/src/wire/addr.ts'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { startProgram } from './icmp-command.ts'
import { KernelSocket, POLLIN, POLLOUT } from './kernel-socket.ts'
import { type Host, host, ip, needsRoot, pair } from './testnet.ts'

beforeEach(needsRoot)

const HOME = { 4: '127.0.0.1', 6: '::1' } as const
const ANY = { 4: '0.0.0.0', 6: '::' } as const
const SO_REUSEPORT = 15

function closing<T extends Disposable>(one: T): T {
  onTestFinished(() => one[Symbol.dispose]())
  return one
}

const diagOf = (h: Host): SockDiag => closing(openSockDiag(h.name))

function bound(h: Host, protocol: SocketProtocol, family: Family, address: string = HOME[family], port = 0) {
  const s = closing(new KernelSocket(h, protocol, family))
    .set(SOL_SOCKET, SO_REUSEPORT, 1)
    .bind(address, port)
  return protocol === 'tcp' ? s.listen() : s
}

/** A connection within `h`; the listener's end is the second. */
function connection(h: Host, family: Family, listener = bound(h, 'tcp', family), address: string = HOME[family]) {
  const socket = closing(new KernelSocket(h, 'tcp', family)).connect(address, listener.port)
  socket.wait(POLLOUT)
  return { socket, end: closing(listener.accept(h)), listener }
}

/** What has ended, until there are `count`. */
async function ended(watch: SocketWatch, count: number): Promise<SocketInfo[]> {
  const all: SocketInfo[] = []
  while (all.length < count) {
    await watch.readable()
    watch.read((s) => all.push(s.keep()))
  }
  return all
}

describe('asking', () => {
  test('sockets are those that ss tells, of both families and protocols', () => {
    const { a } = pair()
    for (const family of [4, 6] as const) {
      connection(a, family)
      bound(a, 'udp', family, ANY[family])
      closing(new KernelSocket(a, 'udp', family)).connect(family === 4 ? '192.0.2.2' : '2001:db8::2', 7777)
    }
    const diag = diagOf(a)
    const ours = (['tcp', 'udp'] as const).flatMap((protocol) =>
      diag.list({ protocol }).map((s) => {
        const show = (address: bigint | number, port: number) => {
          const text = showIp(address as never)
          const any = s.both && text === '::' ? '*' : text.includes(':') ? `[${text}]` : text
          return `${any}:${port === 0 ? '*' : port}`
        }
        return `${protocol} ${show(s.local, s.localPort)} ${show(s.remote, s.remotePort)} ino:${s.inode}`
      }),
    )
    const theirs = execFileSync('ip', ['netns', 'exec', a.name, 'ss', '-Hantue'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
      .split('\n')
      .filter((l) => l !== '')
      .map((l) => {
        const [protocol, , , , local, remote] = l.split(/\s+/)
        return `${protocol} ${local} ${remote} ${/ino:\d+/.exec(l)?.[0]}`
      })
    expect(ours.sort()).toEqual(theirs.sort())
    expect(ours.length).toBe(10)
  })

  test('a connection over IPv4 to a listener of IPv6 is one of IPv4, and the listener hears both', () => {
    const h = host('x')
    const listener = bound(h, 'tcp', 6, '::')
    const socket = closing(new KernelSocket(h, 'tcp', 4)).connect('127.0.0.1', listener.port)
    socket.wait(POLLOUT)
    closing(listener.accept(h))
    const diag = diagOf(h)
    const of = (family: Family) => diag.list({ protocol: 'tcp', family, port: listener.port })
    expect(of(4).map((s) => [s.state, showIp(s.local), showIp(s.remote), s.remotePort])).toEqual([
      ['established', '127.0.0.1', '127.0.0.1', socket.port],
    ])
    expect(of(6).map((s) => [s.state, s.both])).toEqual([['listen', true]])
  })

  test('a question about one port, one remote port or one state shows no other socket', () => {
    const h = host('x')
    const { socket, listener } = connection(h, 4)
    connection(h, 4)
    const diag = diagOf(h)
    const states = (f: object) => diag.list({ protocol: 'tcp', ...f }).map((s) => `${s.state} ${s.localPort}`)
    expect(states({ port: listener.port }).sort()).toEqual([`established ${listener.port}`, `listen ${listener.port}`])
    expect(states({ remotePort: listener.port })).toEqual([`established ${socket.port}`])
    expect(states({ port: listener.port, states: ['listen'] })).toEqual([`listen ${listener.port}`])
  })

  test('whoever holds a port is counted with what waits there: three of SO_REUSEPORT, unread datagrams, connections', () => {
    const h = host('x')
    const diag = diagOf(h)
    const [first] = [1, 2, 3].reduce<KernelSocket[]>(
      (all) => [...all, bound(h, 'udp', 4, HOME[4], all[0]?.port ?? 0)],
      [],
    )
    expect(diag.holders('udp', first!.port)).toMatchObject({ count: 3, waiting: 0, inodes: { length: 3 } })
    closing(new KernelSocket(h, 'udp', 4)).sendTo(HOME[4], first!.port, 100)
    expect(diag.holders('udp', first!.port).waiting).toBeGreaterThanOrEqual(100)
    const listener = bound(h, 'tcp', 4)
    for (let i = 0; i < 2; i++)
      closing(new KernelSocket(h, 'tcp', 4))
        .connect(HOME[4], listener.port)
        .wait(POLLOUT)
    listener.wait(POLLIN)
    // The last acknowledgement of a connection may still be on its way.
    while (diag.holders('tcp', listener.port).waiting < 2);
    expect(diag.holders('tcp', listener.port)).toMatchObject({ count: 1, waiting: 2 })
    expect(diag.holders('tcp', first!.port)).toEqual({ count: 0, outside: 0, waiting: 0, inodes: [] })
  })

  test.each([4, 6] as const)(
    'IPv%i: who listens on loopback alone is told apart from those that others reach',
    (family) => {
      const { a } = pair()
      const diag = diagOf(a)
      const local = bound(a, 'udp', family)
      const { port } = local
      expect(diag.holders('udp', port)).toMatchObject({ count: 1, outside: 0 })
      bound(a, 'udp', family, family === 4 ? '192.0.2.1' : '2001:db8::1', port)
      expect(diag.holders('udp', port)).toMatchObject({ count: 2, outside: 1 })
      bound(a, 'udp', family, ANY[family], port)
      expect(diag.holders('udp', port)).toMatchObject({ count: 3, outside: 2 })
    },
  )

  test.each([4, 6] as const)('IPv%i: one socket is found by its flow, as a packet would find it', (family) => {
    const h = host('x')
    const diag = diagOf(h)
    const { socket, listener } = connection(h, family)
    const udp = bound(h, 'udp', family)
    const local = ip(HOME[family])
    const flow = (protocol: SocketProtocol, localPort: number, remotePort: number) =>
      diag.find({ protocol, local, localPort, remote: local, remotePort })
    expect(flow('tcp', socket.port, listener.port)).toMatchObject({ state: 'established', localPort: socket.port })
    expect(flow('tcp', listener.port, 9)).toMatchObject({ state: 'listen', localPort: listener.port })
    expect(flow('udp', udp.port, 9)).toMatchObject({ state: 'close', localPort: udp.port, remotePort: 0 })
    const peer = closing(new KernelSocket(h, 'udp', family)).connect(HOME[family], udp.port)
    expect(flow('udp', peer.port, udp.port)).toMatchObject({ state: 'established', remotePort: udp.port })
    expect(flow('udp', peer.port, udp.port ^ 1)).toBeUndefined()
    // A socket that hears both families.
    const both = bound(h, 'udp', 6, '::')
    expect(flow('udp', both.port, 9)).toMatchObject({ state: 'close', localPort: both.port, both: true })
  })
})

describe('ending a connection of another program', () => {
  test.each([4, 6] as const)(
    'IPv%i: its own program reads ECONNABORTED, the other side ECONNRESET, and then it is gone',
    (family) => {
      const h = host('x')
      const diag = diagOf(h)
      const { socket, end, listener } = connection(h, family)
      const local = ip(HOME[family])
      const name = { protocol: 'tcp', local, localPort: socket.port, remote: local, remotePort: listener.port } as const
      expect(diag.destroy(name)).toBe(true)
      expect(socket.receive()).toBe('ECONNABORTED')
      end.wait(POLLIN)
      expect(end.receive()).toBe('ECONNRESET')
      expect(diag.destroy(name)).toBe(false)
    },
  )
})

describe('watching', () => {
  test.each((['tcp', 'udp'] as const).flatMap((p) => ([4, 6] as const).map((f) => [p, f] as const)))(
    '%s over IPv%i: a socket that is closed is told, by its port',
    async (protocol, family) => {
      const h = host('x')
      const watch = closing(watchSockets({ netns: h.name }))
      const s = bound(h, protocol, family)
      const { port } = s
      s.close()
      expect(await ended(watch, 1)).toMatchObject([{ protocol, family, localPort: port, remotePort: 0, inode: 0 }])
    },
  )

  test('only of the ports that are watched, and of connections only where they are wanted', async () => {
    const h = host('x')
    const [wanted, other] = [bound(h, 'udp', 4), bound(h, 'udp', 4)]
    const ports = [wanted.port]
    const some = closing(watchSockets({ netns: h.name, ports }))
    const all = closing(watchSockets({ netns: h.name, connections: true }))
    const peer = closing(new KernelSocket(h, 'udp', 4)).connect(HOME[4], wanted.port)
    for (const s of [other, peer, wanted]) s.close()
    const remote = (await ended(all, 3)).map((s) => s.remotePort)
    expect(remote.filter((port) => port !== 0)).toEqual(ports)
    expect((await ended(some, 1)).map((s) => s.localPort)).toEqual(ports)
    expect(some.read(() => {})).toBe(0)
  })

  test('a thousand connections that end with their listener do not drown it; without the filter some are lost, and counted', async () => {
    const h = host('x')
    const target = bound(h, 'udp', 4)
    const { port } = target
    const watch = closing(watchSockets({ netns: h.name, ports: [port] }))
    const flooded = closing(watchSockets({ netns: h.name, connections: true }))
    const all = closing(watchSockets({ netns: h.name, connections: true }))
    for (let i = 0; i < 1000; i++) new KernelSocket(h, 'udp', 4).bind(HOME[4]).connect(HOME[4], port).close()
    target.close()
    expect((await ended(watch, 1)).map((s) => s.localPort)).toEqual([port])
    expect(watch.lost).toBe(0)
    // The kernel tells of an end in its own time: until another watch has heard of all, or has had no room itself.
    for (let heard = 0; heard < 1001 && all.lost === 0; heard += all.read(() => {})) await all.readable()
    const seen = flooded.read(() => {})
    expect(seen).toBeLessThan(1001)
    expect(flooded.lost).toBeGreaterThan(0)
  })

  test('what ends in another namespace is not told', async () => {
    const { a, b } = pair()
    const watch = closing(watchSockets({ netns: a.name }))
    bound(b, 'udp', 4).close()
    const here = bound(a, 'udp', 4, '192.0.2.1')
    here.close()
    expect((await ended(watch, 1)).map((s) => showIp(s.local))).toEqual(['192.0.2.1'])
  })

  test('a watch that is closed ends the wait for it', async () => {
    const watch = watchSockets({ netns: host('x').name })
    const waiting = watch.readable()
    watch.close()
    await waiting
    expect(watch.read(() => {})).toBe(0)
  })
})

describe('a process', () => {
  test('is told when it is killed, stopped or not, and is nobody else afterwards', async () => {
    const child = spawn('sleep', ['1000'])
    onTestFinished(() => void child.kill('SIGKILL'))
    const watch = closing(watchProcess(child.pid!)!)
    expect([watch.ended, watch.stopped]).toEqual([false, false])
    child.kill('SIGSTOP')
    while (!watch.stopped) await new Promise((turn) => setTimeout(turn, 1))
    expect(watch.ended).toBe(false)
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await watch.readable()
    expect([watch.ended, watch.stopped]).toEqual([true, false])
    await gone
    expect(watchProcess(child.pid!)).toBeUndefined()
  })

  test('what cannot be one is refused', () => {
    for (const pid of [0, -1, 1.5, 2 ** 31]) expect(() => watchProcess(pid)).toThrow(RangeError)
  })
})

describe('whose socket it is', () => {
  test('the program that has it, by a name that a terminal may show', async () => {
    const h = host('x')
    const code = `require('node:fs').writeFileSync('/proc/self/comm', '\\x1b[2J evil\\n)')
      const s = require('node:dgram').createSocket('udp4')
      s.bind(0, '127.0.0.1', () => console.log(s.address().port + ';'))`
    const program = startProgram(h, process.execPath, ['-e', code])
    await program.until(/;/)
    const { inodes } = diagOf(h).holders('udp', Number.parseInt(program.written.out, 10))
    const owners = new SocketOwners()
    expect(owners.owner(inodes[0]!)).toEqual({ pid: program.process.pid, name: '\\x1b[2J evil\\x0a)' })
    program.signal('SIGKILL')
    await program.ended
    expect(new SocketOwners().owner(inodes[0]!)).toBeUndefined()
  })

  test('a look that would be too long is cut, and says so; what was opened since is found by the next one', async () => {
    const proc = mkdtempSync(join(tmpdir(), 'icmpkit-proc-'))
    onTestFinished(() => rmSync(proc, { recursive: true }))
    for (let pid = 1; pid <= 20; pid++) {
      mkdirSync(`${proc}/${pid}/fd`, { recursive: true })
      writeFileSync(`${proc}/${pid}/comm`, `p${pid}\n`)
      for (let fd = 0; fd < 5; fd++) symlinkSync(`socket:[${pid * 100 + fd}]`, `${proc}/${pid}/fd/${fd}`)
    }
    const whole = new SocketOwners({ proc })
    expect(whole.owner(2003)).toEqual({ pid: 20, name: 'p20' })
    expect([whole.cut, whole.unreadable]).toEqual([false, 0])
    const files = new SocketOwners({ proc, mostFiles: 50 })
    expect([files.owner(1000), files.owner(2003), files.cut]).toEqual([{ pid: 10, name: 'p10' }, undefined, true])
    const processes = new SocketOwners({ proc, mostProcesses: 3 })
    expect([processes.owner(304)?.pid, processes.owner(400), processes.cut]).toEqual([3, undefined, true])
    // Opened since: found once a new look is cheap enough, a tenth of the time in all.
    mkdirSync(`${proc}/21/fd`, { recursive: true })
    writeFileSync(`${proc}/21/comm`, 'late\n')
    symlinkSync('socket:[7777]', `${proc}/21/fd/3`)
    while (whole.owner(7777) === undefined) await new Promise((turn) => setTimeout(turn, 1))
    expect(whole.owner(7777)).toEqual({ pid: 21, name: 'late' })
    // Nothing is remembered: each look finds what is there.
    const forgetful = new SocketOwners({ proc, mostSockets: 0 })
    expect(forgetful.owner(2004)?.pid).toBe(20)
  })
})

test('nobody, without rights, asks and watches; ending a connection is refused with the cure, hidden owners are said', async () => {
  const h = host('x')
  const { socket, listener } = connection(h, 4)
  const udp = bound(h, 'udp', 4)
  const program = startProgram(undefined, 'sleep', ['1000'])
  const script = fileURLToPath(new URL('./scripts/notice-watcher.ts', import.meta.url))
  const args = [h.name, udp.port, socket.port, listener.port, program.process.pid].map(String)
  const nobody = startProgram(undefined, process.execPath, [script, ...args], { env: { NODE_NO_WARNINGS: '1' } })
  await nobody.until(/cure.*\n/)
  const { port } = udp
  udp.close()
  await nobody.until(/socket.*\n/)
  program.signal('SIGKILL')
  const { out, err, code } = await nobody.ended
  expect({ err, code }).toEqual({ err: '', code: 0 })
  expect(
    out
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l)),
  ).toEqual([
    { holders: 1, owner: null, hidden: true },
    { code: 'EPERM', cure: expect.stringContaining('CAP_NET_ADMIN') },
    { socket: port, protocol: 'udp', family: 4 },
    { process: true },
  ])
})
