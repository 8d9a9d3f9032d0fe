/**
 * Keys that sign notices and those that verify them, and the files that they are kept in: a key a line, `#` begins a
 * comment. An HMAC key is one secret for both ends (closed groups); of Ed25519 the server keeps the secret, and whoever has
 * the public line can verify, not forge.
 *
 *   hmac-sha256     KEYID BASE64 [who …]      32 octets
 *   ed25519-secret  KEYID BASE64 [who …]      the seed (RFC 8032 §5.1.5)
 *   ed25519-public  KEYID BASE64 [who …]
 */
import type { KeyObject } from 'node:crypto'
import { hex } from '../../wire/octets.ts'
import { Algorithm } from '../../wire/outage-object.ts'
import { safeText } from '../../wire/safe-text.ts'

export type KeyKind = 'hmac-sha256' | 'ed25519-secret' | 'ed25519-public'

/** One key; made by `parseKeys`, `readKeys` or `makeKey`. */
export interface NoticeKey {
  readonly kind: KeyKind
  /** As it stands in a notice's signature (`Algorithm`). */
  readonly algorithm: number
  /** Four octets: the first of the SHA-256 of the secret (HMAC) or of the public key. */
  readonly id: Uint8Array
  /** What stands behind the key, made harmless: whose it is. */
  readonly who: string
  /** Its line in a file. */
  readonly line: string
  /** undefined: it can only verify. */
  readonly sign: ((octets: Uint8Array) => Uint8Array) | undefined
  verify(octets: Uint8Array, signature: Uint8Array): boolean
}

/** A new key, and of Ed25519 the half that workstations get. */
export interface MadeKey {
  readonly key: NoticeKey
  readonly verifier: NoticeKey | undefined
}

/** From the kernel’s chance; `who` is for people. */
export function makeKey(algorithm: 'hmac' | 'ed25519', who = ''): MadeKey {
  const secret = Uint8Array.from(crypto().randomBytes(OCTETS))
  if (algorithm === 'hmac') return { key: keyOf('hmac-sha256', secret, who), verifier: undefined }
  return { key: keyOf('ed25519-secret', secret, who), verifier: keyOf('ed25519-public', publicOf(secret), who) }
}

/** All keys of a text. @throws TypeError that names the line and what was expected; the key itself is never shown */
export function parseKeys(text: string, file = 'key'): NoticeKey[] {
  const keys: NoticeKey[] = []
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) continue
    const wrong = (what: string) => new TypeError(`${file}:${i + 1}: ${what}`)
    const [kind, id, base64, ...who] = line.split(/\s+/)
    if (!KINDS.includes(kind as KeyKind)) throw wrong(`expected ${KINDS.join(', ')} at the start of the line`)
    const octets = Buffer.from(base64 ?? '', 'base64')
    if (octets.length !== OCTETS || octets.toString('base64') !== base64)
      throw wrong(`expected a key of ${OCTETS} octets in base64 as the third word`)
    const key = keyOf(kind as KeyKind, Uint8Array.from(octets), who.join(' '))
    if (hex(key.id) !== id) throw wrong('the key id in the second word is not that of the key')
    keys.push(key)
  }
  return keys
}

/** The keys of a file. @throws TypeError where others could read a secret in it, or a line is none; what the system refuses */
export function readKeys(file: string): NoticeKey[] {
  const { readFileSync, statSync } = process.getBuiltinModule('node:fs')
  const keys = parseKeys(readFileSync(file, 'utf8'), file)
  const { mode } = statSync(file)
  if (keys.some((k) => k.sign !== undefined) && (mode & 0o077) !== 0)
    throw new TypeError(`${file}: others may read the secret in it: chmod 600 ${file}`)
  if (keys.length === 0) throw new TypeError(`${file}: no key in it (icmp notify key makes one)`)
  return keys
}

function keyOf(kind: KeyKind, octets: Uint8Array, who: string): NoticeKey {
  const { createHash, createHmac, timingSafeEqual, sign, verify } = crypto()
  const seed = kind === 'ed25519-secret'
  const id = Uint8Array.from(
    createHash('sha256')
      .update(seed ? publicOf(octets) : octets)
      .digest()
      .subarray(0, 4),
  )
  const words = [kind, hex(id), Buffer.from(octets).toString('base64'), safeText(who)]
  const common = { kind, id, who: safeText(who), line: words.join(' ').trim() }
  if (kind === 'hmac-sha256') {
    const made = (text: Uint8Array) => createHmac('sha256', octets).update(text).digest().subarray(0, HMAC)
    const holds = (text: Uint8Array, s: Uint8Array) => s.length === HMAC && timingSafeEqual(made(text), s)
    return { ...common, algorithm: Algorithm.hmacSha256, sign: made, verify: holds }
  }
  const open = seed ? publicKey(publicOf(octets)) : publicKey(octets)
  const secret = seed ? secretKey(octets) : undefined
  return {
    ...common,
    algorithm: Algorithm.ed25519,
    sign: secret && ((text) => Uint8Array.from(sign(null, text, secret))),
    verify: (text, s) => s.length === 64 && verify(null, text, open, s),
  }
}

function publicOf(seed: Uint8Array): Uint8Array {
  const spki = crypto().createPublicKey(secretKey(seed)).export({ format: 'der', type: 'spki' })
  return Uint8Array.from(spki.subarray(SPKI.length))
}

function secretKey(seed: Uint8Array): KeyObject {
  return crypto().createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
}

function publicKey(octets: Uint8Array): KeyObject {
  return crypto().createPublicKey({ key: Buffer.concat([SPKI, octets]), format: 'der', type: 'spki' })
}

/** Loaded when the first key is used: it takes 5 ms. */
function crypto(): typeof import('node:crypto') {
  return process.getBuiltinModule('node:crypto')
}

const KINDS: readonly KeyKind[] = ['hmac-sha256', 'ed25519-secret', 'ed25519-public']
/** Of every key here. */
const OCTETS = 32
/** HMAC-SHA256 cut to 128 bits (RFC 2104 §5). */
const HMAC = 16
/** What stands before a seed and before a public key in DER (RFC 8410 §7 and §4). */
const PKCS8: Uint8Array = Uint8Array.from(Buffer.from('302e020100300506032b657004220420', 'hex'))
const SPKI: Uint8Array = Uint8Array.from(Buffer.from('302a300506032b6570032100', 'hex'))
