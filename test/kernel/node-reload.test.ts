/** SIGHUP: `icmp gateway --config FILE` reads its file anew; what is wrong in it changes nothing. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { type Running, start, startProgram } from './icmp-command.ts'
import { cable, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

async function routed(route: string) {
  const directory = mkdtempSync(join(tmpdir(), 'icmp-reload-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'router.yaml')
  const write = (text: string) => writeFileSync(file, text)
  const linux = host('rl')
  const ours = host('ro')
  cable(linux, ours)
  linux.address('eth0', '192.0.2.1/24')
  linux.netlink.addRoute({ dst: ip('0.0.0.0'), prefixLength: 0, gateway: ip('192.0.2.254') })
  write(`ports: { eth0: 192.0.2.254/24 }\nroutes: { 203.0.113.0/24: ${route} }\n`)
  const running = start(ours, ['gateway', '--config', file, '--conflict-check', 'fast', '--json'])
  await running.until(/"kind":"ready"/)
  const ping = async (to: string, wait = '60') =>
    (await startProgram(linux, 'ping', ['-n', '-c', '1', '-W', wait, to]).ended).out
  return { write, running, ping, linux }
}

/** Sends SIGHUP and waits for what the command says of it. */
async function reload(running: Running, said: RegExp): Promise<void> {
  running.signal('SIGHUP')
  while (!said.test(running.written.err)) await new Promise((r) => setTimeout(r, 20))
}

test('routes, addresses and switches of the new file are in force, the ports stay open', async () => {
  const { write, running, ping } = await routed('unreachable')
  expect(await ping('203.0.113.9')).toContain('From 192.0.2.254 icmp_seq=1 Destination Host Unreachable')
  write('ports: { eth0: [192.0.2.254/24, 192.0.2.253/24] }\nroutes: { 203.0.113.0/24: prohibit }\nip4: { ttl: 33 }\n')
  await reload(running, /router\.yaml: read anew/)
  expect(await ping('203.0.113.9')).toContain('Packet filtered')
  expect(await ping('192.0.2.254')).toContain('ttl=33')
  await running.until(/"kind":"address-ready".*"address":"192\.0\.2\.253"/)
  expect(await ping('192.0.2.253')).toContain('1 received')
  write('ports: { eth0: 192.0.2.254/24 }\n')
  await reload(running, /read anew[\s\S]*read anew/)
  expect(await ping('192.0.2.253', '1')).toContain('0 received')
  expect(await ping('192.0.2.254')).toContain('ttl=64')
})

test('another MTU of a port is in force at once, and gone again', async () => {
  const { write, running, linux } = await routed('unreachable')
  const ping = async () =>
    (await startProgram(linux, 'ping', ['-n', '-c', '1', '-W', '60', '-s', '1400', '192.0.2.254']).ended).out
  /** Datagrams that the kernel has put together out of fragments. */
  const joined = async () => {
    const { out } = await startProgram(linux, 'cat', ['/proc/net/snmp']).ended
    const [names, values] = [...out.matchAll(/^Ip: (.*)$/gm)].map((line) => line[1]!.split(' '))
    return Number(values![names!.indexOf('ReasmOKs')])
  }
  write('ports: { eth0: { addresses: [192.0.2.254/24], mtu: 1280 } }\n')
  await reload(running, /read anew/)
  await running.until(/"kind":"port".*"state":"changed","mtu":1280/)
  // Its answer comes in two pieces, which the kernel joins.
  expect(await ping()).toContain('1 received')
  expect(await joined()).toBe(1)
  write('ports: { eth0: 192.0.2.254/24 }\n')
  await reload(running, /read anew[\s\S]*read anew/)
  await running.until(/"state":"changed","mtu":1500/)
  expect(await ping()).toContain('1 received')
  expect(await joined()).toBe(1)
})

test.each([
  ['ports: [', ':1:'],
  ['prots: { eth0: 192.0.2.254/24 }', 'no such key'],
  ['ports: { eth0: 192.0.2.254/24 }\nip4: { ttll: 3 }', 'router.yaml:2:8: ip4.ttll: there is no such switch'],
  ['ports: { eth1: 192.0.2.254/24 }', 'the ports cannot change while it runs'],
])('%j is refused in a line, and everything stays as it was', async (text, why) => {
  const { write, running, ping } = await routed('unreachable')
  write(text)
  await reload(running, /everything stays as it was\n/)
  expect(running.written.err).toContain(why)
  expect(await ping('203.0.113.9')).toContain('Destination Host Unreachable')
})
