/** Runs `icmp notify key`: a new key into a file that only its owner can read. */
import { writeFileSync } from 'node:fs'
import { makeKey } from 'icmpkit'
import { hex } from 'icmpkit/wire'
import { put, remark } from '../output.ts'

/** Returns the exit code: 0, or 2 where the file is there already or cannot be written. */
export function writeKey(file: string, { algorithm, who }: { algorithm: 'ed25519' | 'hmac'; who: string }): number {
  const { key, verifier } = makeKey(algorithm, who)
  try {
    writeFileSync(file, `${key.line}\n`, { flag: 'wx', mode: 0o600 })
    if (verifier !== undefined) writeFileSync(`${file}.pub`, `${verifier.line}\n`, { flag: 'wx', mode: 0o644 })
  } catch (e) {
    remark(`icmp: ${(e as Error).message}\n`)
    return 2
  }
  const told =
    verifier === undefined ? 'the workstations need the same file, in confidence' : `for the workstations: ${file}.pub`
  put(1, Buffer.from(`key ${hex(key.id)} in ${file}; ${told}\n`))
  return 0
}
