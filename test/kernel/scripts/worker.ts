/** Asks from a worker thread, by a door of its own; or waits for ever, to be terminated. */
import { parentPort, workerData } from 'node:worker_threads'
import { openDoor, RealClock } from '../../../packages/icmpkit/src/os/index.ts'
import { Asker } from '../asker.ts'

const { netns, target, count } = workerData as { netns: string; target: string; count: number }
const { door } = await openDoor({ kind: 'ping-socket', family: 4, netns })
if (count === 0) {
  parentPort!.postMessage('waiting')
  await new RealClock().wait(undefined, [door], false)
} else {
  const asks = Array.from({ length: count }, () => ({ to: target }))
  const m = await new Asker(asks, door.echoId!, 1).run(door, {
    until: (m) => m.stamped('kernel-txrx') === count,
  })
  await door[Symbol.asyncDispose]()
  parentPort!.postMessage({ answered: m.answered(), clocks: [...new Set(m.sent.map((s) => s.clock))] })
}
