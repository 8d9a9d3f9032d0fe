/** A program that is none of ours, with one flow (scripts/flow.py): what notices are about. */
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
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

/**
 * A TCP server on `port` of `address` that accepts and never says anything, until the test ends. It prints for each
 * connection the client's port and SND.NXT (TCP_REPAIR tells it what it expects next).
 */
export async function tcpServer(host: Host, address: string, port: number): Promise<Running> {
  const running = startProgram(host, '/usr/bin/python3', ['-uc', SERVER, address, `${port}`])
  await running.until(/ready/)
  return running
}

/** Prints the client's port and sequence number of each SYN that reaches `host` for `port`, and drops it there. */
export async function synWatcher(host: Host, port: number): Promise<Running> {
  const rules = `table inet quiet { chain in { type filter hook input priority 0; tcp dport ${port} drop; }; }`
  const dropped = startProgram(host, 'nft', ['-f', '-'], { input: true })
  dropped.process.stdin!.end(rules)
  const { code, err } = await dropped.ended
  if (code !== 0) throw new Error(err)
  onTestFinished(async () => void (await startProgram(host, 'nft', ['delete', 'table', 'inet', 'quiet']).ended))
  const running = startProgram(host, '/usr/bin/python3', ['-uc', WATCHER, `${port}`])
  await running.until(/ready/)
  return running
}

/** What `tcpServer` or `synWatcher` has printed of the connection from `port`. */
export async function sequenceOf(running: Running, port: number): Promise<number> {
  const line = new RegExp(`^${port} (\\d+)$`, 'm')
  await running.until(line)
  return Number(line.exec(running.written.out)![1])
}

const SERVER = `
import socket, struct, sys
s = socket.create_server((sys.argv[1], int(sys.argv[2])), family=socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)
print('ready')
kept = []
while True:
    c, a = s.accept()
    kept.append(c)
    c.setsockopt(socket.IPPROTO_TCP, 19, 1)
    c.setsockopt(socket.IPPROTO_TCP, 20, 1)
    seq = struct.unpack('=I', c.getsockopt(socket.IPPROTO_TCP, 21, 4))[0]
    c.setsockopt(socket.IPPROTO_TCP, 19, 0)
    print(a[1], seq)`

const WATCHER = `
import socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
print('ready')
while True:
    p = s.recv(2048)
    tcp = p[(p[0] & 15) * 4:] if p[0] >> 4 == 4 and p[9] == 6 else p[40:] if p[0] >> 4 == 6 and p[6] == 6 else b''
    if len(tcp) >= 14 and tcp[2:4] == struct.pack('!H', int(sys.argv[1])) and tcp[13] & 2:
        print(*struct.unpack('!HxxI', tcp[:8]))`
const SCRIPT = fileURLToPath(new URL('./scripts/flow.py', import.meta.url))
