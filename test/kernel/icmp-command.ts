/** The built `icmp` command as a process of its own, run as users run it: in a namespace, by a user, with signals. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import type { Host } from './testnet.ts'

/** Its script. */
export const ICMP: string = fileURLToPath(new URL('../../packages/icmpkit/bin/icmp.js', import.meta.url))

/** Longer than any of these takes; a command that hangs fails its test by the signal it ended with. */
const LIMIT_MS = 240_000

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
  out: string
  err: string
}

export interface Running {
  readonly process: ChildProcess
  /** What it has written so far. */
  readonly written: { out: string; err: string }
  readonly ended: Promise<Ended>
  /** Resolves when `pattern` is in its standard output, or fails with what was there when it ended. */
  until(pattern: RegExp): Promise<void>
  /** The same for its standard error. */
  untilError(pattern: RegExp): Promise<void>
  signal(name: NodeJS.Signals): void
}

export interface As {
  uid?: number
  gid?: number
  env?: NodeJS.ProcessEnv
  /** Its standard input is written to; otherwise it has none. */
  input?: true
}

/** Starts `icmp …` inside `host` (or here), killed at the latest when the running test ends. */
export function start(host: Host | undefined, args: readonly string[], as: As = {}): Running {
  return startProgram(host, process.execPath, [ICMP, ...args], as)
}

/** `icmp …` to its end. */
export function icmp(host: Host | undefined, args: readonly string[], as: As = {}): Promise<Ended> {
  return start(host, args, as).ended
}

/** Any other program, for comparison. */
export function startProgram(
  host: Host | undefined,
  program: string,
  args: readonly string[],
  { env, input, ...user }: As = {},
): Running {
  const spawned = () =>
    spawn(program, args, {
      stdio: [input === true ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
      env: { PATH: process.env.PATH, LC_ALL: 'C', ...env },
      ...user,
    })
  const child = host === undefined ? spawned() : host.inside(spawned)
  const written = { out: '', err: '' }
  // Both outputs may be waited for at once.
  const waiting: (() => void)[] = []
  let closed = false
  const grown = () => {
    for (const wake of waiting.splice(0)) wake()
  }
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    written.out += text
    grown()
  })
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    written.err += text
    grown()
  })
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      closed = true
      grown()
      resolve({ code, signal, ...written })
    })
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const wrote = async (stream: 'out' | 'err', pattern: RegExp) => {
    while (!pattern.test(written[stream])) {
      // One that has exited may have written what is not read yet: its pipes close last.
      if (closed) throw new Error(`ended before ${pattern}: ${written.out}${written.err}`)
      await new Promise<void>((resolve) => {
        waiting.push(resolve)
      })
    }
  }
  return {
    process: child,
    written,
    ended,
    until: (pattern) => wrote('out', pattern),
    untilError: (pattern) => wrote('err', pattern),
    signal: (name) => void child.kill(name),
  }
}

/** The lines of `--json`: standard output must hold nothing else. */
// biome-ignore lint/suspicious/noExplicitAny: JSON of the command, its fields are what is tested
export function events(e: { out: string }): any[] {
  expect(e.out === '' || e.out.endsWith('\n'), 'the last line is whole').toBe(true)
  return e.out
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line))
}
