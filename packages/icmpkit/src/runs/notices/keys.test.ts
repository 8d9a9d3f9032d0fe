import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { hex, unhex } from '../../wire/octets.ts'
import { makeKey, parseKeys, readKeys } from './keys.ts'

/** RFC 8032 §7.1, TEST 3. */
const SEED = 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7'
const PUBLIC = 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025'
const MESSAGE = unhex('af82')
const SIGNATURE =
  '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a'

const base64 = (text: string) => Buffer.from(text, 'hex').toString('base64')
const idOf = (octets: string) =>
  execFileSync('/usr/bin/python3', [
    '-c',
    `import hashlib; print(hashlib.sha256(bytes.fromhex('${octets}')).hexdigest()[:8])`,
  ])
    .toString()
    .trim()

test('an Ed25519 seed signs as RFC 8032 §7.1 has it, and its public key verifies that', () => {
  const id = idOf(PUBLIC)
  const [secret, open] = parseKeys(
    `# two\n\ned25519-secret ${id} ${base64(SEED)} ns1 of example\ned25519-public ${id} ${base64(PUBLIC)}\n`,
  )
  const signature = secret!.sign!(MESSAGE)
  expect(hex(signature)).toBe(SIGNATURE)
  expect(secret!.who).toBe('ns1 of example')
  expect(open!.sign).toBeUndefined()
  expect(open!.verify(MESSAGE, signature)).toBe(true)
  expect(open!.verify(unhex('af83'), signature)).toBe(false)
  expect(open!.verify(MESSAGE, signature.subarray(1))).toBe(false)
})

test('HMAC-SHA256 cut to 128 bits (RFC 2104 §5) is what Python makes of the same key', () => {
  const key = '0b'.repeat(32)
  const [k] = parseKeys(`hmac-sha256 ${idOf(key)} ${base64(key)}`)
  const python = `import hmac; print(hmac.new(bytes.fromhex('${key}'), b'Hi There', 'sha256').hexdigest()[:32])`
  const expected = execFileSync('/usr/bin/python3', ['-c', python]).toString().trim()
  expect(hex(k!.sign!(Buffer.from('Hi There')))).toBe(expected)
  expect(k!.verify(Buffer.from('Hi There'), unhex(expected))).toBe(true)
  expect(k!.verify(Buffer.from('Hi There'), unhex(expected).subarray(0, 15))).toBe(false)
})

test.each(['hmac', 'ed25519'] as const)(
  'a %s key that is made reads back, and its verifier takes what it signs',
  (how) => {
    const { key, verifier } = makeKey(how, 'a\u001bb')
    const [again] = parseKeys(key.line)
    expect(again!.line).toBe(key.line)
    expect(key.who).toBe('a\\x1bb')
    const other = makeKey(how).key
    const signature = key.sign!(MESSAGE)
    expect((verifier ?? again)!.verify(MESSAGE, signature)).toBe(true)
    expect(other.verify(MESSAGE, signature)).toBe(false)
    if (verifier !== undefined) expect(hex(verifier.id)).toBe(hex(key.id))
  },
)

test.each([
  ['rsa 00000000 AAAA', 'f:1: expected hmac-sha256, ed25519-secret, ed25519-public'],
  ['\nhmac-sha256 00000000 AAAA', 'f:2: expected a key of 32 octets'],
  [`hmac-sha256 00000000 ${'!'.repeat(44)}`, 'f:1: expected a key of 32 octets'],
  [`hmac-sha256 00000000 ${base64('00'.repeat(32))}`, 'f:1: the key id in the second word'],
])('%j is refused with its place', (text, why) => {
  expect(() => parseKeys(text, 'f')).toThrow(why)
})

test('a file whose secret others can read is refused, and one with a public key is not', () => {
  const directory = mkdtempSync(join(tmpdir(), 'icmp-key-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const file = join(directory, 'k')
  const { key, verifier } = makeKey('ed25519')
  writeFileSync(file, `${key.line}\n`)
  chmodSync(file, 0o640)
  expect(() => readKeys(file)).toThrow(/chmod 600/)
  chmodSync(file, 0o600)
  expect(readKeys(file)).toHaveLength(1)
  writeFileSync(file, `${verifier!.line}\n`)
  chmodSync(file, 0o644)
  expect(readKeys(file)[0]!.kind).toBe('ed25519-public')
  writeFileSync(file, '# none\n')
  expect(() => readKeys(file)).toThrow('no key in it')
})
