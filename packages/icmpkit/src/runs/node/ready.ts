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
    const addresses: string[] = []
    const conflicts: PortReport['conflicts'] = []
    for (const e of this.#early) {
      if (e.port !== index) continue
      if (e.kind === 'address-ready') addresses.push(`${showIp(e.address)}/${e.prefixLength}`)
      else if (e.kind === 'address-conflict')
        conflicts.push({ address: showIp(e.address), by: macText(e.by) ?? 'somebody' })
    }
    const notes = door?.cannot.map((c) => `cannot: ${c}`) ?? []
    return { name: config.name, door: door?.name ?? '', medium, mac: macText(mac), mtu, addresses, conflicts, notes }
  }

  /** What is told after it: all that it does not say itself. */
  get rest(): StackEvent[] {
    return this.#early.filter((e) => e.kind !== 'address-ready' && e.kind !== 'address-conflict')
  }

  #settled(port: number, address: string): boolean {
    return this.#early.some(
      (e) =>
        (e.kind === 'address-ready' || e.kind === 'address-conflict') &&
        e.port === port &&
        showIp(e.address) === address,
    )
  }
}

/** The address of `192.0.2.1/24`, as it is shown. */
function bare(prefix: string): string {
  return showIp(parseIp(prefix.split('/')[0]!)!)
}
