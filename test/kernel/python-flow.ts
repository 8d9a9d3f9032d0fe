/** A program that is none of ours, with one flow (scripts/flow.py): what notices are about. */
import { fileURLToPath } from 'node:url'
import { type As, type Running, startProgram } from './icmp-command.ts'
import type { Host } from './testnet.ts'

export interface PythonFlow extends Running {
  /** Of the local end. */
  readonly port: number
  readonly pid: number
}

export interface FlowOf {
  /** 'connecting': of TCP, told before the connection is there. */
  how: 'udp' | 'unconnected' | 'tcp' | 'connecting'
  local: string
  remote: string
  remotePort: number
  /** It goes on after an error. */
  stay?: boolean
}

/** Runs in `host` until the test ends. */
export async function pythonFlow(
  host: Host,
  { how, local, remote, remotePort, stay }: FlowOf,
  as: As = {},
): Promise<PythonFlow> {
  const more = stay === true ? ['stay'] : []
  const running = startProgram(host, '/usr/bin/python3', [SCRIPT, how, local, remote, `${remotePort}`, ...more], as)
  await running.until(/port \d+\n/)
  const port = Number(/port (\d+)/.exec(running.written.out)![1])
  return { ...running, port, pid: running.process.pid! }
}

const SCRIPT = fileURLToPath(new URL('./scripts/flow.py', import.meta.url))
