/** Show 5: `icmp ping` of somebody without rights, and of root, who gives its rights up. */
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { nobody } from '../nobody.ts'
import { type As, events, ICMP, icmp, start, startProgram } from './icmp-command.ts'
import { needsRoot } from './testnet.ts'
import { CLIENT, NARROW_MTU, ROUTER, SERVER, type ThreeHosts, threeHosts, UNREACHABLE } from './three-hosts.ts'

let net: ThreeHosts

beforeAll(() => {
  if (process.getuid?.() === 0) net = threeHosts()
})
afterAll(() => net?.[Symbol.dispose]())
beforeEach((ctx) => needsRoot(ctx))

const NONE = '0000000000000000'

/** Of each thread, the main one first: its user and what it may do. */
function threads(pid: number): { uid: string; gid: string; effective: string; permitted: string }[] {
  const field = (status: string, name: string) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)![1]!
  return readdirSync(`/proc/${pid}/task`).map((tid) => {
    const status = readFileSync(`/proc/${pid}/task/${tid}/status`, 'utf8')
    return {
      uid: field(status, 'Uid'),
      gid: field(status, 'Gid'),
      effective: field(status, 'CapEff'),
      permitted: field(status, 'CapPrm'),
    }
  })
}

async function ping(as: As, ...args: string[]) {
  const done = await icmp(net.client, ['ping', '--json', '-c1', '-W1', ...args], as)
  return { done, all: events(done) }
}

describe('uid 65534 without capabilities, ping_group_range open', () => {
  test('has no capability to use', async () => {
    const run = start(net.client, ['ping', '-i0.05', SERVER[4]], nobody())
    await run.until(/icmp_seq=2/)
    for (const t of threads(run.process.pid!)) {
      expect(t).toMatchObject({ uid: expect.stringMatching(/^65534\b/), effective: NONE, permitted: NONE })
    }
    run.signal('SIGINT')
    expect(await run.ended).toMatchObject({ code: 0, err: '' })
  })

  describe.each([4, 6] as const)('IPv%i', (family) => {
    test('ping works, with the kernel stamps of both ways', async () => {
      const { done, all } = await ping(nobody(), '-c3', '-i0.02', SERVER[family])
      expect(done).toMatchObject({ code: 0, err: '' })
      const replies = all.filter((e) => e.kind === 'reply')
      expect(replies.map((e) => [e.from, e.seq, e.ttl, e.clock])).toEqual(
        [1, 2, 3].map((seq) => [SERVER[family], seq, 63, 'kernel-txrx']),
      )
    })

    test('errors come with the address of who sent them', async () => {
      const expired = await ping(nobody(), '-t1', SERVER[family])
      expect(expired.all[0]).toMatchObject({
        ...{ kind: 'error', from: ROUTER[family], origin: 'icmp', seq: 1, target: SERVER[family] },
        ...{ type: family === 4 ? 11 : 3, code: 0 },
      })
      const unreachable = await ping(nobody(), UNREACHABLE[family])
      expect(unreachable.all[0]).toMatchObject({ kind: 'error', from: ROUTER[family], type: family === 4 ? 3 : 1 })
      expect(unreachable.done.code).toBe(1)
      const big = await ping(nobody(), '-M', 'probe', '-s', '1380', SERVER[family])
      expect(big.all[0]).toMatchObject({ kind: 'error', from: ROUTER[family], mtu: NARROW_MTU })
    })

    test('the quote tells whom the probe was for', async () => {
      const { all } = await ping(nobody(), '-t1', SERVER[family])
      expect(all[0].quote).toMatchObject({
        ip: { src: CLIENT[family], dst: SERVER[family] },
        transport: { type: family === 4 ? 8 : 128, seq: 1 },
      })
    })
  })

  test('what needs more than a ping socket is refused, with the way to it', async () => {
    for (const args of [
      ['--type', 'timestamp', SERVER[4]],
      ['--type', 'nodeinfo', SERVER[6]],
      ['--door', 'raw-socket', SERVER[4]],
    ]) {
      const { done } = await ping(nobody(), ...args)
      expect(done).toMatchObject({ code: 2, out: '' })
      expect(done.err).toMatch(/CAP_NET_RAW/)
    }
  })

  test('a namespace that is not ours to enter is refused, and says what is wanted', async () => {
    const { code, err } = await icmp(undefined, ['ping', '-c1', '--netns', net.client.name, SERVER[4]], nobody())
    expect(code).toBe(2)
    expect(err).toMatch(/CAP_SYS_ADMIN|root/)
  })
})

describe('uid 65534, ping_group_range shut', () => {
  beforeEach(() => {
    if (net === undefined) return
    net.client.sysctl('ipv4.ping_group_range', '1 0')
    onTestFinished(() => net.client.sysctl('ipv4.ping_group_range', '0 2147483647'))
  })

  test.each([4, 6] as const)('IPv%i: the message names the sysctl and the capability, exit code 2', async (family) => {
    const { done } = await ping(nobody(), SERVER[family])
    expect(done).toMatchObject({ code: 2, out: '' })
    expect(done.err).toContain('sysctl -w net.ipv4.ping_group_range="0 2147483647"')
    expect(done.err).toContain('CAP_NET_RAW')
    // A capability on the file would be every script's.
    expect(done.err).toMatch(/AmbientCapabilities=CAP_NET_RAW.*Not by setcap on node/)
  })

  test('the cure that is named works', async () => {
    const { done } = await ping(nobody(), SERVER[4])
    const [, range] = /ping_group_range="([^"]+)"/.exec(done.err)!
    net.client.sysctl('ipv4.ping_group_range', range!)
    expect((await ping(nobody(), SERVER[4])).done.code).toBe(0)
  })

  test('root is not shut out: it takes the raw socket, and says why', async () => {
    const done = await icmp(net.client, ['ping', '-v', '-q', '-c1', SERVER[4], SERVER[6]])
    expect(done.code).toBe(0)
    expect(done.err).toMatch(/raw-socket \(IPv4\): .*the ping socket was refused/)
    expect(done.err).toMatch(/raw-socket \(IPv6\): .*the ping socket was refused/)
  })
})

describe('root', () => {
  test.each([
    ['by the ping socket', []],
    ['by the raw socket', ['--door', 'raw-socket']],
    ['with a mark, which needed CAP_NET_ADMIN', ['-m', '1']],
    ['with a capture file', ['--pcap', '/dev/null']],
  ])('keeps no capability in any thread once its doors are open, %s', async (_, args) => {
    const run = start(net.client, ['ping', '-i0.05', ...args, SERVER[4], SERVER[6]])
    await run.until(/from fd66:2::1: icmp_seq=3/)
    const all = threads(run.process.pid!)
    expect(all.length).toBeGreaterThan(4)
    for (const t of all) {
      expect(t).toMatchObject({ uid: '65534\t65534\t65534\t65534', effective: NONE, permitted: NONE })
    }
    const before = run.written.out.length
    await run.until(/from fd66:2::1: icmp_seq=6/)
    expect(run.written.out.length).toBeGreaterThan(before)
    run.signal('SIGINT')
    expect((await run.ended).code).toBe(0)
  })

  test('inside a namespace that it entered for the doors alone, it keeps none either', async () => {
    const run = start(undefined, ['ping', '-i0.05', '--netns', net.client.name, SERVER[4]])
    await run.until(/icmp_seq=3/)
    for (const t of threads(run.process.pid!)) expect([t.effective, t.permitted]).toEqual([NONE, NONE])
    run.signal('SIGINT')
    expect((await run.ended).code).toBe(0)
  })

  test('under sudo it becomes the user who called', async () => {
    const run = start(net.client, ['ping', '-i0.05', SERVER[4]], { env: { SUDO_UID: '12345', SUDO_GID: '12346' } })
    await run.until(/icmp_seq=2/)
    for (const t of threads(run.process.pid!)) {
      expect(t).toMatchObject({ uid: '12345\t12345\t12345\t12345', effective: NONE, permitted: NONE })
    }
    run.signal('SIGINT')
    await run.ended
  })

  test('a capability without uid 0 is dropped where it can be, and it is said that other threads keep theirs', async (ctx) => {
    const caps = ['--inh-caps', '-all,+net_raw', '--ambient-caps', '-all,+net_raw', '--bounding-set', '-all,+net_raw']
    const { uid, gid } = nobody()
    const who = ['--reuid', `${uid}`, '--regid', `${gid}`, '--clear-groups', ...caps]
    const command = [...who, process.execPath, ICMP, 'ping', '-v', '-q', '-c1', '--door', 'raw-socket', SERVER[4]]
    const done = await startProgram(net.client, 'setpriv', command).ended.catch(() =>
      ctx.skip('skipped, because setpriv is not installed (apt-get install util-linux)'),
    )
    expect(done.code).toBe(0)
    expect(done.err).toMatch(/rights: capabilities dropped in this thread/)
    expect(done.err).toMatch(/rights: \d+ of \d+ threads keep theirs/)
  })
})

describe('root whom the system does not let go', () => {
  const without = (caps: string, groups = '--clear-groups') => [
    'setpriv',
    groups,
    '--inh-caps',
    caps,
    '--bounding-set',
    caps,
  ]
  const noUser = 'keeps uid 0: setuid: EPERM, this process has no CAP_SETUID'
  const noGroup = 'keeps gid 0: setgid: EPERM, this process has no CAP_SETGID'
  const ofThread = 'capabilities dropped in this thread'

  interface Circumstance {
    what: string
    by: string[]
    says: string[]
    uid: number
    gid: number
  }

  describe.each<Circumstance>([
    {
      what: 'without CAP_SETUID and CAP_SETGID',
      by: without('-setuid,-setgid'),
      says: [ofThread, noGroup, noUser],
      uid: 0,
      gid: 0,
    },
    {
      what: 'without CAP_SETUID',
      by: without('-setuid'),
      says: ['now gid 65534 in all threads', ofThread, noUser],
      uid: 0,
      gid: 65534,
    },
    {
      what: 'without CAP_SETGID',
      by: without('-setgid'),
      says: ['now uid 65534 in all threads', noGroup],
      uid: 65534,
      gid: 0,
    },
    {
      what: 'in groups that it may not leave',
      by: without('-setuid,-setgid', '--groups=4,27'),
      says: [ofThread, 'keeps its groups 4 27: setgroups: EPERM, this process has no CAP_SETGID', noGroup, noUser],
      uid: 0,
      gid: 0,
    },
    {
      what: 'of a user namespace that has one user',
      by: ['setpriv', '--clear-groups', 'unshare', '--map-root-user'],
      says: [
        ofThread,
        'keeps gid 0: setgid: EINVAL, this user namespace has no group 65534',
        'keeps uid 0: setuid: EINVAL, this user namespace has no user 65534',
      ],
      uid: 0,
      gid: 0,
    },
  ])('$what', ({ by: [tool, ...how], says, uid, gid }) => {
    beforeEach(async (ctx) => {
      const tried = await startProgram(undefined, tool!, [...how, 'true']).ended.catch(() =>
        ctx.skip(`skipped, because ${tool} is not installed (apt-get install util-linux)`),
      )
      if (tried.code !== 0)
        ctx.skip(
          `skipped, because ${tried.err.trim()} (all of root's rights are needed, and: sysctl -w user.max_user_namespaces=10000)`,
        )
    })
    const begin = (...args: string[]) =>
      startProgram(net.client, tool!, [...how, process.execPath, ICMP, 'ping', ...args, SERVER[4], SERVER[6]])

    test('ping works all the same, gives up what it can, and counts right which threads keep theirs', async () => {
      const run = begin('-v', '-i0.05')
      await run.until(/from fd66:2::1: icmp_seq=3/)
      const all = threads(run.process.pid!)
      expect(all.length).toBeGreaterThan(4)
      for (const t of all)
        expect(t).toMatchObject({ uid: Array(4).fill(uid).join('\t'), gid: Array(4).fill(gid).join('\t') })
      const holding = all.filter((t) => t.effective !== NONE || t.permitted !== NONE)
      expect(all[0]).toMatchObject({ effective: NONE, permitted: NONE })
      const [, told] = /(\d+) of \d+ threads keep theirs/.exec(run.written.err) ?? []
      expect(holding).toHaveLength(Number(told ?? 0))
      run.signal('SIGINT')
      expect((await run.ended).code).toBe(0)
    })

    test('-v says once what it did, what it keeps, and why', async () => {
      const { code, err } = await begin('-v', '-q', '-c1').ended
      expect(code).toBe(0)
      const said = err.split('\n').flatMap((line) => /^icmp: rights: (.*)$/.exec(line)?.[1] ?? [])
      const others = /^\d+ of \d+ threads keep theirs: the system drops them for one thread at a time$/
      expect(said).toEqual([...says, ...(uid === 0 ? [expect.stringMatching(others)] : [])])
    })

    test('without -v nothing stands on standard error, and --json has its events', async () => {
      const done = await begin('--json', '-c1').ended
      expect(done).toMatchObject({ code: 0, err: '' })
      expect(events(done).at(-1)).toMatchObject({ kind: 'total', answered: 2 })
    })
  })
})
