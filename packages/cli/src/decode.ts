/** `icmp decode`: captures, hex and live interfaces to readable lines. What it does is in decode/run.ts. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Flags, run } from './decode/run.ts'
import { types } from './decode/type-name.ts'

/** Letters of tcpdump and tshark that we do not have, and what to use instead. */
const REFUSED: Record<string, string> = {
  '-e': '-v shows the frame and all headers',
  '-n': 'leave it out: no address or port is ever turned into a name',
  '-r': 'give the file as it is: icmp decode FILE',
  '-t': 'use --utc for times of day in UTC, --json for seconds since 1970',
  '-w': "tcpdump -w FILE 'icmp or icmp6' writes captures, icmp ping --pcap FILE that of a ping",
  '-x': '-v takes each message apart, --json has what it carries as hex',
  '-X': '-v takes each message apart, --json has what it carries as hex',
  '-Y': 'use --type, --code and --addr',
}

export function register(program: Command): void {
  const command = program
    .command('decode')
    .description('print the ICMP messages of a capture, of a hex string, or of a live interface')
    .argument('[input]', 'capture file (pcap or pcapng), hex digits or a hex dump, or - for standard input')
    .usage('[options] <file | hex | -> | -i <interface>')
    .allowExcessArguments(false)
    .exitOverride()
    .addHelpText(
      'after',
      `
Each message is a line in tcpdump's words; -v makes it a tree with the quoted packet and what it means.
Exit code: 0, with --check 1 where a checksum is wrong or a message malformed, 2 where the input can't be read.

  icmp decode trace.pcapng --type unreachable --addr 2001:db8::/32
  icmp decode trace.pcap --check
  icmp decode -v 0800f7fd00010001
  tcpdump -w - icmp | icmp decode -`,
    )
  const add = (o: Option) => command.addOption(o)
  add(new Option('-i, --interface <name>', 'decode live what passes this interface; any = all of them'))
  add(new Option('-v, --verbose', 'a tree a message: headers, fields, quote, extensions, meaning'))
  add(new Option('--json', 'one JSON object a line').conflicts('verbose'))
  add(new Option('--check', 'only what is wrong: bad checksums and malformed messages, with reason and offset'))
  add(
    new Option('--as <what>', 'how to read hex, whatever it looks like').choices(['icmp4', 'icmp6', 'ip', 'ethernet']),
  )
  add(new Option('-4, --ipv4', 'ICMPv4 only').conflicts('ipv6'))
  add(new Option('-6, --ipv6', 'ICMPv6 only'))
  add(
    new Option(
      '--type <types>',
      'only these types: numbers, or names as in echo-request, separated by commas',
    ).argParser(typeList),
  )
  add(new Option('--code <codes>', 'only these codes, separated by commas').argParser(codeList))
  add(new Option('--addr <address>', 'only from or to this address or prefix (192.0.2.0/24)'))
  add(new Option('-c, --count <n>', 'stop after so many messages').argParser(positive))
  add(new Option('-#, --number', "each packet's number in front, from 1 as Wireshark counts"))
  add(new Option('--utc', 'times of day in UTC, not in the local zone'))
  add(new Option('--netns <name|pid>', 'with -i: the interface is in that network namespace'))
  for (const letter of Object.keys(REFUSED)) {
    command.addOption(new Option(`${letter} [value]`, REFUSED[letter]!).hideHelp())
    command.on(`option:${letter.slice(1)}`, () =>
      command.error(`error: icmp decode has no ${letter}: ${REFUSED[letter]}`),
    )
  }
  command.action(async (input: string | undefined, options: Record<string, unknown>) => {
    process.exitCode = await run(input, options as unknown as Flags)
  })
}

function typeList(text: string, before: number[][] | undefined): number[][] {
  const list = before ?? []
  for (const one of text.split(',')) {
    const found = types(one)
    if (found === undefined)
      throw new InvalidArgumentError('types are numbers from 0 to 255, or names as in echo-request or packet-too-big.')
    list.push(found)
  }
  return list
}

function codeList(text: string, before: number[] | undefined): number[] {
  const list = before ?? []
  for (const one of text.split(',')) {
    if (!/^\d{1,3}$/.test(one) || Number(one) > 255) throw new InvalidArgumentError('codes are numbers from 0 to 255.')
    list.push(Number(one))
  }
  return list
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('a whole number from 1 is wanted.')
  return Number(text)
}
