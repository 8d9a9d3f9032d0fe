import { expect, test } from 'vitest'
import { makeKey, parseKeys } from './keys.ts'
import { checkNoticeOptions, type NoticeOptions, type NoticeProgram } from './options.ts'

const DNS: NoticeProgram = { name: 'dns', protocol: 'udp', port: 53 }
const WEB: NoticeProgram = { name: 'web', protocol: 'tcp', port: 80 }

test.each<[string, NoticeOptions]>([
  ['one name twice', { programs: [DNS, { ...WEB, name: 'dns' }] }],
  ['one port twice', { programs: [DNS, { ...DNS, name: 'other' }] }],
  ['a pid and a unit', { programs: [{ ...DNS, pid: 5, unit: 'named' }] }],
  ['pid 0', { programs: [{ ...DNS, pid: 0 }] }],
  ['a unit that leads elsewhere', { programs: [{ ...DNS, unit: '../named' }] }],
  ['a reset of UDP', { programs: [{ ...DNS, reset: true }] }],
  ['an HTTP probe of UDP', { programs: [{ ...DNS, probe: { kind: 'http' } }] }],
  ['a UDP probe of TCP', { programs: [{ ...WEB, probe: { kind: 'udp' } }] }],
  ['a probe of a name', { programs: [{ ...WEB, probe: { kind: 'tcp', address: 'localhost' } }] }],
  ['a path that ends the request', { programs: [{ ...WEB, probe: { kind: 'http', path: '/ HTTP/1.1\r\nX: y' } }] }],
  ['no time between probes', { programs: [{ ...WEB, probe: { kind: 'tcp', every: 0 } }] }],
  ['half a failure', { programs: [{ ...WEB, probe: { kind: 'tcp', failures: 0.5 } }] }],
  ['no rate', { programs: [DNS], rate: 0 }],
  ['a repetition in the past', { programs: [DNS], repeatAfter: -1 }],
  ['a namespace without the rights to enter it', { programs: [DNS], netns: 'x', dropRights: true }],
])('%s is refused before anything is opened', (_, options) => {
  expect(() => checkNoticeOptions(options)).toThrow(/\w/)
})

test('a public key, which signs nothing, is refused', () => {
  const { verifier } = makeKey('ed25519')
  const [key] = parseKeys(verifier!.line)
  expect(() => checkNoticeOptions({ programs: [DNS], key: key! })).toThrow('signs nothing')
})

test('UDP and TCP of one number are two ports, and all that can be said is taken', () => {
  const probe = { kind: 'http', path: '/ok?a=b', address: '::1', every: 100, timeout: 50, failures: 1 } as const
  const programs: NoticeProgram[] = [
    { ...DNS, unit: 'named@1.service', grace: 0, code: 'admin', message: 'x', backIn: 60 },
    { name: 'dns-tcp', protocol: 'tcp', port: 53, pid: 1, probe, reset: true },
  ]
  expect(() => checkNoticeOptions({ programs, rate: 1, burst: 1, repeatAfter: 0, freshness: 1 })).not.toThrow()
})
