/** Extended echo (RFC 8335) to a gateway that has it switched on: me ── r1 ── b. */
import type { Answer, Case, Packet, Scenario } from './scenario.ts'

/** A request with the L bit: about an interface of the gateway. Extension structures by hand, checksums by Python. */
const ask = (family: 4 | 6, structure: string): Packet => ({
  to: family === 4 ? '10.0.0.2' : '2001:db8::2',
  carries: { kind: 'icmp', octets: `${family === 4 ? '2a00' : 'a000'} 0000 5ce7 01 01 ${structure}` },
})
const reply = (family: 4 | 6, code: number, state: number): Answer[] => [
  { from: family === 4 ? '10.0.0.2' : '2001:db8::2', type: family === 4 ? 43 : 161, code, state },
]
const cases = (name: string, structure: string, code: number, state: number): Case[] =>
  ([4, 6] as const).map((f) => ({ name: `IPv${f}: ${name}`, send: ask(f, structure), answers: reply(f, code, state) }))

export const probe: Scenario = {
  name: 'extended echo',
  network: {
    nodes: {
      me: 'host',
      r1: { kind: 'gateway', extendedEcho: { enabled: true, byName: 'any', byAddress: 'any', byIndex: 'any' } },
      b: 'host',
    },
    links: [
      ['me', 'r1'],
      ['r1', 'b'],
    ],
  },
  sysctl: { r1: { 'ipv4.icmp_echo_enable_probe': 1 } },
  cases: [
    ...cases(
      'an interface asked for by name is up and has both families (RFC 8335 §4)',
      '2000 0f51 0008 0301 65746831',
      0,
      7,
    ),
    ...cases('so is one asked for by its address', '2000 cdee 000c 0303 00010400 0a000101', 0, 7),
    ...cases('there is none of that name', '2000 fe21 0008 0301 6e6f7065', 2, 0),
    {
      name: 'IPv4: a host where it is off says nothing',
      send: { ...ask(4, '2000 0f51 0008 0301 65746831'), to: '10.0.1.2' },
      answers: [],
    },
  ],
}
