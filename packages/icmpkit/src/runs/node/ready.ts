/** `ready`, the first event of a node: said once each configured address is in use or refused. What was told meanwhile waits. */

import type { StackEvent } from '../../stack/index.ts'
import { parseIp, showIp } from '../../wire/addr.ts'
import type { RunningPort } from './port.ts'
import { macText, type PortReport } from './report.ts'

export class Settling {
  readonly #ports: readonly RunningPort[]
  readonly #early: StackEvent[] = []

  /** `ports` may still be opened; until then nothing is settled. */
  constructor(ports: readonly RunningPort[]) {
    this.#ports = ports
  }

  /** True: every address has had its say, on its port. */
  add(e: StackEvent): boolean {
    this.#early.push(e)
    return this.#ports.every((p) => p.config.addresses.every((a) => this.#settled(p.index, bare(a))))
  }

  /** What the first event says of a port. */
  report({ index, config, door, medium, mac, mtu }: RunningPort): PortReport {
    const addresses = new Map<string, string>()
    const conflicts = new Map<string, string>()
    for (const e of this.#early) {
      if (e.port !== index || !isSettling(e)) continue
      const address = showIp(e.address)
      if (e.kind === 'address-ready') addresses.set(address, `${address}/${e.prefixLength}`)
      else {
        addresses.delete(address)
        conflicts.set(address, macText(e.by) ?? 'somebody')
      }
    }
    return {
      name: config.name,
      door: door?.name ?? '',
      medium,
      mac: macText(mac),
      mtu,
      addresses: [...addresses.values()],
      conflicts: [...conflicts].map(([address, by]) => ({ address, by })),
      notes: door?.cannot.map((c) => `cannot: ${c}`) ?? [],
    }
  }

  /** What is told after it: all that it does not say itself. */
  get rest(): StackEvent[] {
    return this.#early.filter((e) => !isSettling(e))
  }

  #settled(port: number, address: string): boolean {
    return this.#early.some((e) => isSettling(e) && e.port === port && showIp(e.address) === address)
  }
}

/** An address is in use, or is not: one that was defended is as it was. */
function isSettling(e: StackEvent): e is Extract<StackEvent, { kind: 'address-ready' | 'address-conflict' }> {
  return e.kind === 'address-ready' || (e.kind === 'address-conflict' && e.outcome !== 'defended')
}

/** The address of `192.0.2.1/24`, as it is shown. */
function bare(prefix: string): string {
  return showIp(parseIp(prefix.split('/')[0]!)!)
}
