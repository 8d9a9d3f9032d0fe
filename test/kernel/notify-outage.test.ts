/** `icmp notify serve`: how an outage is known, who is told, and who is not (issue show 3). */
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, test } from 'vitest'
import { icmp, type Running, startProgram } from './icmp-command.ts'
import { office, program, SERVER4, SERVER6, serving, told, toldSoFar, workstations } from './notified.ts'
import { needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const ECONNREFUSED = 111
const EHOSTUNREACH = 113
const EACCES = 13

describe('what ends a program', () => {
  test('killed with -9: every connected UDP socket of either family meets ECONNREFUSED', async () => {
    const { server, crowd } = office()
    const dns = await program(server, 'udp', 5353)
    const serve = await serving(server, ['--program', 'dns=udp/5353'])
    const clients = await workstations(crowd, {
      servers: [
        [SERVER4, 5353, 20, null],
        [SERVER6, 5353, 20, null],
      ],
    })
    await serve.when((s) => s.programs[0].workstations === 40)
    dns.signal('SIGKILL')
    expect(await told(clients)).toEqual({ [ECONNREFUSED]: 40 })
    const outage = await serve.event('outage')
    expect(outage).toMatchObject({
      schema: 'icmpkit.notify.v1',
      program: 'dns',
      state: 'gone',
      protocol: 'udp',
      port: 5353,
      workstations: 40,
      sent: 40,
      suppressed: {},
      rebuilt: 0,
      reason: null,
      backAt: null,
    })
    // The grace of 250 ms is part of it.
    expect(outage.detectedNs).toBeGreaterThanOrEqual(250e6)
    expect(outage.lastSentNs).toBeGreaterThanOrEqual(outage.detectedNs)
    expect((await serve.end()).sent).toBeGreaterThanOrEqual(40)
  })

  test('its socket is closed, the process lives; when it listens again it is back', async () => {
    const { server, crowd } = office()
    const dns = await program(server, 'udp', 5353)
    const serve = await serving(server, ['--program', 'dns=udp/5353', '--grace', '0', '--message', 'restarting'])
    const clients = await workstations(crowd, { servers: [[SERVER4, 5353, 3, null]] })
    await serve.when((s) => s.programs[0].workstations === 3)
    dns.signal('SIGUSR1')
    expect(await told(clients)).toEqual({ [ECONNREFUSED]: 3 })
    expect(await serve.event('outage')).toMatchObject({ state: 'gone', sent: 3, reason: 'restarting' })
    await program(server, 'udp', 5353)
    expect(await serve.event('back')).toMatchObject({ program: 'dns', state: 'gone' })
  })

  test('stopped with SIGSTOP: a probe tells that it hangs, and that it goes on', async () => {
    const { server, crowd } = office()
    const dns = await program(server, 'udp', 5353)
    const probe = 'probe=udp:ping,every=100ms,timeout=1s,failures=2'
    const serve = await serving(server, ['--program', `dns=udp/5353,${probe}`])
    const clients = await workstations(crowd, { servers: [[SERVER6, 5353, 3, null]] })
    await serve.when((s) => s.programs[0].workstations === 3)
    dns.signal('SIGSTOP')
    expect(await told(clients)).toEqual({ [ECONNREFUSED]: 3 })
    expect(await serve.event('suspect')).toMatchObject({ why: 'no answer in time' })
    const outage = await serve.event('outage')
    expect(outage).toMatchObject({ state: 'hung', workstations: 3, sent: 3 })
    // From the first answer that did not come to the second.
    expect(outage.detectedNs).toBeGreaterThan(900e6)
    dns.signal('SIGCONT')
    expect(await serve.event('back')).toMatchObject({ state: 'hung' })
  })

  test('the operator says so: at once, with his reason and when it comes back', async () => {
    const { server, crowd } = office()
    await program(server, 'udp', 5353)
    const serve = await serving(server, ['--program', 'dns=udp/5353'])
    const clients = await workstations(crowd, {
      servers: [
        [SERVER4, 5353, 3, null],
        [SERVER6, 5353, 2, null],
      ],
    })
    await serve.when((s) => s.programs[0].workstations === 5)
    const answer = await serve.ask('offline', 'dns', '--reason', 'moving house', '--back-at', '1900000000')
    expect(answer).toMatch(/^dns is offline: 5 of 5 workstations told in \d+\.\d ms\n$/)
    expect(await told(clients)).toEqual({ [ECONNREFUSED]: 5 })
    expect(await serve.event('outage')).toMatchObject({
      state: 'offline',
      reason: 'moving house',
      backAt: 1900000000,
      sent: 5,
    })
    expect(await serve.ask('back', 'dns')).toMatch(/^dns is (up|suspect)/)
    expect(await serve.event('back')).toMatchObject({ state: 'offline' })
  })
})

describe('what is none', () => {
  test('a restart within the grace tells nobody', async () => {
    const { server, crowd } = office()
    const dns = await program(server, 'udp', 5353)
    const serve = await serving(server, ['--program', 'dns=udp/5353', '--grace', '2s', '--no-repeat'])
    const clients = await workstations(crowd, { servers: [[SERVER4, 5353, 3, null]] })
    await serve.when((s) => s.programs[0].workstations === 3)
    for (let i = 1; i <= 5; i++) {
      dns.signal('SIGUSR2')
      await dns.until(new RegExp(`(restarted[^]*){${i}}`))
    }
    await serve.when((s) => s.programs[0].state === 'up')
    expect(await toldSoFar(clients)).toEqual({})
    // And it does watch: the next end is one.
    dns.signal('SIGKILL')
    expect(await told(clients)).toEqual({ [ECONNREFUSED]: 3 })
    const { outages, sent } = await serve.status()
    expect({ outages, sent }).toEqual({ outages: 1, sent: 3 })
  })

  test('of SO_REUSEPORT siblings only the last one to close is an outage', async () => {
    const { server, crowd } = office()
    const dns = await program(server, 'udp', 5353, 3)
    const serve = await serving(server, ['--program', 'dns=udp/5353', '--grace', '0'])
    const clients = await workstations(crowd, { servers: [[SERVER4, 5353, 6, null]] })
    await serve.when((s) => s.programs[0].workstations === 6)
    for (let i = 1; i <= 2; i++) {
      dns.signal('SIGUSR1')
      await dns.until(new RegExp(`(closed[^]*){${i}}`))
      // Each question goes to the one process that has heard of the socket's end before.
      expect((await serve.status()).programs[0].state).toBe('up')
    }
    expect(await toldSoFar(clients)).toEqual({})
    dns.signal('SIGUSR1')
    expect(await told(clients)).toEqual({ [ECONNREFUSED]: 6 })
    expect((await serve.event('outage')).sent).toBe(6)
    expect((await serve.end()).outages).toBe(1)
  })

  test('a program on the same port of the other protocol, or on another port, ends', async () => {
    const { server } = office()
    await program(server, 'udp', 5353)
    const other = await program(server, 'tcp', 5353)
    const third = await program(server, 'udp', 5354)
    const serve = await serving(server, ['--program', 'dns=udp/5353', '--grace', '0'])
    other.signal('SIGKILL')
    third.signal('SIGKILL')
    await Promise.all([other.ended, third.ended])
    expect((await serve.status()).programs[0].state).toBe('up')
    expect((await serve.end()).outages).toBe(0)
  })
})

test('from another namespace, with --netns: the same, probes included', async () => {
  const { server, crowd } = office()
  const dns = await program(server, 'udp', 5353)
  const words = 'dns=udp/5353,probe=udp:ping,every=100ms,timeout=1s,failures=2'
  const serve = await serving(undefined, ['--netns', server.name, '--program', words])
  const clients = await workstations(crowd, { servers: [[SERVER4, 5353, 3, null]] })
  await serve.when((s) => s.programs[0].workstations === 3)
  dns.signal('SIGSTOP')
  expect(await told(clients)).toEqual({ [ECONNREFUSED]: 3 })
  expect(await serve.event('outage')).toMatchObject({ state: 'hung', sent: 3 })
  dns.signal('SIGCONT')
  expect(await serve.event('back')).toMatchObject({ state: 'hung' })
})

test('a process that ends while another holds the port is no outage; one that is not there is told of', async () => {
  const { server } = office()
  const dns = await program(server, 'udp', 5353)
  const sleeper = startProgram(server, 'sleep', ['600'])
  const ended = startProgram(server, 'true', [])
  await ended.ended
  const other = await program(server, 'udp', 5354)
  const of = (name: string, port: number, p: Running) => [
    '--program',
    `${name}=udp/${port},pid=${p.process.pid},grace=0`,
  ]
  const args = [...of('dns', 5353, sleeper), ...of('other', 5354, ended)]
  const serve = await serving(server, args)
  const { notes } = await serve.event('ready')
  expect(notes).toEqual([expect.stringContaining(`there is no process ${ended.process.pid}`)])
  sleeper.signal('SIGKILL')
  await sleeper.ended
  // What ends behind it is an outage: the one before was looked at by then.
  other.signal('SIGKILL')
  await serve.when((s) => s.programs[1].state === 'gone')
  expect((await serve.status()).programs[0].state).toBe('up')
  dns.signal('SIGKILL')
  await serve.when((s) => s.programs[0].state === 'gone')
})

test('examples/notify.ts does it in five lines', async () => {
  const { server, crowd } = office()
  const shop = await program(server, 'udp', 5000)
  const example = fileURLToPath(new URL('../../examples/notify.ts', import.meta.url))
  const serve = startProgram(server, process.execPath, ['--conditions=@icmpkit/source', example])
  await serve.until(/^watching shop\n/)
  const clients = await workstations(crowd, { servers: [[SERVER4, 5000, 3, null]] })
  // All are known once the operator hears so.
  while (!/3 workstations known/.test((await icmp(server, ['notify', 'status'])).out));
  shop.signal('SIGKILL')
  expect(await told(clients)).toEqual({ [ECONNREFUSED]: 3 })
  await serve.until(/shop is gone - 3 of 3 told\n/)
})

test.each([
  ['port', ECONNREFUSED, ECONNREFUSED],
  ['admin', EHOSTUNREACH, EACCES],
])('--code %s is what the workstations meet', async (code, four, six) => {
  const { server, crowd } = office()
  await program(server, 'udp', 5353)
  const serve = await serving(server, ['--program', 'dns=udp/5353', '--code', code])
  const clients = await workstations(crowd, {
    servers: [
      [SERVER4, 5353, 2, null],
      [SERVER6, 5353, 2, null],
    ],
  })
  await serve.when((s) => s.programs[0].workstations === 4)
  await serve.ask('offline', 'dns')
  expect(await told(clients)).toEqual(four === six ? { [four]: 4 } : { [four]: 2, [six]: 2 })
})
