/** Opens a raw socket with whatever capability this process was given, then drops it. */
import { readFileSync } from 'node:fs'
import { dropRights, openDoor } from '../../../packages/icmpkit/src/os/index.ts'

const held = () => /^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))![1]
const { door } = await openDoor({ kind: 'raw-socket', family: 4 })
const before = held()
const dropped = dropRights()
console.log(JSON.stringify({ door: door.name, dropped, own: { before, after: held() } }))
await door[Symbol.asyncDispose]()
