/**
 * `npm run soak -- --seconds 60 --seed 1`: hostile frames at full rate into `icmp host`, then into `icmp gateway` (issue
 * show 8). Needs root. Exit code 1 where one of them did not live, did not answer at once, grew, or talked too much.
 */
import { parseArgs } from 'node:util'
import { faults } from './fault.ts'
import { soak } from './soak.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string', default: '1' } },
})
const [seconds, seed] = [Number(values.seconds), Number(values.seed)]
if (!(seconds >= 1) || !Number.isInteger(seed)) {
  process.stderr.write('soak: --seconds takes a number of at least 1, --seed an integer\n')
  process.exit(2)
}

for (const role of ['host', 'gateway'] as const) {
  const f = await soak({
    role,
    seconds,
    seed,
    progress: ({ seconds: passed, sent, rss, lines }) => {
      const line = `${role}: ${passed.toFixed(0)} s, ${sent.toLocaleString('en')} frames, ${mib(rss)} MiB, ${lines} lines`
      if (process.stderr.isTTY) process.stderr.write(`\r${line}\x1b[K`)
      else if (passed % 10 < 0.6) process.stderr.write(`${line}\n`)
    },
  })
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  const pings = Object.entries(f.pings).map(
    ([to, ms]) => `${to} ${ms === undefined ? 'silent' : `${ms.toFixed(2)} ms`}`,
  )
  const { summary: s } = f
  process.stdout.write(
    [
      `icmp ${role}: ${f.sent.toLocaleString('en')} frames in ${seconds} s, ${f.rate.toLocaleString('en')} a second`,
      `  resident MiB: ${mib(f.rssBefore)} in the second quarter, ${mib(f.rssAfter)} in the last`,
      `  right after: ${pings.join(', ')}`,
      `  wrote ${f.lines} lines, ${f.octets.toLocaleString('en')} octets, ${s?.untold} events untold`,
      `  received ${s?.received}, no room for ${s?.queueOverflow}, answered ${s?.answered}, forwarded ${s?.forwarded}`,
      `  dropped ${JSON.stringify(s?.dropped)}`,
      `  malformed ${JSON.stringify(s?.malformed)}`,
      `  suppressed ${JSON.stringify(s?.suppressed)}`,
      `  errors sent ${JSON.stringify(s?.errorsSent)}, believed ${JSON.stringify(s?.errorsReceived)}`,
      '',
    ].join('\n'),
  )
  for (const fault of faults(f, seconds)) {
    process.stdout.write(`  FAULT: ${fault}\n`)
    process.exitCode = 1
  }
}

function mib(octets: number): string {
  return (octets / (1 << 20)).toFixed(1)
}
