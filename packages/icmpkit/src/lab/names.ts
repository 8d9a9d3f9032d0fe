/** Names in errors: enough of those that were expected to see what is meant. */
export function someOf(names: readonly string[]): string {
  return names.length <= SHOWN ? names.join(', ') : `${names.slice(0, SHOWN).join(', ')} … (${names.length})`
}

const SHOWN = 8
