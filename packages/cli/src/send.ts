/** `icmp send`: any message, and what it draws. What it does is in send/run.ts, loaded when it runs. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from './duration.ts'
import type { OpenVantage } from './lab/vantage.ts'

/** `openVantage`: where the lab is in the bundle. */
export function register(program: Command, openVantage?: OpenVantage): void {
  const command = program
    .command('send')
    .description('send any ICMP message, and show the reply or the error that it draws')
    .argument('<target>', 'an address (fe80::1%eth0 with a zone) or a name')
    .allowExcessArguments(false)
    .exitOverride()
    .addHelpText(
      'after',
      `
The message comes from fields (--type and what belongs to it), from JSON as \`icmp decode --json\` prints it, or from hex.
Exit code: 0 a reply or an error came, or nothing answers such a message; 1 nothing came; 2 it could not be sent.

  icmp send 192.0.2.1 --type timestamp-request
  icmp send 192.0.2.1 --type unreachable --code port --quote 4500001c… --mpls 100:0:1:64
  icmp send ff02::1%eth0 --type neighbor-solicitation --set target=fe80::1
  icmp send fe80::1%eth0 --json-message '{"kind":"routerSolicitation"}'
  icmp send 192.0.2.1 --type 99 --rest 00000000 --dry-run
  icmp send 192.0.2.1 --hex 0800000000010001`,
    )
  const add = (o: Option) => command.addOption(o)
  add(new Option('-4, --ipv4', 'IPv4 only').conflicts('ipv6'))
  add(new Option('-6, --ipv6', 'IPv6 only'))
  add(new Option('--type <type>', 'a number, or a name as in echo-request, unreachable, router-solicitation'))
  add(new Option('--code <code>', 'a number, or a name as in port, host-unreachable'))
  add(new Option('--id <n>', 'identifier (random where not given)').argParser(number(0xffff)))
  add(new Option('--seq <n>', 'sequence (1 where not given)').argParser(number(0xffff)))
  add(new Option('--data <hex>', 'payload of an echo'))
  add(new Option('--text <text>', 'the same as text').conflicts('data'))
  add(new Option('--size <octets>', 'the same, so many octets').argParser(number(65_507)).conflicts(['data', 'text']))
  add(new Option('--mtu <octets>', 'of fragmentation needed, and of packet too big').argParser(number(0xffffffff)))
  add(new Option('--pointer <n>', 'of a parameter problem').argParser(number(0xffffffff)))
  add(new Option('--gateway <address>', 'of an IPv4 redirect'))
  add(new Option('--quote <hex>', 'the original datagram in an error, from its IP header on'))
  add(new Option('--mpls <stack>', 'MPLS labels LABEL:TC:S:TTL[,…] in an error (RFC 4950)').argParser(several))
  add(new Option('--object <object>', 'any extension object, CLASS:CTYPE:HEX (RFC 4884)').argParser(several))
  add(
    new Option('--set <field=value>', 'any other field, called as `icmp decode --json` calls it; repeatable')
      .argParser(several)
      .conflicts(['hex', 'rest']),
  )
  add(new Option('--rest <hex>', 'everything behind the checksum'))
  add(
    new Option('--json-message <json>', 'the message as JSON, with its kind').conflicts([
      'type',
      'code',
      'hex',
      'rest',
    ]),
  )
  add(
    new Option('--hex <octets>', 'the octets of the message; a checksum of zero is made right').conflicts([
      'type',
      'code',
      'rest',
    ]),
  )
  add(new Option('--bad-checksum', 'with a wrong checksum'))
  add(new Option('-t, --ttl <n>', 'TTL or hop limit (what the RFC asks for, else 64)').argParser(number(255)))
  add(new Option('-Q, --tos <n>', 'TOS or traffic class octet').argParser(number(255)))
  add(new Option('-F, --flow-label <n>', 'IPv6 flow label').argParser(number(0xfffff)))
  add(new Option('--router-alert', 'with the router alert option (MLD has it anyway)'))
  add(new Option('--src <address>', 'source, an address of this machine'))
  add(new Option('-I, --interface <name>', 'leave by this interface or VRF'))
  add(new Option('-m, --mark <n>', 'SO_MARK, for policy routing').argParser(number(0xffffffff)))
  add(new Option('--netns <name|pid>', 'from inside that network namespace'))
  add(
    new Option(
      '--lab <file>',
      'in the simulated network of that file, in virtual time, without privileges; the target may be one of its nodes',
    ).conflicts(['netns', 'mark']),
  )
  add(new Option('--from <node>', 'with --lab: the node that sends (the first host)'))
  add(new Option('-c, --count <n>', 'the same message so many times').default(1).argParser(number(1_000_000, 1)))
  add(new Option('-i, --interval <time>', 'between two').default(1000, '1s').argParser(time))
  add(new Option('-W, --wait <time>', 'for an answer; 0 = send only').default(4000, '4s').argParser(time))
  add(new Option('--dry-run', 'print the octets and what they mean; send nothing'))
  add(new Option('-v, --verbose', 'take each packet apart; say which door was taken, and why'))
  add(new Option('--json', 'one JSON object a line').conflicts('verbose'))
  command.action(async (target: string, options: Record<string, unknown>) => {
    const { run } = await import('./send/run.ts')
    process.exitCode = await run(target, options as unknown as import('./send/run.ts').Flags, openVantage)
  })
}

function number(high: number, low = 0): (text: string) => number {
  return (text) => {
    const n = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN
    if (!(n >= low && n <= high)) throw new InvalidArgumentError(`a number from ${low} to ${high} is wanted.`)
    return n
  }
}

function several(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), text]
}

function time(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms > 86_400_000)
    throw new InvalidArgumentError('a time is wanted: seconds, or with a unit as in 200ms, 1.5s, 2m.')
  return ms
}
