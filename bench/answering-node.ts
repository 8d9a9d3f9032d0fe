/** A host stack on an interface taken from the kernel, until it is killed: what `answer` measures. */
import { openPort, RealClock } from '../packages/icmpkit/src/os/index.ts'
import { drive } from '../packages/icmpkit/src/run.ts'
import { Node } from '../packages/icmpkit/src/stack/index.ts'
import { parseIp } from '../packages/icmpkit/src/wire/addr.ts'

if (process.argv[1] === import.meta.filename) {
  const [netns, name, ...prefixes] = process.argv.slice(2) as [string, string, ...string[]]
  const door = await openPort({ kind: 'packet', interface: name, netns })
  const clock = new RealClock()
  const addresses = prefixes.map((text) => {
    const [address, length] = text.split('/')
    return { address: parseIp(address!)!, prefixLength: Number(length) }
  })
  const node = new Node({
    role: 'host',
    ports: [{ ...door.port, addresses }],
    random: Math.random,
    wall: (at) => clock.wall(at),
  })
  node.start(clock.now())
  process.stdout.write('ready\n')
  await drive(node, [door], clock, () => {})
}

/** This file, to be run by Node with a namespace, an interface and its addresses. */
export const SCRIPT: string = import.meta.filename
