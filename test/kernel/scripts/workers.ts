/**
 * Brings argv[5] workers that ping argv[3] in the namespace argv[2], one after the other, to their end as argv[4] says;
 * then pings itself. What a crash ends is this process, and not the test's.
 */
import { Worker } from 'node:worker_threads'
import { ping } from '../../../packages/icmpkit/src/index.ts'
import { descriptors } from './descriptors.ts'

const [, , netns, targets, way, count, interval] = process.argv
const workerData = { netns, targets: targets!.split(','), way, interval: Number(interval) }
const told: unknown[] = []
const codes: number[] = []
const errors: string[] = []
let before: string[] = []

// The first is not counted: it makes what Node keeps for workers.
for (let i = 0; i <= Number(count); i++) {
  const worker = new Worker(new URL('./ping-worker.ts', import.meta.url), { workerData })
  const ended = new Promise<number>((resolve) => worker.once('exit', resolve))
  worker.on('error', (e) => errors.push((e as Error).message))
  const message = await new Promise((resolve) => worker.once('message', resolve).once('exit', resolve))
  if (way === 'terminate') await worker.terminate()
  const code = await ended
  if (i === 0) before = descriptors()
  else {
    told.push(message)
    codes.push(code)
  }
}
const after = descriptors()
const { received } = await ping(workerData.targets, { count: 2, interval: 5, netns: netns! }).done
console.log(JSON.stringify({ told, codes, errors, before, after, received }))
