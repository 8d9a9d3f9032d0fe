/** What `icmp ping` does not take: targets that are traps, letters it has not, values out of range. Nothing is sent. */
import { describe, expect, test } from 'vitest'
import { openCapture } from '../../packages/icmpkit/src/os/capture-socket.ts'
import { icmp, start } from './icmp-command.ts'
import { sharedPair } from './shared-pair.ts'

const net = sharedPair()

describe('targets of those who want something else than a ping', () => {
  // npm traceroute CVE-2018-21268, systeminformation CVE-2021-21315: a shell. Here there is none to reach.
  test.each([
    [['--', '-rf'], 'is neither an address nor a host name'],
    [['--', '--pcap=/tmp/x'], 'is neither an address nor a host name'],
    [[';id'], 'is neither an address nor a host name'],
    [['192.0.2.2;id'], 'is neither an address nor a host name'],
    [['$(id)'], 'is neither an address nor a host name'],
    [['`id`'], 'is neither an address nor a host name'],
    [['192.0.2.2|id'], 'is neither an address nor a host name'],
    [['192.0.2.2\n192.0.2.3'], 'is neither an address nor a host name'],
    [['192.0.2.2 192.0.2.3'], 'is neither an address nor a host name'],
    [['a\x1b[31mb'], 'is neither an address nor a host name'],
    [[''], 'is neither an address nor a host name'],
    [['%eth0'], 'is neither an address nor a host name'],
    [['fe80::1%../../../etc/passwd'], 'names no interface here: ../../../etc/passwd'],
    [['fe80::1%eth0;id'], 'names no interface here: eth0;id'],
    [['fe80::1%'], 'names no interface here: '],
    [['fe80::1'], 'is link-local: say on which interface'],
    [['x'.repeat(300)], 'is neither an address nor a host name'],
  ])('npm traceroute CVE-2018-21268: %j', async (args, why) => {
    const done = await icmp(net.a, ['ping', '-c1', ...args])
    expect(done.code).toBe(2)
    expect(done.err).toContain(why)
    expect(done.err + done.out).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f]/)
    expect(done.out).toBe('')
  })

  // Python ipaddress CVE-2021-29921, npm netmask CVE-2021-28918 and CVE-2021-29418: octal, hex, short and padded IPv4.
  test.each([
    ...['0177.0.0.1', '010.8.8.8', '127.1', '127.0.1', '2130706433', '0x7f000001', '0x7f.0.0.1', '017700000001'],
    ...['192.0.2.02', '192.0.2.256', '192.0.2', '192.0.2.2.', '192.0.2.2.3', '00192.0.2.2', '1.2.3.4.5'],
  ])('netmask CVE-2021-28918: %s is no address and is asked of no resolver', async (target) => {
    const done = await icmp(net.a, ['ping', '-c1', target])
    expect(done.err).toContain('is not an address: write four decimal numbers without leading zeros')
    expect(done.code).toBe(2)
  })

  test.each(['::ffff:192.0.2.2', '::ffff:c000:202', '0.0.0.0', '::'])(
    '%s stands for another address: it is said which way to write it',
    async (target) => {
      const done = await icmp(net.a, ['ping', '-c1', target])
      expect(done.err).toMatch(/write it as IPv4|stands for no address/)
      expect(done.code).toBe(2)
    },
  )

  test('a NUL in a target reaches no system call', async () => {
    const { ping } = await import('../../packages/icmpkit/src/index.ts')
    const { summaries, unasked } = await ping(['192.0.2.2\0', 'fe80::1%eth0\0x'], { count: 1, netns: net.a.name }).done
    expect(unasked).toBe(2)
    expect(summaries).toMatchObject([
      { sent: 0, errors: 1 },
      { sent: 0, errors: 1 },
    ])
  })

  test('in text and in JSON a target is shown as it was given, without what a terminal obeys', async () => {
    const text = await icmp(net.a, ['ping', '-c1', 'a\x1b]0;x\x07b'])
    expect(text.err).toContain('icmp: a\\x1b]0;x\\x07b: is neither an address nor a host name')
    const json = await icmp(net.a, ['ping', '--json', '-c1', 'a\x1b]0;x\x07b'])
    expect(JSON.parse(json.out.split('\n')[0]!).target).toBe('a\x1b]0;x\x07b')
    expect(json.out).not.toContain('\x1b')
  })
})

test.each([
  ['-e', ['-e', '7'], /-e.*identifier is chosen at random/],
  ['-U', ['-U'], /-U.*--clock user/],
  ['-B', ['-B'], /-B.*-I ADDRESS/],
  ['-d', ['-d'], /-d.*-v/],
  ['-L', ['-L'], /-L.*leave it out/],
  ['-N', ['-N', 'name'], /-N.*--type nodeinfo/],
  ['-r', ['-r'], /-r.*-I INTERFACE/],
  ['-S', ['-S', '100000'], /-S.*buffers are sized by themselves/],
  ['-C', ['-C'], /-C.*leave it out/],
  ['-H', ['-H'], /-H.*getent hosts/],
])('the letter %s, which we have not, says what to use instead', async (_, args, said) => {
  const done = await icmp(net.a, ['ping', ...args, '192.0.2.2'])
  expect(done).toMatchObject({ code: 2, out: '' })
  expect(done.err).toMatch(said)
})

describe('values that cannot be meant', () => {
  test.each([
    [['-c', '0']],
    [['-c', '-1']],
    [['-c', '1.5']],
    [['-c', '99999999999999999999']],
    [['-i', 'soon']],
    [['-i', '-1']],
    [['-i', '1e3']],
    [['-i', '604801']],
    [['-W', 'x']],
    [['-W', '9223372036854775807']],
    [['-w', '4294967296000']],
    [['-s', '65528']],
    [['-s', '-1']],
    [['-s', '4294967296']],
    [['-s', '18446744073709551615']],
    [['-t', '0']],
    [['-t', '256']],
    [['-Q', '256']],
    [['-Q', '0xfff']],
    [['--dscp', 'AF99']],
    [['-l', '0']],
    [['-l', '65537']],
    [['-l', '4294967297']],
    [['-F', '100000']],
    [['-m', '4294967296']],
    [['-p', 'xyz']],
    [['-p', '0102030405060708090a0b0c0d0e0f1011']],
    [['-M', 'maybe']],
    [['-T', 'tsprespec']],
    [['-T', '1.2.3.4,1.2.3.4,1.2.3.4,1.2.3.4,1.2.3.4']],
    [['-T', 'somebody']],
    [['--type', 'mask']],
    [['--type', 'probe']],
    [['--ask', 'age']],
    [['--door', 'front']],
    [['--clock', 'cuckoo']],
    [['--rate', '0']],
    [['--budget', '0']],
    [['--no-such-option']],
    [['-4', '-6']],
    [['-A', '-f']],
    [['-R', '-T', 'tsonly']],
    [['-6', '-R']],
    [['-4', '--type', 'nodeinfo']],
    [['-I', '192.0.2.1', '-6']],
  ])('%j: exit code 2, one clear message, nothing on standard output', async (args) => {
    const done = await icmp(net.a, ['ping', ...args, '192.0.2.2'])
    expect(done).toMatchObject({ code: 2, signal: null, out: '' })
    expect(done.err).toMatch(/^(error|icmp): \S/)
    expect(done.err).not.toMatch(/\bat .*\.js:\d+/)
    expect(done.err.split('\n').length).toBeLessThanOrEqual(4)
  })

  test.each([
    ['-W', '604800'],
    ['-i', '604800'],
    ['-l', '65536'],
    ['-c', '9007199254740991'],
  ])('%s %s is as large as it may be, and works', async (flag, value) => {
    const args = flag === '-i' ? [flag, value] : [flag, value, '-i0.05']
    const run = start(net.a, ['ping', '--json', ...args, ...(flag === '-l' ? ['-c', '3'] : []), '192.0.2.2'])
    await run.until(/"kind":"reply"/)
    run.signal('SIGINT')
    expect(await run.ended).toMatchObject({ code: 0, err: '' })
  })

  test('without a target it says so', async () => {
    expect(await icmp(net.a, ['ping'])).toMatchObject({ code: 2, out: '', err: expect.stringMatching(/target/) })
  })
})

test('of all that nothing was sent: the wire is silent while targets and letters are refused', async () => {
  const socket = openCapture('eth0', { netns: net.a.namespace, icmpOnly: true })
  let sent = 0
  void socket.each((f) => {
    if (f.outgoing) sent++
  })
  for (const args of [['-e', '7', '192.0.2.2'], ['192.0.2.2;id'], ['010.8.8.8'], ['-s', '65508', '192.0.2.2']])
    await icmp(net.a, ['ping', '-c1', ...args])
  socket.read(() => {})
  socket.close()
  expect(sent).toBe(0)
})
