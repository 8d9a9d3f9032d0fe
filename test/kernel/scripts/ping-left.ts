/** Pings argv[3] in the namespace argv[2] without an end, leaves the run as argv[4] says, and prints what it had open. */
import { ping } from '../../../packages/icmpkit/src/index.ts'
import { descriptors } from './descriptors.ts'

const [, , netns, target, way] = process.argv
const before = descriptors()
let during: string[] = []
const abort = new AbortController()
const options = { interval: 5, netns: netns!, signal: abort.signal }

switch (way) {
  case 'break':
  case 'break, and nobody waits': {
    const run = ping(target!, options)
    for await (const e of run) {
      if (e.kind !== 'reply') continue
      during = descriptors()
      break
    }
    if (way === 'break') await run.done
    break
  }
  case 'throw': {
    const run = ping(target!, options)
    const thrown = new Error('mine')
    try {
      for await (const e of run) {
        if (e.kind !== 'reply') continue
        during = descriptors()
        throw thrown
      }
    } catch (e) {
      if (e !== thrown) throw e
    }
    await run.done
    break
  }
  case 'the end of a block': {
    await using run = ping(target!, options)
    await run[Symbol.asyncIterator]().next()
    during = descriptors()
    break
  }
  case 'abort': {
    const run = ping(target!, options)
    await run.doors
    during = descriptors()
    abort.abort()
    await run.done
    break
  }
  default:
    throw new TypeError(`no such way: ${way}`)
}
const after = descriptors()
// At the very end, so that whoever did not wait is seen to have ended by itself.
process.once('exit', () => console.log(JSON.stringify({ before, during, after, atExit: descriptors() })))
