/** The user without any right, as whom tests ask what needs none. */
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { TestRunner } from 'vitest'

export interface User {
  uid: number
  gid: number
}

/** Where root runs the tests: uid 65534. Skips the running test where that user may not enter the checkout. */
export function nobody(): User {
  const shut = shutTo(process.execPath) ?? shutTo(import.meta.filename)
  if (shut !== undefined)
    TestRunner.getCurrentTest()?.context.skip(
      `skipped, because uid 65534 may not enter ${shut} (chmod o+x ${shut}, or have the checkout elsewhere)`,
    )
  return { uid: 65534, gid: 65534 }
}

/** The same; where the tests have no rights anyway, this user. */
export function ordinary(): Partial<User> {
  return process.getuid?.() === 0 ? nobody() : {}
}

/** The outermost directory above `path` that others may not enter. */
function shutTo(path: string): string | undefined {
  const directory = dirname(path)
  if (directory === path) return undefined
  return shutTo(directory) ?? ((statSync(directory).mode & 0o001) === 0 ? directory : undefined)
}
