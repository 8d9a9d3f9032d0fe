/** ICMPv6 types and codes as IANA lists them, and what each tells a person. */
import type { TypeEntry } from './registry.ts'

export const TYPES6: readonly TypeEntry[] = []
