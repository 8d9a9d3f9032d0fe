/** `icmp host` with a link-layer address that is not the one of its interface. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { showIp } from '../../packages/icmpkit/src/wire/addr.ts'
import { showMac } from '../../packages/icmpkit/src/wire/ethernet.ts'
import { events, type Running, start, startProgram } from './icmp-command.ts'
import { cable, type Host, host, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

async function tool(linux: Host, program: string, ...args: string[]): Promise<string> {
  return (await startProgram(linux, program, args).ended).out
}

/** Ends it; what it has answered. */
async function answered(running: Running): Promise<number> {
  running.signal('SIGINT')
  return events(await running.ended).at(-1).answered
}

test('with a link-layer address of its own it is found and answers there, and by that of its interface nobody does', async () => {
  const linux = host('hl')
  const ours = host('ho')
  cable(linux, ours)
  linux.address('eth0', '192.0.2.1/24')
  linux.address('eth0', '2001:db8::1/64')
  const directory = mkdtempSync(join(tmpdir(), 'icmp-mac-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'host.yaml')
  writeFileSync(file, 'ports: { eth0: { addresses: [192.0.2.9/24, "2001:db8::9/64"], mac: "02:aa:bb:cc:dd:01" } }\n')
  const running = start(ours, ['host', '--config', file, '--conflict-check', 'off', '--json'])
  await running.until(/"kind":"ready"[^\n]*"mac":"02:aa:bb:cc:dd:01"/)
  for (const address of ['192.0.2.9', '2001:db8::9'])
    expect(await tool(linux, 'ping', '-n', '-c', '1', '-W', '60', address)).toContain('1 received')
  const found = linux.netlink.neighbours().filter((n) => ['192.0.2.9', '2001:db8::9'].includes(showIp(n.address)))
  expect(found.map((n) => showMac(n.lladdr!))).toEqual(['02:aa:bb:cc:dd:01', '02:aa:bb:cc:dd:01'])
  expect(await answered(running)).toBeGreaterThanOrEqual(2)
  // The interface's own address is not the node's.
  const again = start(ours, ['host', '--config', file, '--conflict-check', 'off', '--json'])
  await again.until(/"kind":"ready"/)
  const mac = ours.netlink.link('eth0')!.address
  await tool(linux, 'ip', 'neighbour', 'replace', '192.0.2.9', 'lladdr', showMac(mac), 'dev', 'eth0')
  expect(await tool(linux, 'ping', '-n', '-c', '1', '-W', '1', '192.0.2.9')).toContain('0 received')
})
