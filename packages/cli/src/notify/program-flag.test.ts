import { expect, test } from 'vitest'
import { parseProbe, parseProgram } from './program-flag.ts'

test('a program is its name, protocol and port, and words behind them', () => {
  expect(parseProgram('dns=udp/53')).toEqual({ name: 'dns', protocol: 'udp', port: 53 })
  expect(
    parseProgram(
      'my web=tcp/8080,unit=nginx,probe=http:/healthz,every=2s,timeout=300ms,failures=2,at=::1,grace=1s,reset',
    ),
  ).toEqual({
    name: 'my web',
    protocol: 'tcp',
    port: 8080,
    unit: 'nginx',
    probe: { kind: 'http', path: '/healthz', every: 2000, timeout: 300, failures: 2, address: '::1' },
    grace: 1000,
    reset: true,
  })
  expect(parseProgram('d=udp/1,pid=7,code=admin,message=moving house,back-in=10m,reset=false')).toEqual({
    name: 'd',
    protocol: 'udp',
    port: 1,
    pid: 7,
    code: 'admin',
    message: 'moving house',
    backIn: 600,
    reset: false,
  })
})

test.each([
  ['dns', 'NAME=udp/PORT'],
  ['=udp/53', 'NAME=udp/PORT'],
  ['dns=sctp/53', 'NAME=udp/PORT'],
  ['dns=udp/53,probe', 'probe: a value is wanted'],
  ['dns=udp/53,probe=ftp', 'expected udp[:payload], dns, tcp or http[:/path]'],
  ['dns=udp/53,probe=udp:0xabc', 'hex digits in pairs'],
  ['dns=udp/53,every=1s', 'say probe=… first'],
  ['dns=udp/53,grace=soon', 'expected a time'],
  ['dns=udp/53,code=3', 'expected port or admin'],
  ['dns=udp/53,pid=named', 'pid: named; expected the number of a process'],
  ['dns=udp/53,reset=perhaps', 'true or false'],
  ['dns=udp/53,colour=red', 'colour: no such word; expected pid, unit'],
])('%j says what is wrong', (text, why) => {
  expect(() => parseProgram(text)).toThrow(why)
})

test('a UDP probe sends text, octets, or a question that each DNS server answers', () => {
  expect(parseProbe('udp')).toEqual({ kind: 'udp' })
  expect(parseProbe('udp:ping')).toEqual({ kind: 'udp', payload: Buffer.from('ping') })
  expect(parseProbe('udp:0x00Ff')).toEqual({ kind: 'udp', payload: Buffer.from([0, 255]) })
  // RFC 1035 §4.1: an id, a standard query without recursion, one question: the root, SOA (6), IN (1).
  const { payload } = parseProbe('dns')
  expect(Buffer.from(payload!).toString('hex')).toBe('1c4d00000001000000000000' + '00' + '0006' + '0001')
})
