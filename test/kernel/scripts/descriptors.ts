/** What this process has open. */
import { readdirSync, readlinkSync } from 'node:fs'

/** Each descriptor as the kernel names it, without its number; sorted. */
export function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
    .flatMap((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, '')
      } catch {
        // The descriptor that the list was read by.
        return []
      }
    })
    .sort()
}
