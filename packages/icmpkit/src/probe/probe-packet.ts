/** The packet of one probe: IP header by the settings of the run, and the question in it. */
import type { Slot } from '../door.ts'
import { ANY4, ANY6 } from '../wire/addr.ts'
import * as ip4 from '../wire/ip4.ts'
import * as ip6 from '../wire/ip6.ts'
import type { PingSettings } from './ping-settings.ts'
import type { Probe } from './ping-target.ts'
import type { Asked } from './question.ts'

/** Writes it at `slot.at`, and sets `slot.end`. */
export function writeProbe(probe: Probe, s: PingSettings, slot: Slot): void {
  const { target: t } = probe
  const length = s.question.size(t.family)
  const asked = askedBy(probe)
  const at =
    t.family === 4
      ? ip4.write(
          {
            tos: s.tos,
            df: s.dontFragment,
            id: s.dontFragment ? 0 : probe.ext & 0xffff,
            ttl: s.ttl,
            protocol: 1,
            src: asked.src as typeof ANY4,
            dst: t.ip as typeof ANY4,
            ...(s.ipOptions === undefined ? {} : { options: s.ipOptions }),
          },
          slot.bytes,
          slot.at,
          length,
        )
      : ip6.write(
          {
            trafficClass: s.tos,
            flowLabel: s.flowLabel,
            protocol: 58,
            hopLimit: s.ttl,
            src: asked.src as typeof ANY6,
            dst: t.ip as typeof ANY6,
          },
          slot.bytes,
          slot.at,
          length,
        )
  slot.end = s.question.write(asked, slot.bytes, at)
}

/** The question of this probe, which its answer is held against. */
export function askedBy(probe: Probe): Asked {
  const t = probe.target
  return {
    slot: t.slot,
    ext: probe.ext,
    id: probe.id,
    family: t.family,
    src: t.source ?? (t.family === 4 ? ANY4 : ANY6),
    dst: t.ip,
    midnightMs: probe.midnightMs,
  }
}
