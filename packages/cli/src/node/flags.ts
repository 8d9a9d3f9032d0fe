/** The options that `icmp host` and `icmp gateway` share, and how a port is written on the command line. */

import { InvalidArgumentError, Option } from 'commander'
import type { NodePort } from 'icmpkit'
import { parseDuration } from '../duration.ts'

export function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text]
}

export function portOption(): Option {
  return new Option(
    '--port <iface=addresses>',
    'an interface and its addresses: eth1=192.0.2.9/24,2001:db8::9/64; tun:NAME=… and tap:NAME=… make one; eth1.10=… is VLAN 10 of eth1; again for more',
  ).argParser((text: string, before: NodePort[] | undefined) => [...(before ?? []), parsePort(text)])
}

export function commonOptions(role: 'host' | 'gateway'): Option[] {
  return [
    new Option('--via <gateway>', 'default gateway, fe80::1%eth1 with a zone; again for the other family').argParser(
      collect,
    ),
    new Option('--config <file>', 'read ports, routes and switches from a YAML file; SIGHUP reads it anew'),
    new Option(
      '--set <switch=value>',
      'any switch of the stack: ip4.ttl=128, ip6.errorLimit.rate=10; again for more',
    ).argParser(collect),
    new Option(
      '--extended-echo',
      'answer questions about interfaces and neighbours to all (RFC 8335; icmp ping --type probe=…)',
    ),
    new Option(
      '--kernel <iface=addresses>',
      'of a tun or tap: what the kernel’s side is given, and it is set up',
    ).argParser(collect),
    new Option(
      '--conflict-check <how>',
      'is anybody else there? full: as RFC 5227 and RFC 4862 time it (6 s), fast: the same packets within a second, off',
    )
      .choices(['full', 'fast', 'off'])
      .default('full'),
    new Option(
      '--busy-poll <time>',
      'after each frame do not sleep for this long but look for the next one: sooner answers, for a whole core meanwhile; 200ms',
    ).argParser((text: string) => {
      const ms = parseDuration(text, 'ms')
      if (ms === undefined) throw new InvalidArgumentError('a time is wanted, as 200ms.')
      return ms
    }),
    new Option('--netns <name|pid>', 'the interfaces are in that network namespace'),
    new Option('--force', 'take interfaces on which the kernel has addresses of its own'),
    new Option('--json', 'one JSON object a line: ready, what happens, summary').conflicts('live'),
    new Option('--live', 'the counters as a table that is drawn anew each second (a terminal’s default)'),
    new Option('-q, --quiet', 'only the first line and the counters at the end'),
    new Option('-w, --deadline <time>', 'end after this: 10s, 5m').argParser((text: string) => {
      const ms = parseDuration(text)
      if (ms === undefined || ms <= 0) throw new InvalidArgumentError('a time is wanted, as 10s or 5m.')
      return ms
    }),
    ...(role === 'host'
      ? [new Option('--no-autoconf', 'take no addresses and routers from router advertisements (IPv6)')]
      : []),
  ]
}

/** `eth1=192.0.2.9/24,2001:db8::9/64`, `tun:ik0=…`, `eth1.10=…` */
export function parsePort(text: string): NodePort {
  const at = text.indexOf('=')
  const left = at < 0 ? text : text.slice(0, at)
  const addresses = at < 0 || at === text.length - 1 ? [] : text.slice(at + 1).split(',')
  const made = /^(tun|tap):(.+)$/.exec(left)
  if (made !== null) return { door: made[1] as 'tun' | 'tap', name: made[2]!, addresses }
  if (left === '') throw new InvalidArgumentError('it must read INTERFACE=ADDRESS/LENGTH[,ADDRESS/LENGTH…].')
  const vlan = /^(.+)\.(\d{1,4})$/.exec(left)
  return vlan === null ? { name: left, addresses } : { name: vlan[1]!, vlan: Number(vlan[2]), addresses }
}
