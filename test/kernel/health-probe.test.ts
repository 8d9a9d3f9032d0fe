/** What a health probe takes for an answer, at servers that behave in all the ways there are. */
import { beforeEach, expect, test } from 'vitest'
import { askHealth, type HealthQuestion } from '../../packages/icmpkit/src/os/health-probe.ts'
import { startProgram } from './icmp-command.ts'
import { type Host, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

/** PORT=REPLY…: what is said to whoever sends something; `-` says nothing, `|` waits between two parts. Then UDP the same. */
const SERVER = `
import socket, select, sys, time
tcp, udp, open_ = {}, {}, {}
for word in sys.argv[1:]:
    kind, port, reply = word.split('=', 2)
    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('::', int(port)))
    if kind == 'tcp': s.listen()
    (tcp if kind == 'tcp' else udp)[s] = reply.encode().decode('unicode_escape').encode()
print('up', flush=True)
while True:
    for s in select.select([*tcp, *udp, *open_], [], [])[0]:
        if s in tcp:
            c = s.accept()[0]
            open_[c] = tcp[s]
        elif s in udp:
            data, peer = s.recvfrom(1000)
            if udp[s] != b'-': s.sendto(udp[s], peer)
        else:
            reply = open_[s]
            try:
                data = s.recv(1000)
                if data and reply != b'-':
                    for part in reply.split(b'|'):
                        s.sendall(part)
                        time.sleep(0.02)
            except OSError: pass
            if not data or reply != b'-':
                del open_[s]
                s.close()`

async function serverOf(h: Host, ...words: string[]): Promise<void> {
  await startProgram(h, '/usr/bin/python3', ['-c', SERVER, ...words]).until(/up/)
}

const http: HealthQuestion = { kind: 'http', path: '/', host: 'x' }
const udp: HealthQuestion = { kind: 'udp', payload: Uint8Array.of(1) }

test('of HTTP the status counts, in however many parts it comes', async () => {
  const h = host('p')
  await serverOf(
    h,
    'tcp=81=HTTP/1.1 200 OK\\r\\n\\r\\n',
    'tcp=82=HT|TP/1.0 30|2 Found\\r\\n',
    'tcp=83=HTTP/1.1 503 Busy\\r\\n',
    'tcp=84=SSH-2.0-OpenSSH\\r\\n' + 'x'.repeat(80),
    'tcp=85=-',
    'tcp=86=',
  )
  const ask = (port: number, timeout = 20_000, address = '127.0.0.1') =>
    askHealth({ question: http, address: ip(address), port, timeout, netns: h.namespace })
  expect(await ask(81)).toBeUndefined()
  expect(await ask(81, 20_000, '::1')).toBeUndefined()
  expect(await ask(82)).toBeUndefined()
  expect(await ask(83)).toBe('HTTP status 503')
  expect(await ask(84)).toBe('no HTTP answer')
  expect(await ask(85, 200)).toBe('no answer in time')
  expect(await ask(86)).toBe('no HTTP answer')
  expect(await ask(89)).toBe('connection refused')
})

test('of UDP any datagram counts, of TCP a connection', async () => {
  const h = host('p')
  await serverOf(h, 'udp=53=x', 'udp=54=-', 'tcp=53=-')
  const ask = (question: HealthQuestion, port: number, timeout = 20_000) =>
    askHealth({ question, address: ip('127.0.0.1'), port, timeout, netns: h.namespace })
  expect(await ask(udp, 53)).toBeUndefined()
  expect(await ask(udp, 54, 200)).toBe('no answer in time')
  expect(await ask(udp, 55)).toBe('connection refused')
  expect(await ask({ kind: 'tcp' }, 53)).toBeUndefined()
  expect(await ask({ kind: 'tcp' }, 55)).toBe('connection refused')
})

test('where no way leads, the kernel’s word for it is the reason', async () => {
  const h = host('p')
  h.netlink.addRoute({ dst: ip('198.51.100.0'), prefixLength: 24, type: 'unreachable' })
  const ask = (address: string) =>
    askHealth({ question: { kind: 'tcp' }, address: ip(address), port: 80, timeout: 100, netns: h.namespace })
  expect(await ask('203.0.113.1')).toBe('ENETUNREACH')
  expect(await ask('198.51.100.1')).toBe('EHOSTUNREACH')
})

test('it says where it asks from before it asks, and leaves no connection behind when it gets no answer', async () => {
  const h = host('p')
  await serverOf(h, 'tcp=85=-')
  const ports: number[] = []
  const probe = { question: http, address: ip('127.0.0.1'), port: 85, timeout: 100, netns: h.namespace }
  for (let i = 0; i < 3; i++) await askHealth({ ...probe, from: (port) => ports.push(port) })
  expect(new Set<number>(ports).size).toBe(3)
  const left = async () => {
    const { out } = await startProgram(h, 'ss', ['-Htan', 'sport', '=', ':85']).ended
    return out.split('\n').filter((l) => l !== '' && !l.startsWith('LISTEN')).length
  }
  while ((await left()) > 0);
})
