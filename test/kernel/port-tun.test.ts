/** A stack node behind a TUN and a TAP: the real kernel is the other party, in a namespace of its own. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import type { Instant } from '../../packages/icmpkit/src/clock.ts'
import { openPort } from '../../packages/icmpkit/src/os/open-port.ts'
import type { PortDoor, PortSpec } from '../../packages/icmpkit/src/os/port-door.ts'
import { RealClock } from '../../packages/icmpkit/src/os/real-clock.ts'
import { drive } from '../../packages/icmpkit/src/run.ts'
import { Node } from '../../packages/icmpkit/src/stack/index.ts'
import { type Host, host, ip, needsRoot } from './testnet.ts'

beforeEach(needsRoot)

const exec = promisify(execFile)

/** A host stack behind a new interface of `h`, running until the test ends. */
async function node(h: Host, spec: Omit<Extract<PortSpec, { kind: 'tun' | 'tap' }>, 'netns'>, address: string) {
  const door: PortDoor = await openPort({ ...spec, netns: h.name })
  const clock = new RealClock()
  const n = new Node({
    role: 'host',
    ports: [{ ...door.port, addresses: [{ address: ip(address), prefixLength: 24 }] }],
    random: Math.random,
    wall: (at: Instant) => clock.wall(at),
  })
  const stop = new AbortController()
  n.start(clock.now())
  const running = drive(n, [door], clock, () => {}, stop.signal)
  onTestFinished(async () => {
    stop.abort()
    await running
    await door[Symbol.asyncDispose]()
  })
  return { node: n, door }
}

test('the kernel pings a node behind a TUN', async () => {
  const h = host('tun')
  const { door } = await node(h, { kind: 'tun' }, '192.0.2.2')
  h.netlink.setLink(door.port.index, { addrGenMode: 'none', up: true })
  h.address(door.port.name, '192.0.2.1/24')
  const { stdout } = await exec('ip', [
    ...['netns', 'exec', h.name, 'ping', '-n', '-w', '60', '-c', '3', '-i', '0.05', '192.0.2.2'],
  ])
  expect(stdout).toContain(' 3 received')
})
