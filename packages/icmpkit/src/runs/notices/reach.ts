/** What a notifier asks of the kernel: a program's connections at this moment, who may come newly, a connection's end. */
import type { Connection } from '../../notice/index.ts'
import * as os from '../../os/index.ts'
import type { NoticeProgram } from './options.ts'

export class Reach {
  readonly #netns: string | number | undefined
  readonly #diag: os.SockDiag
  /** Opened when the first program is drained. */
  #rules: os.DrainRules | undefined

  /** @throws OsError */
  constructor(netns: string | number | undefined) {
    this.#netns = netns
    this.#diag = os.openSockDiag(netns)
  }

  /** Established connections, and those that one side has closed. @throws OsError */
  connections(p: NoticeProgram): Connection[] {
    let list: Connection[] = []
    this.#diag.each(
      { protocol: 'tcp', port: p.port, states: ['established', 'closeWait', 'finWait1', 'finWait2'] },
      (s) => {
        const { local, localPort, remote, remotePort, interfaceIndex } = s
        list.push({ local, localPort, remote, remotePort, zone: interfaceIndex })
      },
      () => {
        list = []
      },
    )
    return list
  }

  /** From now on only those that `known` gives (UDP) or that are connected (TCP) are let in. @throws OsError */
  reject(p: NoticeProgram, known: Iterable<os.KnownWorkstation>): void {
    this.#rules ??= os.openDrainRules(this.#netns)
    const { protocol, port } = p
    const refusal = { protocol, port, answer: p.code ?? 'admin' } as const
    if (protocol === 'udp') this.#rules.refuse(refusal, known)
    else this.#rules.refuse(refusal)
  }

  /** @throws OsError */
  admit(p: NoticeProgram): void {
    this.#rules?.admit(p.protocol, p.port)
  }

  /** @throws OsError */
  reset(c: Connection): void {
    this.#diag.destroy({ protocol: 'tcp', ...c, interfaceIndex: c.zone ?? 0 })
  }

  close(): void {
    this.#rules?.close()
    this.#diag.close()
  }
}
