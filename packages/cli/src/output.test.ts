import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'

const OUTPUT = JSON.stringify(new URL('output.ts', import.meta.url).href)

/** A process that runs `script` with `Output` and `remark` at hand. */
function run(script: string): ChildProcess {
  return spawn(process.execPath, ['--input-type=module', '-e', `import { Output, remark } from ${OUTPUT}; ${script}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  let all = ''
  for await (const chunk of stream) all += chunk.toString()
  return all
}

test('a pipe that is full and does not block loses nothing', async () => {
  const child = run(`
    process.stdout.writableLength // Node makes the pipe non-blocking when it makes the stream.
    const out = new Output(() => {})
    for (let i = 0; i < 400_000; i++) out.write(i + ' µs\\n')
    out.flush()
    process.exit()`)
  const exited = once(child, 'exit')
  await sleep(500)
  const lines = (await text(child.stdout!)).split('\n')
  expect(lines).toHaveLength(400_001)
  expect(lines.slice(0, -1).findIndex((line, i) => line !== `${i} µs`)).toBe(-1)
  expect(await exited).toEqual([0, null])
})

test('a reader who has gone ends the output, is told once, and is no error', async () => {
  const child = run(`
    const out = new Output(() => remark('gone\\n'))
    const more = setInterval(() => out.gone ? clearInterval(more) : out.write('x'.repeat(70_000)), 1)`)
  const said = text(child.stderr!)
  child.stdout!.destroy()
  expect(await once(child, 'exit')).toEqual([0, null])
  expect(await said).toBe('gone\n')
})

test('what else is wrong with standard output is said', async () => {
  const child = run(`
    import { closeSync, openSync } from 'node:fs'
    closeSync(1)
    openSync('/dev/full', 'w')
    const out = new Output(() => remark('gone\\n'))
    out.write('x')`)
  expect(await text(child.stderr!)).toMatch(/^icmp: standard output: ENOSPC.*\ngone\n$/)
})
