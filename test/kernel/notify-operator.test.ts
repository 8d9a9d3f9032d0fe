/** The operator's side of `icmp notify`: commands, counters, files, keys, signals, rights (issue: "On the server"). */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { parseKeys } from '../../packages/icmpkit/src/runs/notices/keys.ts'
import { outageObject } from '../../packages/icmpkit/src/wire/index.ts'
import { nobody } from '../nobody.ts'
import { icmp, start, startProgram } from './icmp-command.ts'
import { office, place, program, ruleset, SERVER4, SERVER6, serving, told, workstations } from './notified.ts'
import { host, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const ECONNREFUSED = 111
const EHOSTUNREACH = 113

describe('commands', () => {
  test('status is a table for people, or one JSON object', async () => {
    const { server, crowd } = office()
    await program(server, 'udp', 5353)
    const serve = await serving(server, ['--program', 'dns=udp/5353', '--program', 'web=tcp/8080,grace=0'])
    await workstations(crowd, { servers: [[SERVER4, 5353, 3, null]] })
    await serve.when((s) => s.heard === 9 && s.programs[0].workstations === 3 && s.programs[1].state === 'gone')
    const text = await serve.ask('status')
    expect(text).toMatch(/^dns \(udp\/5353\): up, 3 workstations known\nweb \(tcp\/8080\): gone for \d+\.\d s\n/)
    expect(text).toMatch(/^ *9 {2}datagrams of workstations seen$/m)
    expect(await serve.status()).toMatchObject({
      schema: 'icmpkit.notify.v1',
      kind: 'status',
      programs: [
        { program: 'dns', protocol: 'udp', port: 5353, state: 'up', downMs: null },
        { program: 'web', protocol: 'tcp', port: 8080, state: 'gone' },
      ],
    })
  })

  test.each([
    [['offline', 'mail'], 1, "icmp: there is no program 'mail'; there is dns\n"],
    [['offline', 'dns', '--reason', 'x'.repeat(65)], 1, 'icmp: a reason is at most 64 octets'],
    [['offline', 'dns', '--reason', '\u001b[31mred'], 1, 'this one has a control character in it'],
    [['offline', 'dns', '--back-at', 'soon'], 2, 'a time is wanted'],
    [['drain', 'dns', '--back-at', '2020-01-01'], 1, 'icmp: back at 2020-01-01T00:00:00Z: it is 20'],
    [['back', 'mail'], 1, "icmp: there is no program 'mail'; there is dns\n"],
  ])('%j is refused with exit code %i', async (words, code, why) => {
    const server = host('srv')
    const serve = await serving(server, ['--program', 'dns=udp/5353'])
    const e = await icmp(undefined, ['notify', ...words, '--socket', serve.socket])
    expect({ code: e.code, out: e.out }).toEqual({ code, out: '' })
    expect(e.err).toContain(why)
  })

  test('where nobody serves, that is said in a line; another user may not ask', async () => {
    const server = host('srv')
    const none = await icmp(server, ['notify', 'status'])
    expect(none.code).toBe(2)
    expect(none.err).toMatch(/^icmp: no icmp notify serve listens at \/run\/icmpkit\/notify-\d+\.sock: .*\n$/)
    const serve = await serving(server, ['--program', 'dns=udp/5353'])
    expect(statSync(serve.socket).mode & 0o777).toBe(0o600)
    const other = await icmp(undefined, ['notify', 'status', '--socket', serve.socket], nobody())
    expect(other).toMatchObject({ code: 2, out: '' })
    expect(other.err).toMatch(/only the user who runs icmp notify serve may ask it/)
  })

  test('by default the operator finds the one of his network namespace, or of the one that he names', async () => {
    const server = host('srv')
    const serve = start(server, ['notify', 'serve', '--program', 'dns=udp/5353', '--state', 'none'])
    await serve.until(/watching/)
    const here = await icmp(server, ['notify', 'status'])
    const there = await icmp(undefined, ['notify', 'status', '--netns', server.name])
    for (const e of [here, there]) expect(e.out).toMatch(/^dns \(udp\/5353\)/)
    serve.signal('SIGINT')
    expect(await serve.ended).toMatchObject({ code: 0, err: '' })
  })

  test('garbage on the socket is answered with a line, and the next line is served', async () => {
    const server = host('srv')
    const serve = await serving(server, ['--program', 'dns=udp/5353'])
    const script = `
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.sendall(b'garbage\\n[]\\n{"do":"fly"}\\n{"do":"offline"}\\n{"do":"offline","program":"dns","backAt":"x"}\\n{"do":"status"}\\n')
f = s.makefile()
for _ in range(6): print(f.readline(), end='')
s.sendall(b'x' * 10000)
print(f.readline(), end='')`
    const { out } = await startProgram(undefined, '/usr/bin/python3', ['-c', script, serve.socket]).ended
    const answers = out
      .trim()
      .split('\n')
      .map((l) => JSON.parse(l))
    expect(answers.map((a) => a.ok)).toEqual([false, false, false, false, false, true, false])
    expect(answers[4].why).toBe('backAt: seconds since 1970 are expected')
  })
})

test('counters as Prometheus reads them, from the command and over HTTP', async () => {
  const { server, crowd } = office()
  await program(server, 'udp', 5353)
  const serve = await serving(server, ['--program', 'd"s=udp/5353', '--metrics', '127.0.0.1:9100'])
  await workstations(crowd, { servers: [[SERVER4, 5353, 3, null]] })
  await serve.when((s) => s.heard === 9 && s.programs[0].workstations === 3)
  await serve.ask('offline', 'd"s')
  await serve.event('outage')
  const page = await serve.ask('status', '--prometheus')
  const labels = '{program="d\\"s",protocol="udp",port="5353"'
  expect(page).toContain(`icmp_notify_up${labels}} 0\n`)
  expect(page).toContain(`icmp_notify_state${labels},state="offline"} 1\n`)
  expect(page).toContain(`icmp_notify_workstations${labels}} 3\n`)
  expect(page).toContain('icmp_notify_outages_total 1\n')
  expect(page).toContain('icmp_notify_datagrams_total{direction="in"} 9\n')
  // Each line of the text format: a comment, or a name, labels and a number.
  for (const line of page.trimEnd().split('\n'))
    expect(line).toMatch(/^(# (HELP|TYPE) \w+ .+|\w+(\{.*\})? \d+(\.\d+)?)$/)
  const got = await startProgram(server, '/usr/bin/python3', ['-c', GET, 'http://127.0.0.1:9100/metrics']).ended
  expect(got.err).toBe('')
  expect(got.out).toContain('icmp_notify_outages_total 1\n')
})

const GET = `
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1]).read().decode(), end='')`

describe('the file of programs', () => {
  test('SIGHUP: programs come and go, those that stay keep their workstations and take the new words', async () => {
    const { server, crowd } = office()
    const dns = await program(server, 'udp', 5353)
    for (const port of [81, 82]) await program(server, 'tcp', port)
    const at = place()
    const file = join(at, 'notify.yaml')
    writeFileSync(file, 'programs:\n  dns: udp/5353\n  old: { protocol: tcp, port: 81 }\n')
    const serve = await serving(server, ['--config', file], at)
    const clients = await workstations(crowd, {
      servers: [
        [SERVER4, 5353, 3, null],
        [SERVER6, 5353, 1, null],
      ],
    })
    await serve.when((s) => s.programs[0].workstations === 4)
    writeFileSync(
      file,
      'programs:\n  dns: { protocol: udp, port: 5353, message: gone fishing, back-in: 1h, grace: 0s }\n  new: tcp/82\n',
    )
    serve.signal('SIGHUP')
    await serve.untilError(/notify\.yaml: read anew\n/)
    const { programs } = await serve.status()
    expect(programs.map((p: { program: string; workstations: number }) => [p.program, p.workstations])).toEqual([
      ['dns', 4],
      ['new', 0],
    ])
    writeFileSync(file, 'programs:\n  dns: { protocol: udp, port: 53a }\n')
    serve.signal('SIGHUP')
    await serve.untilError(/notify\.yaml:2:\d+: dns: port: expected a number; everything stays as it was\n/)
    writeFileSync(file, 'programs: {}')
    serve.signal('SIGHUP')
    await serve.untilError(/no program to watch.*; everything stays as it was\n/)
    dns.signal('SIGKILL')
    expect(await told(clients)).toEqual({ [ECONNREFUSED]: 4 })
    const outage = await serve.event('outage')
    expect(outage).toMatchObject({ program: 'dns', sent: 4, reason: 'gone fishing' })
    expect(outage.backAt - Number(outage.time)).toBeGreaterThan(3590)
  })

  test.each([
    ['programs: 5', ':1:1: programs: expected names'],
    ['prorams: {}', ':1:1: prorams: no such key'],
    ['programs:\n  dns: udp', ':2:3: dns: expected udp/PORT, tcp/PORT or'],
    ['programs:\n  dns: { protocol: udp, port: 53, graze: 1s }', ':2:35: graze: no such key'],
    ['programs:\n  dns: { protocol: udp, port: 53, probe: "http:/" }', 'a probe by http asks no program of udp'],
    ['programs:\n  dns: { protocol: udp, port: 53, every: 1s }', ':2:35: say probe=… first'],
    ['programs:\n  a: udp/53\n  b: udp/53', "udp/53 is another program's already"],
    ['programs: {}', 'no program to watch'],
  ])('%j is one line that says what is wrong', async (text, why) => {
    const file = join(place(), 'notify.yaml')
    writeFileSync(file, text)
    const { code, out, err } = await icmp(host('srv'), ['notify', 'serve', '--config', file, '--state', 'none'])
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err.trimEnd().split('\n')).toHaveLength(1)
    expect(err).toContain(why)
  })
})

describe('a key', () => {
  test.each(['ed25519', 'hmac'] as const)(
    'of %s signs every notice; a workstation without rights reads and verifies it',
    async (algorithm) => {
      const { server, crowd } = office()
      const dns = await program(server, 'udp', 5353)
      const file = join(place(), 'key')
      const made = await icmp(undefined, ['notify', 'key', file, '--algorithm', algorithm, '--who', 'test'])
      expect(made.code).toBe(0)
      expect(statSync(file).mode & 0o777).toBe(0o600)
      const serve = await serving(server, ['--program', 'dns=udp/5353', '--key', file, '--message', 'maintenance'])
      const [key] = parseKeys(readFileSync(algorithm === 'ed25519' ? `${file}.pub` : file, 'utf8'))
      const reader = startProgram(crowd, '/usr/bin/python3', ['-c', READ, SERVER4], nobody())
      await reader.until(/ready/)
      await serve.when((s) => s.programs[0].workstations === 1)
      dns.signal('SIGKILL')
      await reader.until(/object (\w+)\n/)
      const payload = Buffer.from(/object (\w+)\n/.exec(reader.written.out)![1]!, 'hex')
      const object = outageObject.parse(payload)
      if (object.kind === 'malformed') throw new Error(object.why)
      expect(object).toMatchObject({ program: 'dns', reason: 'maintenance', state: outageObject.State.gone })
      const { signature } = object
      expect(Buffer.from(signature!.keyId)).toEqual(Buffer.from(key!.id))
      const signed = outageObject.signedOctets(payload)
      expect(key!.verify(signed, signature!.octets)).toBe(true)
      signed[signed.length - 1]! ^= 1
      expect(key!.verify(signed, signature!.octets)).toBe(false)
      expect((await serve.event('ready')).key).toBe(Buffer.from(key!.id).toString('hex'))
    },
  )

  test('that others can read, or that cannot sign, is refused', async () => {
    const file = join(place(), 'key')
    await icmp(undefined, ['notify', 'key', file])
    const serve = (key: string) => icmp(undefined, ['notify', 'serve', '--program', 'd=udp/5353', '--key', key])
    expect((await serve(`${file}.pub`)).err).toContain('no secret in it that could sign')
    chmodSync(file, 0o644)
    expect((await serve(file)).err).toContain('chmod 600')
    expect((await icmp(undefined, ['notify', 'key', file])).err).toContain('EEXIST')
  })
})

/** An ordinary program: three exchanges, then the error queue with its RFC 4884 extension. */
const READ = `
import socket, struct, sys, select
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_IP, 11, 1)
s.setsockopt(socket.SOL_IP, 26, 1)
s.connect((sys.argv[1], 5353))
for _ in range(3):
    s.send(b'x' * 100); s.recv(100)
print('ready', flush=True)
poll = select.poll()
poll.register(s, 0)
poll.poll()
data, control, _, _ = s.recvmsg(2000, 2000, socket.MSG_ERRQUEUE)
for level, kind, octets in control:
    if (level, kind) == (socket.SOL_IP, 11):
        at, flags = struct.unpack_from('HB', octets, 12)
        structure = data[at:]
        length = struct.unpack('!H', structure[4:6])[0]
        print('object', structure[8:4 + length].hex(), flush=True)`

test('a drain of UDP: known workstations are served on, new ones are refused, afterwards all are served', async () => {
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
  await serve.ask('drain', 'dns')
  // A real filter, so that is what they are told.
  expect(await told(clients)).toEqual({ [EHOSTUNREACH]: 3, 13: 2 })
  expect(await ruleset(server)).toContain('reject')
  const ask = (address: string) => startProgram(crowd, '/usr/bin/python3', ['-c', ASK, address]).ended
  expect((await ask(SERVER4)).out).toBe(`refused ${EHOSTUNREACH}\n`)
  expect((await ask(SERVER6)).out).toBe('refused 13\n')
  const before = (await serve.status()).answered
  clients.signal('SIGUSR2')
  await clients.until(/sent/)
  await serve.when((s) => s.answered >= before + 5)
  await serve.ask('back', 'dns')
  expect((await ask(SERVER4)).out).toBe('served\n')
  expect(await ruleset(server)).not.toContain('reject')
})

const ASK = `
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], 5353))
s.send(b'x')
try:
    s.recv(10)
    print('served')
except OSError as e:
    print('refused', e.errno)`

test('without rights it says which are missing, and leaves nothing behind', async () => {
  const server = host('srv')
  const at = place()
  chmodSync(at, 0o777)
  const { code, out, err } = await start(
    server,
    ['notify', 'serve', '--program', 'dns=udp/5353', '--socket', 'none', '--state', 'none'],
    { ...nobody(), env: { XDG_RUNTIME_DIR: at } },
  ).ended
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toMatch(/CAP_NET_RAW/)
  expect(readdirSync(join(at, 'icmpkit'))).toEqual([])
})

test('files of ours go where systemd or the user says, and into no directory that others may write to', async () => {
  const server = host('srv')
  const at = place()
  chmodSync(at, 0o777)
  const serve = (env: Record<string, string>) =>
    start(server, ['notify', 'serve', '--program', 'dns=udp/5353'], { ...nobody(), env }).ended
  const theirs = join(at, 'icmpkit')
  mkdirSync(theirs)
  expect(await serve({ XDG_RUNTIME_DIR: at })).toMatchObject({ code: 2, err: /^icmp: .*icmpkit belongs to user 0/ })
  expect(readdirSync(theirs)).toEqual([])
  chownSync(theirs, nobody().uid, nobody().gid)
  chmodSync(theirs, 0o777)
  expect((await serve({ XDG_RUNTIME_DIR: at })).err).toMatch(/others may write to it/)
  // Where it may work the next thing that is missing is the right to.
  const runtime = join(at, 'of-service')
  expect((await serve({ RUNTIME_DIRECTORY: `${runtime}:/other`, XDG_RUNTIME_DIR: at })).err).toMatch(/CAP_NET_RAW/)
  expect(existsSync(runtime)).toBe(true)
  const file = join(at, 'file')
  writeFileSync(file, '')
  expect((await serve({ XDG_RUNTIME_DIR: file })).err).toMatch(/cannot be made .*RuntimeDirectory=/)
})

test('the operator hears how many were told, and that nobody is told twice', async () => {
  const { server, crowd } = office()
  await program(server, 'udp', 5353)
  const serve = await serving(server, ['--program', 'dns=udp/5353'])
  const clients = await workstations(crowd, { servers: [[SERVER4, 5353, 3, null]] })
  await serve.when((s) => s.programs[0].workstations === 3)
  expect(await serve.ask('offline', 'dns')).toMatch(/^dns is offline: 3 of 3 workstations told in \d+\.\d ms\n$/)
  expect(await told(clients)).toEqual({ [ECONNREFUSED]: 3 })
  const again = JSON.parse(await serve.ask('offline', 'dns', '--reason', 'a new disk', '--json'))
  expect(again).toMatchObject({ outage: null, programs: [{ reason: 'a new disk' }] })
  expect(await serve.ask('offline', 'dns')).toContain('nobody is told twice')
  await serve.ask('back', 'dns')
  const drained = JSON.parse(await serve.ask('drain', 'dns', '--json'))
  expect(drained.outage).toMatchObject({ state: 'draining', workstations: 3, sent: 0, suppressed: { recent: 3 } })
})

test('with --drop-rights it tells as before, as nobody; a drain tells, and says that it refuses nobody', async () => {
  const { server, crowd } = office()
  const dns = await program(server, 'udp', 5353)
  const args = ['--program', 'dns=udp/5353', '--program', 'web=tcp/8080', '--drop-rights', '--state', 'none']
  const serve = await serving(server, args)
  const { notes } = await serve.event('ready')
  expect(notes[0]).toBe('rights: now uid 65534, gid 65534 in all threads')
  expect(readFileSync(`/proc/${serve.process.pid}/status`, 'utf8')).toMatch(/^Uid:\t65534\t65534\t65534\t65534$/m)
  const clients = await workstations(crowd, { servers: [[SERVER4, 5353, 3, null]] })
  await serve.when((s) => s.programs[0].workstations === 3)
  await serve.ask('drain', 'web')
  await serve.untilError(/^icmp: program web: .*EPERM.*\n/)
  dns.signal('SIGKILL')
  expect(await told(clients)).toEqual({ [ECONNREFUSED]: 3 })
  serve.signal('SIGINT')
  expect((await serve.ended).code).toBe(0)
})

test('its lines are for people, SIGQUIT shows the counters so far, Ctrl-C the last ones', async () => {
  const { server, crowd } = office()
  const dns = await program(server, 'udp', 5353)
  const serve = start(server, ['notify', 'serve', '--program', 'dns=udp/5353', '--state', 'none'])
  await serve.until(/^watching; operator: \S+; notices are unsigned\n {2}dns \(udp\/5353\): up\n/)
  const clients = await workstations(crowd, { servers: [[SERVER4, 5353, 3, null]] })
  const known = /3 workstations known[\s\S]*^ *9 {2}datagrams of workstations seen$/m
  while (!known.test((await icmp(server, ['notify', 'status'])).out));
  dns.signal('SIGKILL')
  await told(clients)
  await serve.until(/dns is gone: 3 of 3 workstations told in \d+\.\d ms, known after \d+\.\d ms\n/)
  serve.signal('SIGQUIT')
  await serve.untilError(/^ *9 {2}datagrams of workstations seen$/m)
  serve.signal('SIGINT')
  const { code, out } = await serve.ended
  expect(code).toBe(0)
  expect(out).toMatch(/\n *1 {2}outages\n/)
})
