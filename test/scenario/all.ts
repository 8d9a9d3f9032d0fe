/** All scenarios. */
import { line } from './line.ts'
import type { Scenario } from './scenario.ts'

export const scenarios: readonly Scenario[] = [line]
