/** What must hold after a flood; each that does not is a sentence. */
import type { Flooded } from './soak.ts'

/** Frames that the kernel sends and receives by itself meanwhile: a ping, its resolution, groups joined. */
const OTHERS = 200
/** Lines about changes that a flood may bring about: so many at once, and a second. */
const LINES = { burst: 1000, rate: 50 }
/**
 * Octets of resident memory that the last quarter may be above the second. With a small young generation (soak.ts) that was, in
 * a minute of six million frames, 5 MiB less for a host and 23 more for a gateway: one step of 19 (V8 takes memory in steps,
 * tables fill up to their bounds), and flat before and after it. In half a minute it was 6 to 11. A second such step has room;
 * ten octets a frame that are kept would be more.
 */
const SLACK = 40 << 20
/** What a busy machine makes it say while it waits for its addresses. */
const PATIENCE = /^icmp: asking the links .*\n/gm

export function faults(f: Flooded, seconds: number): string[] {
  const found: string[] = []
  const { summary: s } = f
  if (!f.alive) found.push('it died')
  const said = f.err.replace(PATIENCE, '')
  if (said !== '') found.push(`standard error: ${said}`)
  for (const [to, ms] of Object.entries(f.pings)) if (ms === undefined) found.push(`${to} does not answer afterwards`)
  if (f.rssAfter > f.rssBefore + SLACK) found.push(`memory grew from ${f.rssBefore} to ${f.rssAfter}`)
  if (f.lines > LINES.burst + LINES.rate * seconds) found.push(`it wrote ${f.lines} lines`)
  if (s === undefined || f.code !== 0) return [...found, `no summary, exit code ${f.code}`]
  const taken = s.received + s.queueOverflow
  if (taken > f.sent + OTHERS) found.push(`${taken} frames were taken or lost of ${f.sent} sent`)
  if (s.received === 0) found.push('nothing got through')
  const fate = s.answered + s.forwarded + s.delivered + total(s.dropped) + total(s.malformed) + total(s.errorsReceived)
  if (fate + total(s.errorsSent) + total(s.suppressed) < 0.9 * s.received)
    found.push(`of ${s.received} frames received the counters tell ${fate} times what became of one`)
  return found
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0)
}
