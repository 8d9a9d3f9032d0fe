/** Notices of outages that no code of ours has made (scripts/notice.py), so that a test of the receiver tests the receiver. */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Host } from './testnet.ts'

/** Fields of scripts/notice.py; without `state` a plain error. */
export interface ByHand {
  protocol: 'udp' | 'tcp'
  /** The workstation, then the server. */
  local: string
  localPort: number
  remote: string
  remotePort: number
  seq?: number
  /** Outer addresses, where they are not those two. */
  from?: string
  to?: string
  /** The interface that link-local addresses are of. */
  zone?: string
  type?: number
  code?: number
  state?: number
  seconds?: number
  program?: string
  reason?: string
  backAt?: number
  port?: { protocol: number; port: number }
  workstation?: { port: number; address: string }
  version?: number
  /** Hex of an HMAC secret. */
  key?: string
  keyId?: string
  /** The signature is zeros; the checksum of the extensions, or the one of ICMP, is wrong. */
  spoiled?: boolean
  damaged?: boolean
  icmpFlaw?: number
  /** Octets of padding behind the object's items. */
  padding?: number
  /** Fields that grow by one with each copy. */
  vary?: string[]
}

/** Sends them from `host`, `copies` times; resolves when all have left. */
export function sendByHand(host: Host, notices: readonly ByHand[], copies = 1): Promise<void> {
  const child = host.inside(() => spawn('/usr/bin/python3', [SCRIPT], { stdio: ['pipe', 'pipe', 'pipe'] }))
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (said += text))
  child.stdin.end(JSON.stringify({ notices, copies }))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(said))))
  })
}

/** The same packets as octets, one each: nothing is sent. */
export function packetsByHand(notices: readonly ByHand[]): Uint8Array[] {
  const input = JSON.stringify({ notices, hex: true })
  const { status, stdout, stderr } = spawnSync('/usr/bin/python3', [SCRIPT], { input, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return stdout
    .split('\n')
    .slice(0, notices.length)
    .map((line) => Uint8Array.from(Buffer.from(line, 'hex')))
}

/** Seconds since 1970. */
export function seconds(): number {
  return Math.floor(Date.now() / 1000)
}

const SCRIPT = fileURLToPath(new URL('./scripts/notice.py', import.meta.url))
