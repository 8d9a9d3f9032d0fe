/** Packets that scapy made (notice-packets.py), by name. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { unhex } from '../../packages/icmpkit/src/wire/octets.ts'

const hex = JSON.parse(readFileSync(resolve(import.meta.dirname, 'notice-packets.json'), 'utf8')) as Record<
  string,
  string
>

/** A copy. */
export function packet(name: string): Uint8Array {
  const text = hex[name]
  if (text === undefined) throw new TypeError(`no packet '${name}'`)
  return unhex(text)
}
