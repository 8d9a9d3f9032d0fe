/** `icmp notify serve` that is killed in each state, started again, or started twice (issue show 7). */
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { must, sys } from '../../packages/icmpkit/src/os/sys.ts'
import { start } from './icmp-command.ts'
import {
  counter,
  office,
  place,
  program,
  ruleset,
  SERVER4,
  type Serving,
  serving,
  told,
  toldSoFar,
  workstations,
} from './notified.ts'
import { host, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const ECONNREFUSED = 111

async function killed(serve: Serving): Promise<void> {
  serve.signal('SIGKILL')
  expect((await serve.ended).signal).toBe('SIGKILL')
}

describe('killed with -9', () => {
  // How the program gets into the state, and how its state is afterwards.
  test.each(['up', 'suspect', 'gone', 'hung', 'offline', 'draining'] as const)(
    'while a program is %s it leaves no rule of nftables, and the next one knows the program and its state',
    async (state) => {
      const { server, crowd } = office()
      const dns = await program(server, 'udp', 5353)
      const at = place()
      const grace = state === 'suspect' ? '1h' : '0'
      const probe = state === 'hung' ? ',probe=udp:x,every=50ms,timeout=1s,failures=2' : ''
      const words = `dns=udp/5353,grace=${grace}${probe}`
      const serve = await serving(server, ['--program', words, '--program', 'web=tcp/8080', '--no-repeat'], at)
      const clients = await workstations(crowd, { servers: [[SERVER4, 5353, 4, null]] })
      await serve.when((s) => s.programs[0].workstations === 4)
      if (state === 'suspect' || state === 'gone') dns.signal('SIGUSR1')
      if (state === 'hung') dns.signal('SIGSTOP')
      if (state === 'offline') await serve.ask('offline', 'dns', '--reason', 'moving', '--back-at', '1900000000')
      if (state === 'draining') {
        await serve.ask('drain', 'dns', '--reason', 'moving')
        expect(await ruleset(server)).toContain('reject')
      }
      await serve.when((s) => s.programs[0].state === state)
      if (state !== 'up' && state !== 'suspect') await serve.event('outage')
      // What it says a restart knows.
      await serve.status()
      await killed(serve)
      expect(await ruleset(server)).toBe('')

      // Nothing is said of the programs: they are those that it knew.
      const again = await serving(server, ['--no-repeat'], at)
      const [known, other] = (await again.status()).programs
      expect(other).toMatchObject({ program: 'web', protocol: 'tcp', port: 8080 })
      if (state === 'up' || state === 'hung') expect(known).toMatchObject({ program: 'dns', state })
      else if (state === 'suspect' || state === 'gone') expect(['suspect', 'gone']).toContain(known.state)
      else expect(known).toMatchObject({ state, reason: 'moving', backAt: state === 'offline' ? 1900000000 : null })
      if (state === 'draining') expect(await ruleset(server)).toContain('reject')
      // Whoever has been told is not told again: the kernel there has seen one error each.
      if (['gone', 'hung', 'offline', 'draining'].includes(state)) {
        expect(Object.values(await toldSoFar(clients))).toEqual([4])
        expect(counter(crowd, 'Icmp', 'InDestUnreachs')).toBe(4)
      }
      await again.end()
      expect(await ruleset(server)).toBe('')
    },
  )

  test('workstations that it knew are told by the next one when the program ended in between', async () => {
    const { server, crowd } = office()
    const dns = await program(server, 'udp', 5353)
    const at = place()
    const args = ['--program', 'dns=udp/5353', '--grace', '0']
    const serve = await serving(server, args, at)
    const clients = await workstations(crowd, { servers: [[SERVER4, 5353, 5, null]] })
    await serve.when((s) => s.programs[0].workstations === 5)
    // Interrupted it keeps what it knows; killed with -9 it would have lost those of the last seconds.
    await serve.end()
    dns.signal('SIGKILL')
    await dns.ended
    const again = await serving(server, args, at)
    expect(await told(clients)).toEqual({ [ECONNREFUSED]: 5 })
    expect(await again.event('outage')).toMatchObject({ state: 'gone', workstations: 5, sent: 5 })
  })
})

describe('its state file', () => {
  test('damaged, it is told in a line and kept beside; a new one is begun', async () => {
    const { server } = office()
    await program(server, 'udp', 5353)
    const at = place()
    const args = ['--program', 'dns=udp/5353']
    await (await serving(server, args, at)).end()
    const state = join(at, 'state')
    const octets = readFileSync(state)
    octets[octets.length - 12]! ^= 1
    writeFileSync(state, octets)
    const again = await serving(server, args, at)
    const { notes } = await again.event('ready')
    expect(notes).toEqual([`state ${state}: it is damaged; it is kept as ${state}.damaged, and begun anew`])
    await again.end()
    expect(readFileSync(`${state}.damaged`)).toEqual(octets)
    expect(readFileSync(state).length).toBeGreaterThan(0)
  })

  test('on a full disk: one line, the programs are watched all the same', async () => {
    const { server, crowd } = office()
    const dns = await program(server, 'udp', 5353)
    const at = place()
    const disk = join(at, 'disk')
    mkdirSync(disk)
    must(sys().mount('tmpfs', disk, 'tmpfs', 0, Buffer.from('size=16k\0')), 'mount', 'test')
    onTestFinished(() => void sys().umount2(disk, 0))
    const state = join(disk, 'state')
    const serve = await serving(server, ['--program', 'dns=udp/5353', '--state', state], at)
    await serve.status()
    const before = readFileSync(state)
    // Every octet that is left.
    const full = openSync(join(disk, 'full'), 'w')
    expect(() => {
      for (;;) writeSync(full, Buffer.alloc(4096))
    }).toThrow('ENOSPC')
    closeSync(full)
    const clients = await workstations(crowd, { servers: [[SERVER4, 5353, 2, null]] })
    await serve.when((s) => s.programs[0].workstations === 2)
    dns.signal('SIGKILL')
    expect(await told(clients)).toEqual({ [ECONNREFUSED]: 2 })
    serve.signal('SIGINT')
    const { code, err } = await serve.ended
    expect(code).toBe(0)
    expect(err).toMatch(/^icmp: state \S+: ENOSPC.*; what it held before stays\n$/)
    expect(readFileSync(state)).toEqual(before)
  })
})

test('two in one network namespace refuse each other, and the first goes on; in another namespace there is another', async () => {
  const { server, crowd } = office()
  await program(server, 'udp', 5353)
  const serve = await serving(server, ['--program', 'dns=udp/5353'])
  const { code, out, err } = await start(server, [
    'notify',
    'serve',
    '--program',
    'x=udp/9',
    '--socket',
    'none',
    '--state',
    'none',
  ]).ended
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toBe(
    `icmp: icmp notify serve runs in this network namespace already (process ${serve.process.pid}, socket ${serve.socket}); two would tell everybody twice\n`,
  )
  expect((await serve.status()).programs[0].state).toBe('up')
  const other = await serving(crowd, ['--program', 'dns=udp/5353'])
  await killed(serve)
  const third = await serving(server, ['--program', 'dns=udp/5353'])
  await third.end()
  await other.end()
})

test('a socket of the operator that another process holds is not taken from it', async () => {
  const one = host('one')
  const two = host('two')
  const at = place()
  await serving(one, ['--program', 'dns=udp/5353'], at)
  const { code, err } = await start(two, [
    'notify',
    'serve',
    '--program',
    'x=udp/9',
    '--socket',
    join(at, 'op.sock'),
    '--state',
    'none',
  ]).ended
  expect({ code, err }).toEqual({
    code: 2,
    err: `icmp: ${join(at, 'op.sock')}: another process listens there already\n`,
  })
  const file = join(at, 'file')
  writeFileSync(file, 'mine')
  const third = await start(two, ['notify', 'serve', '--program', 'x=udp/9', '--socket', file, '--state', 'none']).ended
  expect(third.err).toBe(`icmp: ${file}: there is a file of that name, and it is no socket\n`)
  expect(readFileSync(file, 'utf8')).toBe('mine')
  rmSync(file)
})
