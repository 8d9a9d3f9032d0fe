/** The behaviours of a node out of its data. */
import type { Behaviour } from './behaviour.ts'
import { BlackHoleAt } from './behaviour-black-hole.ts'
import { EchoFor } from './behaviour-echo-for.ts'
import { Ecmp } from './behaviour-ecmp.ts'
import { Nat } from './behaviour-nat.ts'
import { StuckEcho } from './behaviour-stuck-echo.ts'
import { Voice } from './behaviour-voice.ts'
import type { LabNode } from './lab-node.ts'
import type { NodePlan } from './topology.ts'

/** `labels`: what it does as a node of tunnels. In the order in which they see what comes. @throws TypeError that names the place of what cannot be used */
export function behavioursOf(plan: NodePlan, at: LabNode, labels: Behaviour | undefined): Behaviour[] {
  const { ecmp, nat, silent, answerFrom, blackHole, echoFor, stuckEcho } = plan.behaviours ?? {}
  const where = `lab: nodes.${plan.name}.behaviours`
  const all: Behaviour[] = []
  if (ecmp !== undefined) new Ecmp(ecmp).join(at.node)
  if (nat !== undefined) all.push(new Nat(nat, at, `${where}.nat`))
  if (blackHole !== undefined) all.push(new BlackHoleAt(blackHole, at.node))
  if (stuckEcho !== undefined) all.push(new StuckEcho(stuckEcho, at.node))
  // What is told by labels, or through them, the former have seen.
  if (labels !== undefined) all.push(labels)
  if (echoFor !== undefined) all.push(new EchoFor(echoFor, at, `${where}.echoFor`))
  if (silent !== undefined || answerFrom !== undefined)
    all.push(new Voice(silent, answerFrom, at.node, `${where}.answerFrom`))
  return all
}
