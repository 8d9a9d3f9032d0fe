/** What the extensions of an error claim, and what their object alone says for itself: its signature, its age, its flow. */
import type { Extensions } from '../wire/extension.ts'
import * as outageObject from '../wire/outage-object.ts'
import type { Flow } from './flow.ts'
import { freshness, type Newest } from './newest.ts'
import type { Finding } from './trust.ts'

export type Claim =
  | { kind: 'outage'; object: outageObject.Outage; payload: Uint8Array }
  /** It is a notice, but nothing of it may be used. */
  | { kind: 'unusable'; why: 'extension-checksum' | 'damaged' }

/** The notice in the extensions of an error; undefined where there is none. */
export function claimOf(e: Extensions | undefined): Claim | undefined {
  if (e === undefined) return undefined
  for (const o of e.objects) {
    if (o.kind !== 'unknown' || o.classNum !== outageObject.CLASS || o.cType !== outageObject.C_TYPE) continue
    if (e.checksum === 'bad') return { kind: 'unusable', why: 'extension-checksum' }
    if (o.payload.length > LONGEST) return { kind: 'unusable', why: 'damaged' }
    const object = outageObject.parse(o.payload)
    return object.kind === 'malformed'
      ? { kind: 'unusable', why: 'damaged' }
      : { kind: 'outage', object, payload: o.payload }
  }
  return undefined
}

/** What the keys of this machine say of a signature. */
export type Verify = (object: outageObject.Outage, payload: Uint8Array) => 'ok' | 'bad' | 'unknown-key'

/** What the object says for and against itself, if it is about `flow`; `wall` is now, seconds since 1970. */
export function examine(claim: Claim, flow: Flow, wall: number, verify: Verify, newest: Newest): Finding[] {
  if (claim.kind === 'unusable') return [claim.why]
  const { object, payload } = claim
  const findings: Finding[] = []
  const signed = object.signature === undefined ? 'none' : verify(object, payload)
  findings.push(SIGNATURE[signed])
  const fresh = freshness(object.seconds, wall)
  if (fresh !== 'fresh') findings.push(fresh)
  else if (signed === 'ok') {
    const key = object.signature!.keyId.join(' ')
    if (newest.judge(key, object.program ?? '', object.seconds) === 'older') findings.push('older')
  }
  const { workstation, server } = object
  if (workstation !== undefined) {
    const same = workstation.address === flow.local && workstation.port === flow.localPort
    findings.push(same ? 'workstation' : 'other-workstation')
  }
  if (server !== undefined && (server.port !== flow.remotePort || server.protocol !== PROTOCOL[flow.protocol])) {
    findings.push('other-port')
  }
  return findings
}

/** Octets of the longest object that says something: all its items, each at its longest, and room for those of the future. */
const LONGEST = 512
const SIGNATURE = { ok: 'signature', bad: 'bad-signature', 'unknown-key': 'unknown-key', none: 'no-signature' } as const
const PROTOCOL = { udp: 17, tcp: 6 } as const
