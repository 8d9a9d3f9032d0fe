/**
 * `npx icmp …` and scripts of npm: npm hands SIGTERM on to the shell that it has started us with, which dies of it and tells
 * us nothing. Who has interfaces to take down ends with the npm that started it, however that ended.
 */
import { readFileSync } from 'node:fs'

/** Calls `then` once, when the npm that started this process is gone; never where none did. */
export function whenNpmEnds(then: () => void): void {
  const npm = starter()
  if (npm === undefined) return
  const timer = setInterval(() => {
    if (stateOf(npm.pid)?.began === npm.began) return
    clearInterval(timer)
    then()
  }, LOOK_MS)
  // It does not keep us alive.
  timer.unref()
}

/** The nearest ancestor that is not part of the script that npm runs: npm itself. */
function starter(): { pid: number; began: string } | undefined {
  const script = process.env.npm_lifecycle_script
  if (script === undefined || process.env.npm_execpath === undefined) return undefined
  for (let pid = process.ppid; pid > 1; ) {
    const state = stateOf(pid)
    const runs = scriptOf(pid)
    if (state === undefined || runs === undefined) return undefined
    if (runs !== script) return { pid, began: state.began }
    pid = state.parent
  }
  return undefined
}

/** Of a process: its parent, and when it began, since identifiers are used again (proc(5)). */
function stateOf(pid: number): { parent: number; began: string } | undefined {
  const text = contents(`/proc/${pid}/stat`)
  // The name in front may hold spaces and parentheses.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ')
  if (fields === undefined || fields[0] === 'Z') return undefined
  return { parent: Number(fields[1]), began: fields[19]! }
}

/** The script of npm that the process is part of, '' for none; undefined where nobody may know. */
function scriptOf(pid: number): string | undefined {
  const start = 'npm_lifecycle_script='
  return contents(`/proc/${pid}/environ`)
    ?.split('\0')
    .reduce((found, v) => (v.startsWith(start) ? v.slice(start.length) : found), '')
}

function contents(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** Nobody waits for it. */
const LOOK_MS = 250
