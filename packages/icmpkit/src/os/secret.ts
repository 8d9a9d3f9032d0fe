/** Octets nobody can guess. From the kernel, not from node:crypto, which takes 5 ms to load: a tenth of a short ping. */
import { closeSync, openSync, readSync } from 'node:fs'

export function secret(octets: number): Uint8Array {
  const out = new Uint8Array(octets)
  const fd = openSync('/dev/urandom', 'r')
  try {
    for (let at = 0; at < octets; ) at += readSync(fd, out, at, octets - at, null)
  } finally {
    closeSync(fd)
  }
  return out
}
