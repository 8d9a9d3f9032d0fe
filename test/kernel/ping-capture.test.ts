/** `icmp ping --pcap`: what tshark reads in the file is what a capture on the interface saw; a full disk stops no ping. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { openCapture } from '../../packages/icmpkit/src/os/capture-socket.ts'
import { hex } from '../../packages/icmpkit/src/wire/octets.ts'
import { error, hostile } from './hostile-host.ts'
import { events, icmp, start } from './icmp-command.ts'
import { sharedPair } from './shared-pair.ts'

const net = sharedPair()

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'icmpkit-pcap-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'ping.pcapng')
}

function tshark(ctx: TestContext, file: string, ...fields: string[]): string[][] {
  const args = ['-r', file, '-n', '-T', 'fields', '-E', 'occurrence=f', ...fields.flatMap((f) => ['-e', f])]
  const { stdout, error } = spawnSync('tshark', args, { encoding: 'utf8' })
  if (error !== undefined) ctx.skip('skipped, because tshark is not installed (apt-get install tshark)')
  return stdout
    .replace(/\n$/, '')
    .split('\n')
    .map((l) => l.split('\t'))
}

describe.each(['ping-socket', 'raw-socket'])('%s', (door) => {
  test('the packets are those on the wire: ICMP octets, addresses, and moments to the microsecond', async (ctx) => {
    const file = scratch()
    const socket = openCapture('eth0', { netns: net.a.namespace, icmpOnly: true })
    const wire: { icmp: string; seconds: number }[] = []
    void socket.each((f) => {
      const ip = f.at + 14
      const at = f.bytes[ip]! >> 4 === 4 ? ip + 20 : ip + 40
      if (![0, 8, 128, 129].includes(f.bytes[at]!)) return
      wire.push({ icmp: hex(f.bytes, at, f.end), seconds: f.seconds + f.nanoseconds / 1e9 })
    })
    const done = await icmp(net.a, [
      ...['ping', '--json', '--door', door, '--pcap', file, '-c3', '-i0.03', '192.0.2.2', '2001:db8::2'],
    ])
    while (wire.length < 12) await delay(1)
    await delay(40)
    socket.close()
    expect(done).toMatchObject({ code: 0, err: '' })
    const seen = tshark(
      ctx,
      file,
      ...[
        'frame.time_epoch',
        'ip.src',
        'ipv6.src',
        'icmp.type',
        'icmpv6.type',
        'icmp.seq',
        'icmpv6.echo.sequence_number',
      ],
      ...['icmp.checksum.status', 'icmpv6.checksum.status', '_ws.malformed'],
    )
    expect(seen).toHaveLength(12)
    expect(wire).toHaveLength(12)
    expect(seen.filter((p) => p[9] !== '')).toEqual([])
    // 1 is tshark's "good".
    expect(new Set(seen.map((p) => p[7] || p[8]))).toEqual(new Set(['1']))
    // 2001:db8::1 or ::10, as the kernel chooses.
    for (const [source, type, column] of [
      ['192.0.2.1', '8', 3],
      ['192.0.2.2', '0', 3],
      ['2001:db8::1', '128', 4],
      ['2001:db8::2', '129', 4],
    ] as const) {
      const packets = seen.filter((p) => (p[1] || p[2])!.startsWith(source))
      expect(packets.map((p) => [p[column], p[5] || p[6]])).toEqual(['1', '2', '3'].map((seq) => [type, seq]))
    }
    const recorded = pcapngPackets(readFileSync(file))
    expect(recorded.map((p) => p.icmp).sort()).toEqual(wire.map((p) => p.icmp).sort())
    const replies = events(done).filter((e) => e.kind === 'reply')
    for (const { time } of replies) expect(seen.some((p) => Math.abs(Number(p[0]) - Number(time)) < 2e-6)).toBe(true)
  })

  test('an error is in it with what it quotes', async (ctx) => {
    await hostile(net.b, 4, (q) => [{ after: 0, packet: error(q, 3, 13) }])
    const file = scratch()
    await icmp(net.a, ['ping', '-q', '--door', door, '--pcap', file, '-c1', '192.0.2.2'])
    expect(tshark(ctx, file, 'ip.src', 'icmp.type', 'icmp.code', 'icmp.checksum.status')).toEqual([
      ['192.0.2.1', '8', '0', '1'],
      ['192.0.2.2', '3', '13', '1'],
    ])
  })
})

/** The ICMP octets of each packet block; raw IP, as `--pcap` writes. */
function pcapngPackets(file: Uint8Array): { icmp: string }[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length)
  const packets: { icmp: string }[] = []
  for (let at = 0; at < file.length; at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) !== 6) continue
    const data = at + 28
    const end = data + view.getUint32(at + 20, true)
    packets.push({ icmp: hex(file, data + (file[data]! >> 4 === 4 ? (file[data]! & 15) * 4 : 40), end) })
  }
  return packets
}

test('each packet says which way it went, and whether its IP header is the one of the wire', async (ctx) => {
  for (const [door, header] of [
    ['ping-socket', '; the IP header is rebuilt from what the kernel told'],
    ['raw-socket', ''],
  ] as const) {
    const file = scratch()
    await icmp(net.a, ['ping', '-q', '--door', door, '--pcap', file, '-c1', '192.0.2.2'])
    const comments = tshark(ctx, file, 'frame.comment').map(([c]) => c)
    expect(comments).toEqual(['sent; the IP header is rebuilt from what the kernel told', `received${header}`])
  }
})

test('a full disk is said once, and the ping goes on; what was asked for did not happen, so the exit code is 2', async () => {
  const done = await icmp(net.a, ['ping', '--pcap', '/dev/full', '-c3', '-i0.02', '192.0.2.2'])
  expect(done.err).toMatch(/^icmp: \/dev\/full: ENOSPC.*; the capture ends here, the ping goes on\n$/)
  expect(done.out).toContain('3 packets transmitted, 3 received')
  expect(done.code).toBe(2)
})

test('a disk that is full from the start on stops no long ping', async () => {
  const done = await icmp(net.a, ['ping', '-q', '--pcap', '/dev/full', '-s', '9000', '-A', '-c60', '192.0.2.2'])
  expect(done.err.match(/the capture ends here/g)).toHaveLength(1)
  expect(done.out).toContain('60 packets transmitted, 60 received')
})

test('a file that cannot be made is said before anything is sent', async () => {
  const done = await icmp(net.a, ['ping', '--pcap', '/no/such/folder/x', '-c1', '192.0.2.2'])
  expect(done).toMatchObject({ code: 2, out: '' })
  expect(done.err).toMatch(/ENOENT.*\/no\/such\/folder\/x/)
})

test.for(['SIGINT', 'SIGHUP'] as const)('a ping that %s ends leaves a whole file', async (signal, ctx) => {
  const file = scratch()
  const run = start(net.a, ['ping', '--pcap', file, '-i0.02', '192.0.2.2'])
  await run.until(/icmp_seq=3/)
  run.signal(signal)
  expect((await run.ended).code).toBe(0)
  expect(statSync(file).size).toBeGreaterThan(100)
  const types = tshark(ctx, file, 'icmp.type').map(([t]) => t)
  const [asked, answered] = ['8', '0'].map((type) => types.filter((t) => t === type).length) as [number, number]
  expect(answered).toBeGreaterThanOrEqual(3)
  // The answer to the last one may have been on its way.
  expect([0, 1]).toContain(asked - answered)
  expect(types).toHaveLength(asked + answered)
})
