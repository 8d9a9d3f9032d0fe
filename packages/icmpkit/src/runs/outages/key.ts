/** What the keys of a workstation say of a notice's signature. */

import { type Outage, signedOctets } from '../../wire/outage-object.ts'
import type { NoticeKey } from '../notices/keys.ts'

/**
 * A ring of keys. An Ed25519 notice is the same for each of an outage's flows, and checking one takes 150 µs: the payloads
 * whose signature held are remembered, so that ten thousand flows cost as much as one.
 */
export class KeyRing {
  readonly #keys: readonly NoticeKey[]
  readonly #good = new Set<string>()

  constructor(keys: readonly NoticeKey[]) {
    this.#keys = keys
  }

  /** `payload`: the octets that `object` was read from. An object without a signature is of an unknown key. */
  verify(object: Outage, payload: Uint8Array): 'ok' | 'bad' | 'unknown-key' {
    const key = this.keyOf(object)
    if (key === undefined) return 'unknown-key'
    const octets = LATIN1.decode(payload)
    if (this.#good.has(octets)) return 'ok'
    if (!key.verify(signedOctets(payload), object.signature!.octets)) return 'bad'
    if (this.#good.size >= REMEMBERED) this.#good.delete(this.#good.keys().next().value!)
    this.#good.add(octets)
    return 'ok'
  }

  /** The key that the signature names. */
  keyOf({ signature }: Outage): NoticeKey | undefined {
    if (signature === undefined) return undefined
    const { algorithm, keyId } = signature
    return this.#keys.find((k) => k.algorithm === algorithm && k.id.every((octet, i) => octet === keyId[i]))
  }
}

const LATIN1 = new TextDecoder('latin1')
/** Outages at a time; a notice is a few hundred octets. */
const REMEMBERED = 256
