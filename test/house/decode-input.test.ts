/** What `icmp decode` is given: pipes that bring nothing, pipes that bring it octet by octet, hex text. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { unhex } from 'icmpkit/wire'
import { expect, onTestFinished, test } from 'vitest'
import { start, startProgram } from '../kernel/icmp-command.ts'

const ECHO = '4500001c000100004001f6dcc0000201c00002020800f7fd00010000'
/** Little-endian pcapng by editcap: a section, an interface of raw IP, that packet. */
const PCAPNG = unhex(
  `0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c00000001000000140000006500000000000400140000000600000` +
    `03c000000${'00'.repeat(12)}1c0000001c000000${ECHO}3c000000`,
)

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'icmpkit-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

async function named(): Promise<string> {
  const path = join(folder(), 'pipe')
  expect((await startProgram(undefined, 'mkfifo', [path]).ended).code).toBe(0)
  return path
}

/** Until it waits for what comes by `path`: its epoll has a descriptor of that. Its signals have handlers long before. */
async function reads(child: ChildProcess, path: string): Promise<void> {
  const watches = (fd: string) => {
    try {
      const watched = readFileSync(`/proc/${child.pid}/fdinfo/${fd}`, 'utf8').matchAll(/^tfd: +(\d+)/gm)
      return [...watched].some(([, n]) => readlinkSync(`/proc/${child.pid}/fd/${n}`) === path)
    } catch {
      // It was closed meanwhile.
      return false
    }
  }
  while (child.exitCode === null && child.signalCode === null) {
    if (readdirSync(`/proc/${child.pid}/fdinfo`).some(watches)) return
    await sleep(10)
  }
}

test.each([
  [['-r', 'x.pcap'], /^error: icmp decode has no -r: give the file as it is: icmp decode FILE$/m],
  [['-nn', 'x.pcap'], /^error: icmp decode has no -n: leave it out/m],
  [['-i', 'lo', '-w', 'x.pcap'], /^error: icmp decode has no -w: tcpdump -w FILE/m],
  [['--netns', 'here', ECHO], /^icmp decode: --netns says where the interface of -i is/m],
])('%j is refused with what to do instead', async (args, why) => {
  const done = await start(undefined, ['decode', ...args]).ended
  expect(done).toMatchObject({ code: 2, out: '', err: expect.stringMatching(why) })
})

test('SIGINT ends the reading of a named pipe that nobody writes to', async () => {
  const path = await named()
  const run = start(undefined, ['decode', path])
  await reads(run.process, path)
  run.signal('SIGINT')
  expect(await run.ended).toMatchObject({ code: 0, signal: null, out: '' })
})

test('SIGINT ends the reading of a pipe that stays silent', async () => {
  const path = await named()
  const run = startProgram(undefined, 'sh', ['-c', `exec 3<>"$0"; exec "$@" <&3`, path, ...command('-')])
  await reads(run.process, path)
  run.signal('SIGINT')
  expect(await run.ended).toMatchObject({ code: 0, signal: null, out: '' })
})

test('a capture that comes octet by octet is a capture', async () => {
  const child = spawn(command('-')[0]!, command('-').slice(1), { stdio: ['pipe', 'pipe', 'ignore'] })
  child.stdin.setDefaultEncoding('latin1')
  // The first of pcapng's octets is a line's end, as a text may have it.
  for (const octet of PCAPNG.subarray(0, 6)) {
    child.stdin.write(Uint8Array.of(octet))
    await sleep(30)
  }
  child.stdin.end(PCAPNG.subarray(6))
  let out = ''
  for await (const chunk of child.stdout) out += chunk
  expect(out).toMatch(/ IP 192\.0\.2\.1 > 192\.0\.2\.2: ICMP echo request, id 1, seq 0, length 8$/m)
})

test('a text with several dumped packets is as many packets', async () => {
  const path = join(folder(), 'dump.txt')
  const row = (at: number) => ECHO.slice(at * 2, at * 2 + 32).replace(/.{4}/g, '$& ')
  const packet = `12:00:00.000000 IP something\n\t0x0000:  ${row(0)}\n\t0x0010:  ${row(16)}\n`
  writeFileSync(path, packet.repeat(3))
  const { out, err, code } = await start(undefined, ['decode', '-#', path]).ended
  expect(out.match(/^ *\d+ +IP 192\.0\.2\.1 > /gm)?.map((l) => Number.parseInt(l, 10))).toEqual([1, 2, 3])
  expect(err).toMatch(/read as an IP packet.*\nicmp decode: 3 packets, 3 ICMP/)
  expect(code).toBe(0)
})

test.each([
  ['4500001', /an odd number of hex digits/],
  [ECHO.slice(0, 8), /an IP packet without ICMP, or cut before it/],
  ['no-such-file', /no such file, and no hex digits/],
])('%s is refused in words', async (input, words) => {
  expect(await start(undefined, ['decode', input]).ended).toMatchObject({
    code: 2,
    out: '',
    err: expect.stringMatching(words),
  })
})

function command(...args: string[]): string[] {
  const bin = new URL('../../packages/icmpkit/bin/icmp.js', import.meta.url).pathname
  return [process.execPath, bin, 'decode', ...args]
}
