/** `node errors-in-capture.ts FILE`: how many ICMP errors of each kind a capture holds, and what they mean. */
import { createReadStream } from 'node:fs'
import { Carried, capture, registry } from 'icmpkit/wire'

const [, , file] = process.argv
if (file === undefined) {
  console.error('usage: node errors-in-capture.ts FILE')
  process.exit(2)
}

const counts = new Map<registry.Entry, number>()
const reader = new capture.CaptureReader()
const carried = new Carried()

function drain(): void {
  for (let step = reader.next(); step !== 'more'; step = reader.next()) {
    if (step !== 'packet' || carried.find(reader.frame) !== 'icmp') continue
    if (carried.end - carried.at < 2) continue
    const { bytes } = reader.frame
    const entry = registry.lookup(carried.family, bytes[carried.at]!, bytes[carried.at + 1]!)
    if (entry.class === 'error') counts.set(entry, (counts.get(entry) ?? 0) + 1)
  }
}

for await (const chunk of createReadStream(file)) {
  reader.push(chunk)
  drain()
}
reader.end()
drain()
for (const [{ name, meaning }, count] of counts) console.log(`${count} × ${name}: ${meaning}`)
