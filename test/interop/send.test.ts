/** `icmp send --dry-run` against the octets that scapy makes of the same wishes, and against what tshark reads. */
import { execFileSync, spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'
import * as scapy from './scapy.ts'
import * as tshark from './tshark.ts'

const ICMP = resolve(import.meta.dirname, '../../packages/icmpkit/bin/icmp.js')
const SRC = { 4: '192.0.2.9', 6: '2001:db8::9' }
const DST = { 4: '192.0.2.1', 6: '2001:db8::1' }
const QUOTE = '4500001c0001000040017cde7f0000017f0000010800f7fd00010001'
const LINKTYPE_RAW = 101

interface Shown {
  schema: string
  kind: string
  name: string
  octets: string
  message: Record<string, unknown>
}

function dryRun(family: 4 | 6, ...args: string[]): Shown {
  const all = ['send', DST[family], '--src', SRC[family], '--dry-run', '--json', ...args]
  return JSON.parse(execFileSync(process.execPath, [ICMP, ...all], { encoding: 'utf8' }))
}

test('what `icmp send --dry-run` would send is what scapy makes of the same fields', (ctx) => {
  const four = `IP(src='${SRC[4]}',dst='${DST[4]}',id=0)`
  const six = `IPv6(src='${SRC[6]}',dst='${DST[6]}')`
  const wishes: [4 | 6, string[], string][] = [
    [4, ['--type', 'echo', '--id', '7', '--seq', '9', '--text', 'hello'], `${four}/ICMP(id=7,seq=9)/b'hello'`],
    [4, ['--type', '0', '--id', '7', '--data', '00ff'], `${four}/ICMP(type=0,id=7,seq=1)/b'\\x00\\xff'`],
    [
      4,
      ['--type', 'unreachable', '--code', '4', '--mtu', '1400', '--quote', QUOTE],
      `${four}/ICMP(type=3,code=4,nexthopmtu=1400)/bytes.fromhex('${QUOTE}')`,
    ],
    [
      4,
      ['--type', 'redirect', '--code', '1', '--gateway', '192.0.2.254', '--quote', QUOTE],
      `${four}/ICMP(type=5,code=1,gw='192.0.2.254')/bytes.fromhex('${QUOTE}')`,
    ],
    [
      4,
      ['--type', 'parameter-problem', '--pointer', '20', '--ttl', '3', '--tos', '0xb8'],
      `IP(src='${SRC[4]}',dst='${DST[4]}',id=0,ttl=3,tos=0xb8)/ICMP(type=12,ptr=20)`,
    ],
    [
      4,
      ['--type', '99', '--code', '2', '--rest', '0102030405'],
      `${four}/ICMP(bytes.fromhex('6302')+(0x10000-1-sum([0x6302,0x0102,0x0304,0x0500])&0xffff).to_bytes(2,'big')+bytes.fromhex('0102030405'))`,
    ],
    [
      6,
      ['--type', 'echo', '--id', '7', '--seq', '9', '--size', '3'],
      `${six}/ICMPv6EchoRequest(id=7,seq=9,data=b'\\x00\\x01\\x02')`,
    ],
    [6, ['--type', 'packet-too-big', '--mtu', '1280'], `${six}/ICMPv6PacketTooBig(mtu=1280)`],
    [
      6,
      ['--json-message', '{"kind":"neighborSolicitation","target":"2001:db8::1","options":[]}'],
      `IPv6(src='${SRC[6]}',dst='${DST[6]}',hlim=255)/ICMPv6ND_NS(tgt='2001:db8::1')`,
    ],
    [6, ['--hex', '8000 0000 0001 0002'], `${six}/ICMPv6EchoRequest(id=1,seq=2)`],
  ]
  const script = `import json
from scapy.all import *
print(json.dumps([bytes(p).hex() for p in [${wishes.map(([, , p]) => p).join(',')}]]))`
  const made = scapy.run(ctx, script)
  expect(wishes.map(([family, args]) => dryRun(family, ...args).octets)).toEqual(made)
})

test('a quote is padded to 128 octets before MPLS labels and other objects (RFC 4884 §3, RFC 4950 §3)', (ctx) => {
  const shown = dryRun(
    4,
    '--type',
    'time-exceeded',
    '--quote',
    QUOTE,
    '--mpls',
    '100:5:0:64,16:0:1:63',
    '--object',
    '2:0:00000007',
  )
  const fields = [
    'icmp.type',
    'icmp.length',
    'icmp.ext.class',
    'icmp.mpls.label',
    'icmp.mpls.exp',
    'icmp.mpls.s',
    'icmp.mpls.ttl',
  ]
  const [packet] = tshark.read(ctx, LINKTYPE_RAW, [unhex(shown.octets)], fields, 'ip,icmp')
  expect(packet!.complaints).toEqual([])
  expect(packet!.shown).toMatchObject({
    'icmp.type': '11,8',
    'icmp.length': '32',
    'icmp.ext.class': '1,2',
    'icmp.mpls.label': '100,16',
    'icmp.mpls.exp': '5,0',
    'icmp.mpls.ttl': '64,63',
  })
})

test('--bad-checksum is wrong, and nothing else is', (ctx) => {
  const packets = ([4, 6] as const).map((f) => unhex(dryRun(f, '--type', 'echo', '--id', '1', '--bad-checksum').octets))
  const read = tshark.read(
    ctx,
    LINKTYPE_RAW,
    packets,
    ['icmp.checksum.status', 'icmpv6.checksum.status', 'ip.checksum.status'],
    'ip,ipv6,icmp,icmpv6',
  )
  expect(read.map((r) => r.shown['icmp.checksum.status'] || r.shown['icmpv6.checksum.status'])).toEqual(['0', '0'])
  expect(read[0]!.shown['ip.checksum.status']).toBe('1')
})

test('what cannot be sent is refused with what was expected, and exit code 2', () => {
  const refused = (...args: string[]) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, [ICMP, 'send', DST[4], '--dry-run', ...args], {
      encoding: 'utf8',
    })
    expect(stdout).toBe('')
    expect(status).toBe(2)
    return stderr
  }
  expect(refused('--type', 'nonsense')).toContain('one of echo-reply, unreachable')
  expect(refused('--type', 'unreachable', '--code', 'nonsense')).toContain('port-unreachable (3)')
  expect(refused('--type', 'echo', '--mtu', '5')).toContain('nextHopMtu')
  expect(refused('--json-message', '{"kind":"echoRequest","id":70000}')).toContain(
    'id: expected an integer from 0 to 65535',
  )
  expect(refused('--json-message', '{')).toContain('--json-message:')
  expect(refused('--hex', '123')).toContain('hex digits')
  expect(refused('--mpls', '100', '--type', 'unreachable')).toContain('LABEL:TC:S:TTL')
  expect(refused('--src', SRC[6])).toContain('IPv4 address')
  expect(refused('--quote', QUOTE)).toContain('quote')
})
