/** What a link does, in the words in which people write it: `5ms ±1ms, 1% lost, mtu 1400`. */
import type { DirectionData, LinkPlan } from './topology.ts'

/** All of it; `''` for a link that does nothing but carry. */
export function linkText(l: LinkPlan): string {
  const words = directionWords(l)
  if (l.mtu !== 1500) words.push(`mtu ${l.mtu}`)
  if (l.up === false) words.unshift('down')
  for (const [node, d] of Object.entries(l.from ?? {})) words.push(`from ${node}: ${directionWords(d).join(' ')}`)
  return words.join(', ')
}

/** What fits beside a line of a picture: its delay, or that it is down. */
export function linkLabel(l: LinkPlan): string {
  if (l.up === false) return 'down'
  return l.delay === undefined ? '' : milliseconds(l.delay)
}

function directionWords(d: DirectionData): string[] {
  const words: string[] = []
  const delay = d.delay === undefined ? '' : milliseconds(d.delay)
  const jitter = d.jitter === undefined || d.jitter === 0 ? '' : `±${milliseconds(d.jitter)}`
  if (delay + jitter !== '') words.push([delay, jitter].filter((w) => w !== '').join(' '))
  if (d.loss) words.push(`${percent(d.loss)} lost`)
  if (d.burstLoss !== undefined) words.push('bursts of loss')
  if (d.duplicate) words.push(`${percent(d.duplicate)} twice`)
  if (d.reorder) words.push(`${percent(d.reorder)} reordered`)
  if (d.corrupt) words.push(`${percent(d.corrupt)} corrupt`)
  if (d.rate !== undefined && d.rate !== Number.POSITIVE_INFINITY) words.push(bits(d.rate))
  if (d.queue !== undefined) words.push(`queue ${d.queue}`)
  const hole = d.blackHole
  if (hole !== undefined && hole !== 'none')
    words.push(`black hole: ${typeof hole === 'object' ? `above ${hole.above}` : hole}`)
  return words
}

/** `5ms`, `1.5s`, `100us`. */
export function milliseconds(ms: number): string {
  if (ms === 0) return '0'
  if (Math.abs(ms) >= 1000) return `${short(ms / 1000)}s`
  return Math.abs(ms) >= 1 ? `${short(ms)}ms` : `${short(ms * 1000)}us`
}

function percent(share: number): string {
  return `${short(share * 100)}%`
}

function bits(rate: number): string {
  for (const [unit, size] of UNITS) if (rate >= size) return `${short(rate / size)}${unit}`
  return `${short(rate)}bit`
}

function short(n: number): string {
  return String(Number(n.toPrecision(4)))
}

const UNITS = [
  ['Gbit', 1e9],
  ['Mbit', 1e6],
  ['kbit', 1e3],
] as const
