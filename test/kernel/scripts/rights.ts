/** Opens a door of each kind as root in the namespace argv[2], drops its rights, and prints what each thread still has. */
import { readdirSync, readFileSync } from 'node:fs'
import { openDoor } from '../../../packages/icmpkit/src/os/index.ts'
import { dropRights } from '../../../packages/icmpkit/src/os/rights.ts'
import { Asker } from '../asker.ts'

const CAPS = ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']
const [, , netns, target] = process.argv
const doors = await Promise.all(
  (['ping-socket', 'raw-socket'] as const).map((kind) => openDoor({ kind, family: 4, netns: netns! })),
)
const dropped = dropRights()
const answered = []
for (const { door } of doors) {
  const m = await new Asker([{ to: target! }], door.echoId ?? 0x1d1d).run(door)
  answered.push(m.replies().length)
  await door[Symbol.asyncDispose]()
}
const threads = readdirSync('/proc/self/task').map((tid) => {
  const status = readFileSync(`/proc/self/task/${tid}/status`, 'utf8')
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)![1]!
  return { uid: field('Uid'), gid: field('Gid'), groups: field('Groups').trim(), caps: CAPS.map((c) => field(c)) }
})
console.log(JSON.stringify({ dropped, answered, threads }))
