/** A worker that opens a capture or a port of its own, says so, and waits to be terminated. */
import { parentPort, workerData } from 'node:worker_threads'
import { openCapture, openPort } from '../../../packages/icmpkit/src/os/index.ts'

const { netns, kind } = workerData as { netns: string; kind: 'capture' | 'port' }
const held =
  kind === 'capture' ? openCapture('eth0', { netns }) : await openPort({ kind: 'packet', interface: 'eth0', netns })
parentPort!.postMessage('open')
setInterval(() => held, 1000)
