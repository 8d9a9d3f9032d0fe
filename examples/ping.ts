import { ping } from 'icmpkit'

for await (const e of ping('127.0.0.1', { count: 3, interval: 200 })) {
  if (e.kind === 'reply') console.log(e.from, e.rttNs / 1e6, 'ms', e.clock)
  if (e.kind === 'error') console.log(e.from, e.name, '–', e.meaning)
}
