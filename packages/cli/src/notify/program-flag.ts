/** How a program is written on the command line, and what its parts may be; the YAML file uses the same words. */
import type { NoticeProbe, NoticeProgram } from 'icmpkit'
import { parseDuration } from '../duration.ts'

/** What holds for every program that says nothing else. */
export type ProgramDefaults = Partial<Pick<NoticeProgram, 'grace' | 'code' | 'message' | 'backIn' | 'reset'>>

type Draft = { -readonly [K in keyof NoticeProgram]: NoticeProgram[K] }

/** `dns=udp/53`, `web=tcp/80,probe=http:/healthz,grace=1s,reset`. @throws TypeError that says what is wrong */
export function parseProgram(text: string): NoticeProgram {
  const m = /^([^=]+)=(udp|tcp)\/(\d{1,5})(?:,(.*))?$/.exec(text)
  if (m === null) throw new TypeError(`${text}: it must read NAME=udp/PORT or NAME=tcp/PORT`)
  const program: Draft = { name: m[1]!, protocol: m[2] as 'udp' | 'tcp', port: Number(m[3]) }
  for (const part of m[4]?.split(',') ?? []) {
    const at = part.indexOf('=')
    setPart(program, at < 0 ? part : part.slice(0, at), at < 0 ? undefined : part.slice(at + 1))
  }
  return program
}

/** One `key=value` of a program. @throws TypeError */
export function setPart(p: Draft, key: string, value: string | undefined): void {
  const text = () => {
    if (value === undefined || value === '') throw new TypeError(`${key}: a value is wanted, as ${key}=…`)
    return value
  }
  switch (key) {
    case 'pid':
      if (!/^\d+$/.test(text())) throw new TypeError(`pid: ${text()}; expected the number of a process`)
      p.pid = Number(text())
      return
    case 'unit':
      p.unit = text()
      return
    case 'probe':
      p.probe = { ...p.probe, ...parseProbe(text()) }
      return
    case 'every':
    case 'timeout':
      p.probe = { ...probeOf(p), [key]: milliseconds(key, text()) }
      return
    case 'failures':
      p.probe = { ...probeOf(p), failures: Number(text()) }
      return
    case 'at':
      p.probe = { ...probeOf(p), address: text() }
      return
    case 'grace':
      p.grace = milliseconds(key, text())
      return
    case 'code':
      p.code = parseCode(text())
      return
    case 'message':
      p.message = text()
      return
    case 'back-in':
      p.backIn = Math.round(milliseconds(key, text()) / 1000)
      return
    case 'reset':
    case 'elicit':
      if (value !== undefined && value !== 'true' && value !== 'false')
        throw new TypeError(`${key}: true or false is wanted`)
      p[key] = value !== 'false'
      return
    default:
      throw new TypeError(`${key}: no such word; expected ${PARTS.join(', ')}`)
  }
}

/** `udp`, `udp:0x00ff`, `udp:text`, `dns`, `tcp`, `http`, `http:/path`. @throws TypeError */
export function parseProbe(text: string): NoticeProbe {
  const at = text.indexOf(':')
  const kind = at < 0 ? text : text.slice(0, at)
  const rest = at < 0 ? '' : text.slice(at + 1)
  switch (kind) {
    case 'udp':
      return rest === '' ? { kind } : { kind, payload: payloadOf(rest) }
    case 'dns':
      return { kind: 'udp', payload: payloadOf(ROOT_QUESTION) }
    case 'tcp':
      return { kind }
    case 'http':
      return rest === '' ? { kind } : { kind, path: rest }
    default:
      throw new TypeError(`probe: ${text}; expected udp[:payload], dns, tcp or http[:/path]`)
  }
}

/** @throws TypeError */
export function parseCode(text: string): 'port' | 'admin' {
  if (text === 'port' || text === 'admin') return text
  throw new TypeError(`code: ${text}; expected port or admin`)
}

/** @throws TypeError */
export function milliseconds(key: string, text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new TypeError(`${key}: ${text}; expected a time, as 250ms or 10s`)
  return ms
}

function probeOf(p: Draft): NoticeProbe {
  if (p.probe === undefined) throw new TypeError('say probe=… first: the rest is about it')
  return p.probe
}

function payloadOf(text: string): Uint8Array {
  if (!text.startsWith('0x')) return Buffer.from(text)
  const digits = text.slice(2)
  if (!/^([0-9a-f]{2})+$/i.test(digits)) throw new TypeError(`probe: ${text}; expected hex digits in pairs after 0x`)
  return Buffer.from(digits, 'hex')
}

/** A question for the root's SOA (RFC 1035 §4.1): every DNS server has some answer. */
const ROOT_QUESTION = '0x1c4d00000001000000000000000006' + '0001'
export const PARTS: readonly string[] = [
  'pid',
  'unit',
  'probe',
  'every',
  'timeout',
  'failures',
  'at',
  'grace',
  'code',
  'message',
  'back-in',
  'reset',
  'elicit',
]
