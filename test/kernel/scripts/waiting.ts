/** A process with a door in the namespace argv[2], which ends in the way that argv[3] says. */
import { openDoor, RealClock } from '../../../packages/icmpkit/src/os/index.ts'
import { type WakingUp, waker } from '../../../packages/icmpkit/src/os/waker.ts'

const [, , netns, way, how] = process.argv
waker(how as WakingUp)
const { door } = await openDoor({ kind: 'ping-socket', family: 4, netns: netns! })
const clock = new RealClock()
const soon = (clock.now() + 30) as ReturnType<RealClock['now']>

switch (way) {
  case 'closed':
    await clock.wait(soon, [door], false)
    await door[Symbol.asyncDispose]()
    break
  case 'left open':
    await clock.wait(soon, [door], false)
    break
  case 'exit':
    setTimeout(() => process.exit(7), 30)
    await clock.wait(undefined, [door], false)
    break
  case 'throw':
    setTimeout(() => {
      throw new Error('thrown while waiting')
    }, 30)
    await clock.wait(undefined, [door], false)
    break
  default:
    throw new TypeError(`no such way: ${way}`)
}
console.log('end of main')
