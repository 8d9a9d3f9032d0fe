import { expect, test } from 'vitest'
import { addr, frame, routerAlert } from '../../../../../test/stack/nd-octets.ts'
import { ip6, OneNode, port } from '../../../../../test/stack/one-node.ts'
import type { Instant } from '../../clock.ts'

/** Messages of every kind with right checksums, hop limits and lengths, their fields at the edges of what they may hold. */
class Forger {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  below(n: number): number {
    this.#state = (this.#state * 16807) % 2147483647
    return Math.floor((this.#state / 2147483647) * n)
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  octets(n: number): string {
    return Array.from({ length: n }, () => this.below(256).toString(16).padStart(2, '0')).join('')
  }

  address(): string {
    return this.below(5) === 0 ? this.octets(16) : addr(this.pick(ADDRESSES))
  }

  word(): string {
    return this.pick(['00000000', 'ffffffff', '00000001', '00001c20', '80000000', '7fffffff', this.octets(4)])
  }

  option(): string {
    switch (this.below(9)) {
      case 0:
        return `0101${this.octets(6)}`
      case 1:
        return `0201${this.octets(6)}`
      case 2: {
        const length = this.pick(['40', '00', '80', '3f', '41', this.octets(1)])
        // Half of them with lifetimes that an address can have.
        const lifetimes = this.pick(['00000e1000000000', 'ffffffff00000000', 'ffffffff00000001', '00000e1000000e10'])
        const either = this.below(2) === 0 ? lifetimes : this.word() + this.word()
        return `0304${length}${this.octets(1)}${either}00000000${this.address()}`
      }
      case 3:
        return `05010000${this.word()}`
      case 4:
        return `0e01${this.octets(6)}`
      case 5: {
        const length = this.pick([1, 2, 3])
        return `180${length}${this.octets(2)}${this.word()}${this.address().slice(0, (length - 1) * 16)}`
      }
      case 6:
        return `19030000${this.word()}${this.address()}`
      case 7:
        return `0404${this.octets(30)}`
      default: {
        const length = 1 + this.below(4)
        return `${this.octets(1)}0${length}${this.octets(8 * length - 2)}`
      }
    }
  }

  message(): string {
    const code = this.below(20) === 0 ? this.octets(1) : '00'
    const options = Array.from({ length: this.below(5) }, () => this.option()).join('')
    const head = (type: string) => `${type}${code}0000`
    switch (this.below(10)) {
      case 0:
        return `${head('85')}${this.octets(4)}${options}`
      case 1:
        return `${head('86')}${this.octets(2)}${this.pick(['0000', '0708', 'ffff'])}${this.word()}${this.word()}${options}`
      case 2:
        return `${head('87')}${this.octets(4)}${this.address()}${options}`
      case 3:
        return `${head('88')}${this.octets(4)}${this.address()}${options}`
      case 4:
        return `${head('89')}${this.octets(4)}${this.address()}${this.address()}${options}`
      case 5:
        return `${head('82')}${this.octets(2)}0000${this.address()}`
      case 6: {
        const sources = this.below(4)
        const list = Array.from({ length: sources }, () => this.address()).join('')
        return `${head('82')}${this.octets(2)}0000${this.address()}${this.octets(2)}000${sources}${list}`
      }
      case 7:
        return `${head('83')}${this.octets(4)}${this.address()}`
      case 8: {
        const data = this.pick([this.address(), '', '076b65737472656c0000', this.octets(this.below(30)), 'c0000201'])
        return `8b0${this.below(3)}0000000${this.below(5)}${this.octets(10)}${data}`
      }
      default:
        return `${head('8f')}00000001${this.octets(2)}0000${this.address()}`
    }
  }
}

const ADDRESSES = [
  'fe80::aa',
  'fe80::bb',
  '2001:db8::aa',
  '2001:db8::1',
  'fe80::ff:fe00:1',
  '::',
  'ff02::1',
  'ff02::2',
  'ff05::3',
  '2001:db8:5::1',
  'ff02::1:ff00:1',
  '2001:db8:9::9',
  'fe80::',
  '2001:db8::',
]
const OURS = ['ff02::1', '2001:db8::1', 'fe80::ff:fe00:1', 'ff02::1:ff00:1', 'ff02::2', 'ff02::16']

test('whatever neighbours say in good form, and whatever happens to the link meanwhile: nothing is thrown, no timer is busy, no table grows past its bound', () => {
  for (const role of ['host', 'gateway'] as const) {
    const forger = new Forger(role === 'host' ? 20_261_126 : 11_262_026)
    const n = new OneNode({
      role,
      ip6: {
        nodeInformation: { name: 'kestrel', global: true },
        neighbourLimit: 100,
        unresolvedLimit: 20,
        advertise: [{ port: 1 }],
        proxied: [{ port: 1, address: ip6('2001:db8::beef') }],
      },
      ports: [port(1, { addresses: ['2001:db8::1/64', '192.0.2.1/24'] })],
    })
    const one = n.node.ports.get(1)!
    for (let i = 0; i < 8000; i++) {
      const body = forger.message()
      const isMld = /^8[23f]/.test(body)
      const from = forger.below(6) === 0 ? 'fe80::aa' : forger.pick(ADDRESSES)
      const envelope = {
        from,
        to: forger.pick(OURS),
        hop: isMld ? 1 : 255,
        mac: forger.pick(['0200000000aa', forger.octets(6)]),
      }
      n.give(frame(isMld ? { ...envelope, extension: routerAlert() } : envelope, body))
      if (forger.below(3) === 0) n.run(forger.pick([1, 10, 1000, 30_000]))
      const change = forger.below(2000)
      if (change === 0) {
        n.node.changePort(n.now as Instant, 1, { up: false })
        n.run(100)
        n.node.changePort(n.now as Instant, 1, { up: true })
      } else if (change === 1)
        n.node.changePort(n.now as Instant, 1, { mac: Uint8Array.of(2, 0, 0, 0, 0, forger.below(3)) })
      else if (change === 2) n.node.changePort(n.now as Instant, 1, { mtu: forger.pick([1280, 1500, 9000]) })
      // What is due at this moment has run, and asks for a later one.
      n.run(0.001)
      if (!(n.node.pollTimeout()! > n.now)) throw new Error(`message ${i} keeps a timer busy: ${body}`)
      n.taken()
      n.events.length = 0
    }
    expect(n.node.ip6.neighbours.link(one).cache.size).toBeLessThanOrEqual(100)
    expect(n.node.ip6.addresses.of(one).length).toBeLessThanOrEqual(64)
    expect([...n.node.ip6.groups.of(one)].length).toBeLessThanOrEqual(80)
    expect(n.node.timers.size).toBeLessThan(600)
    // It goes on as if nothing had been: everything of the flood runs out, and a neighbour is answered.
    n.node.changePort(n.now as Instant, 1, { up: false })
    n.node.changePort(n.now as Instant, 1, { up: true, mac: Uint8Array.of(2, 0, 0, 0, 0, 1) })
    n.run(60_000)
    n.taken()
    const asked = `8700000000000000${addr('2001:db8::1')}01010200000000aa`
    const answers = n.give(frame({ from: 'fe80::aa', to: 'ff02::1:ff00:1' }, asked))
    expect(answers.length).toBe(1)
  }
})
