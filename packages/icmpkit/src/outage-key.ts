/** What the keys of a workstation say of a notice's signature. */
import type { NoticeKey } from './notice-keys.ts'
import { type Outage, signedOctets } from './wire/outage-object.ts'

/** `payload`: the octets that `object` was read from. An object without a signature is of an unknown key. */
export function signatureOf(
  object: Outage,
  payload: Uint8Array,
  keys: readonly NoticeKey[],
): 'ok' | 'bad' | 'unknown-key' {
  const key = keyOf(object, keys)
  if (key === undefined) return 'unknown-key'
  return key.verify(signedOctets(payload), object.signature!.octets) ? 'ok' : 'bad'
}

/** The key that the signature names. */
export function keyOf({ signature }: Outage, keys: readonly NoticeKey[]): NoticeKey | undefined {
  if (signature === undefined) return undefined
  const { algorithm, keyId } = signature
  return keys.find((k) => k.algorithm === algorithm && k.id.every((octet, i) => octet === keyId[i]))
}
