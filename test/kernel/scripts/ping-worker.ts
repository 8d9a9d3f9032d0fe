/** Of workers.ts: pings through the library, and comes to its end, or is brought to it, as `way` says. */
import { parentPort, workerData } from 'node:worker_threads'
import { ping } from '../../../packages/icmpkit/src/index.ts'

const { netns, targets, way, interval } = workerData as {
  netns: string
  targets: string[]
  way: string
  interval: number
}

if (way === 'its end') {
  const { sent, received } = await ping(targets, { count: 20, interval, netns }).done
  parentPort!.postMessage({ sent, received })
} else {
  const run = ping(targets, { interval, netns, dropRights: way === 'rights' })
  for await (const e of run) {
    if (e.kind !== 'reply') continue
    parentPort!.postMessage(way === 'rights' ? (await run.doors).rightsKept : `reply ${e.seq}`)
    if (way === 'break' || way === 'rights') break
    if (way === 'process.exit') process.exit(3)
    if (way === 'throw') throw new Error('mine')
  }
}
