/** All scenarios. */
import { lan } from './lan.ts'
import { line } from './line.ts'
import { loop } from './loop.ts'
import { patience } from './patience.ts'
import { probe } from './probe.ts'
import type { Scenario } from './scenario.ts'

export const scenarios: readonly Scenario[] = [line, lan, loop, patience, probe]
