/** Refuses new workstations at TCP port 80 and UDP port 5000 of the namespace argv[2] until it is killed; argv[3] 'nobody': tries it without rights. */
import { OsError, openDrainRules } from '../../../packages/icmpkit/src/os/index.ts'
import { openNamespace } from '../../../packages/icmpkit/src/os/namespace.ts'
import { must, sys } from '../../../packages/icmpkit/src/os/sys.ts'

const CLONE_NEWNET = 0x40000000
const [, , netns, who] = process.argv
must(sys().setns(openNamespace(netns!).fd, CLONE_NEWNET), 'setns', 'test')
if (who === 'nobody') {
  process.setgroups!([])
  process.setgid!(65534)
  process.setuid!(65534)
}
try {
  const rules = openDrainRules()
  rules.refuse({ protocol: 'tcp', port: 80 })
  rules.refuse({ protocol: 'udp', port: 5000 })
  console.log('ready')
  setInterval(() => rules.refused, 1000)
} catch (e) {
  if (!(e instanceof OsError)) throw e
  console.log(JSON.stringify({ code: e.code, cure: e.cure }))
}
