/**
 * Show 5: the object behind the quote reaches an unprivileged program through a router that translates addresses and drops
 * what is not related, and through a stateful firewall on the workstation itself.
 */
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, test } from 'vitest'
import { nobody } from '../nobody.ts'
import { events, start, startProgram } from './icmp-command.ts'
import { seconds, sendByHand } from './notice-by-hand.ts'
import { cable, type Host, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const SCRIPT = fileURLToPath(new URL('./scripts/outages.ts', import.meta.url))
const INSIDE = { 4: '10.0.0.2', 6: 'fd00::2' } as const
const OUTSIDE = { 4: '192.0.2.1', 6: '2001:db8::1' } as const
const SERVER = { 4: '192.0.2.2', 6: '2001:db8::2' } as const
const ANY = { 4: '0.0.0.0', 6: '::' } as const
const VIA = { 4: '10.0.0.1', 6: 'fd00::1' } as const
const SECRET = '33'.repeat(32)

/** The workstation behind a router that translates, both with stateful firewalls that let in what is related alone. */
async function home(): Promise<{ inside: Host; router: Host; server: Host }> {
  const inside = host('in')
  const router = host('nat')
  const server = host('srv')
  cable(inside, router, 'eth0', 'lan')
  cable(router, server, 'wan', 'eth0')
  for (const family of [4, 6] as const) {
    const length = family === 4 ? 24 : 64
    inside.address('eth0', `${INSIDE[family]}/${length}`)
    router.address('lan', `${VIA[family]}/${length}`)
    router.address('wan', `${OUTSIDE[family]}/${length}`)
    server.address('eth0', `${SERVER[family]}/${length}`)
    inside.netlink.addRoute({ dst: ip(ANY[family]), prefixLength: 0, gateway: ip(VIA[family]) })
    router.sysctl(family === 4 ? 'ipv4.ip_forward' : 'ipv6.conf.all.forwarding', 1)
  }
  // So that the inside and the outside port are surely two.
  await rules(
    router,
    `table inet r {
      chain forward { type filter hook forward priority 0; policy drop; ct state established,related accept; iifname lan accept; }
      chain out { type nat hook postrouting priority 100; oifname wan meta l4proto udp masquerade to :7000-7999; }
    }`,
  )
  await rules(
    inside,
    `table inet f { chain in { type filter hook input priority 0; policy drop;
      ct state established,related accept; icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; }; }`,
  )
  return { inside, router, server }
}

async function rules(h: Host, text: string): Promise<void> {
  const nft = startProgram(h, 'nft', ['-f', '-'], { input: true })
  nft.process.stdin!.end(text)
  expect(await nft.ended).toMatchObject({ code: 0, err: '' })
}

test.each([4, 6] as const)(
  'the notice is read behind a NAT and two stateful firewalls, by uid 65534 and by icmp listen: IPv%i',
  async (family) => {
    const { inside, server } = await home()
    const echo = startProgram(server, '/usr/bin/python3', ['-uc', ECHO, SERVER[family]])
    await echo.until(/ready/)
    const client = startProgram(inside, process.execPath, [SCRIPT, 'udp', INSIDE[family], SERVER[family], '9000'], {
      ...nobody(),
      input: true,
    })
    await client.until(/"kind":"port"/)
    const listening = start(inside, ['listen', '--notices', '--json'])
    await listening.until(/"kind":"ready"/)
    client.process.stdin!.write('send\n')
    await client.until(/"kind":"message"/)
    const port = Number(/"port":(\d+)/.exec(client.written.out)![1])
    const [, address, seen] = /peer (\S+) (\d+)/.exec(echo.written.out)!
    expect(address).toBe(OUTSIDE[family])
    expect(Number(seen)).toBeGreaterThanOrEqual(7000)

    // What the server sees is what it quotes; the router translates the quote, and nothing behind it.
    await sendByHand(server, [
      {
        protocol: 'udp',
        local: OUTSIDE[family],
        localPort: Number(seen),
        remote: SERVER[family],
        remotePort: 9000,
        state: 3,
        seconds: seconds(),
        program: 'time',
        reason: 'moving',
        backAt: 1_900_000_000,
        workstation: { port: Number(seen), address: OUTSIDE[family] },
        key: SECRET,
      },
    ])
    await client.until(/"kind":"outage"/)
    await listening.until(/"kind":"notice"/)
    listening.signal('SIGINT')
    const end = (a: string, p: number | string) => (family === 4 ? `${a}:${p}` : `[${a}]:${p}`)
    const told = {
      program: 'time',
      state: 'offline',
      reason: 'moving',
      server: SERVER[family],
      local: end(INSIDE[family], port),
      remote: end(SERVER[family], 9000),
      trust: 'unsigned',
    }
    const outage = client.written.out.split('\n').find((line) => line.includes('"kind":"outage"'))!
    expect(JSON.parse(outage)).toMatchObject({ ...told, backAt: '2030-03-17T17:46:40.000Z' })
    const notice = events(await listening.ended).find((e) => e.kind === 'notice')
    expect(notice).toMatchObject({ ...told, process: { pid: client.process.pid }, backAt: '1900000000.000000000' })
    expect(notice.findings).toEqual(['unknown-key', 'other-workstation', 'socket', 'sender'])
    expect(notice.why).toContain(`the server sees this workstation as ${end(OUTSIDE[family], seen!)}: NAT on the way`)
  },
)

const ECHO = `
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 9000))
print('ready')
while True:
    d, a = s.recvfrom(2048)
    print('peer', a[0], a[1])
    s.sendto(d, a)`
