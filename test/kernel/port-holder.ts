/** A program of its own that takes an interface and holds it until it is killed: `node port-holder.ts NETNS INTERFACE`. */
import { openPort } from '../../packages/icmpkit/src/os/open-port.ts'

const [netns, name] = process.argv.slice(2) as [string, string]
const door = await openPort({ kind: 'packet', interface: name, netns })
process.stdout.write('ready\n')
// The door must be held, and a signal ends the process, not this.
setInterval(() => door.loss, 1000)
