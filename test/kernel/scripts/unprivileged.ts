/** Moves to the namespace argv[2] for good, becomes uid 65534 without any capability, and asks argv[3] by the best door. */
import { OsError, openDoor } from '../../../packages/icmpkit/src/os/index.ts'
import { openNamespace } from '../../../packages/icmpkit/src/os/namespace.ts'
import { must, sys } from '../../../packages/icmpkit/src/os/sys.ts'
import { Asker } from '../asker.ts'

const CLONE_NEWNET = 0x40000000
const [, , netns, target, ttl] = process.argv
must(sys().setns(openNamespace(netns!).fd, CLONE_NEWNET), 'setns', 'test')
process.setgroups!([])
process.setgid!(65534)
process.setuid!(65534)
try {
  const { door, why } = await openDoor({ kind: 'auto', family: target!.includes(':') ? 6 : 4 })
  const m = await new Asker([{ to: target!, ttl: Number(ttl ?? 64) }], door.echoId ?? 0x1d1d).run(door, {
    until: (m) => m.stamped('kernel-txrx') === 1,
  })
  const heard = m.heard.map((h) => ({ from: h.from, kind: h.message.kind, clock: h.clock }))
  console.log(JSON.stringify({ door: door.name, why, heard, sent: m.sent.map((s) => s.clock) }))
} catch (e) {
  if (!(e instanceof OsError)) throw e
  console.log(JSON.stringify({ code: e.code, syscall: e.syscall, door: e.door, message: e.message }))
}
