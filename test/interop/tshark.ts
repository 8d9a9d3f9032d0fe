/** Packets as tshark sees them: one call for many packets, the fields that a test asks for, and what it complains of. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'vitest'

/** tshark's fields by name, and what they show: all occurrences in the order of the packet, joined by commas. */
export type Shown = Record<string, string>

export interface Reading {
  /** Malformed packets, bad checksums and an expert's errors, in tshark's words. */
  complaints: string[]
  shown: Shown
}

/**
 * What tshark makes of `packets` on a link of this type. Only `protocols` (comma-separated) are dissected: payloads may
 * be random, and tshark is not to guess at them. Skips the test where there is no tshark.
 */
export function read(
  ctx: TestContext,
  linkType: number,
  packets: readonly Uint8Array[],
  fields: readonly string[],
  protocols: string,
): Reading[] {
  return readCapture(ctx, pcap(packets, linkType), packets.length, fields, protocols, ['ip'])
}

/** The same of a capture file of so many packets; the checksums of those protocols are looked at that need to be told so. */
export function readCapture(
  ctx: TestContext,
  file: Uint8Array,
  packets: number,
  fields: readonly string[],
  protocols: string,
  sums: readonly ('ip' | 'udp' | 'tcp')[],
): Reading[] {
  if (spawnSync('tshark', ['--version'], { stdio: 'ignore' }).status !== 0) {
    return ctx.skip('skipped, because tshark is not installed (apt-get install tshark)')
  }
  const folder = mkdtempSync(join(tmpdir(), 'icmpkit-tshark-'))
  try {
    const dissected = new Set([...protocols.split(','), ...BENEATH])
    const all = tshark(folder, '-G', 'protocols').map((line) => line.split('\t')[2]!)
    writeFileSync(join(folder, 'disabled_protos'), all.filter((name) => !dissected.has(name)).join('\n'))
    const path = join(folder, 'packets.pcap')
    writeFileSync(path, file)
    const asked = ['_ws.malformed', '_ws.expert.group', '_ws.expert.severity', '_ws.expert.message', ...fields]
    const lines = tshark(
      folder,
      ...['-r', path, '-n', '-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=a', '-E', 'aggregator=,'],
      ...sums.flatMap((name) => ['-o', `${name}.check_checksum:TRUE`]),
      ...asked.flatMap((name) => ['-e', name]),
    )
    if (lines.length !== packets) throw new Error(`tshark read ${lines.length} of ${packets} packets`)
    return lines.map((line) => reading(fields, line))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function reading(fields: readonly string[], line: string): Reading {
  const [malformed, groups, severities, messages, ...values] = line.split('\t')
  const complaints = malformed === '' ? [] : [malformed!]
  const wrong = groups!.split(',').some((group) => COMPLAINTS.has(group)) || severities!.split(',').includes(ERROR)
  if (wrong) complaints.push(messages!)
  return { complaints, shown: Object.fromEntries(fields.map((name, i) => [name, values[i]!])) }
}

function tshark(folder: string, ...args: string[]): string[] {
  return execFileSync('tshark', args, {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, WIRESHARK_CONFIG_DIR: folder },
  })
    .replace(/\n$/, '')
    .split('\n')
}

/** What stands beneath any packet. */
const BENEATH = ['frame', 'raw', 'data', '_ws.expert', '_ws.malformed', '_ws.short', '_ws.unreassembled']

/** The expert groups "checksum" and "malformed" (epan/proto.h). */
const COMPLAINTS: ReadonlySet<string> = new Set([String(0x01000000), String(0x07000000)])

/** The expert severity "error". */
const ERROR = String(0x00800000)

/** A capture file of the classic format, made here so that a mistake of our own writer cannot hide another. */
function pcap(packets: readonly Uint8Array[], linkType: number): Uint8Array {
  const file = new Uint8Array(24 + packets.reduce((total, p) => total + 16 + p.length, 0))
  const view = new DataView(file.buffer)
  view.setUint32(0, 0xa1b2c3d4)
  view.setUint16(4, 2)
  view.setUint16(6, 4)
  view.setUint32(16, 65535)
  view.setUint32(20, linkType)
  let at = 24
  for (const p of packets) {
    view.setUint32(at + 8, p.length)
    view.setUint32(at + 12, p.length)
    file.set(p, at + 16)
    at += 16 + p.length
  }
  return file
}
