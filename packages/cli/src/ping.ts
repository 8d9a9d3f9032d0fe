/** `icmp ping`: iputils' letters, text and exit codes. What they do is in ping/run.ts. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration } from './duration.ts'
import type { OpenVantage } from './lab/vantage.ts'
import { type Flags, run } from './ping/run.ts'

/** iputils letters that we do not have, and what to use instead. */
const REFUSED: Record<string, string> = {
  '-B': 'the source address stays as it is anyway; -I ADDRESS sets it',
  '-C': 'errors arrive without connect(): leave it out',
  '-d': 'SO_DEBUG does nothing on Linux; -v says what is done',
  '-e': 'the identifier is chosen at random, and changed after ten losses in a row; replies are matched by a token as well',
  '-E': 'leave it out',
  '-H': 'no name is looked up for an address; resolve it yourself with `getent hosts ADDRESS`',
  '-k': 'leave it out',
  '-L': 'leave it out: our own multicast requests are never taken for replies',
  '-o': 'use -c 1 -w TIME: it ends with the first reply',
  '-N': 'use --type nodeinfo, with --ask name|addresses|ip4-addresses',
  '-r': 'use -I INTERFACE: the packet then leaves there',
  '-S': 'buffers are sized by themselves, and what they lose is counted; -l sends ahead',
  '-U': 'use --clock user to see the time between our own two system calls; kernel stamps are better',
}

/** `openVantage`: where the lab is in the bundle. */
export function register(program: Command, openVantage?: OpenVantage): void {
  const command = program
    .command('ping')
    .description('ask hosts whether they are there, and tell all that comes back')
    .argument('<target...>', 'addresses (fe80::1%eth0 with a zone) or names')
    .usage('[options] <target...>')
    .allowExcessArguments(false)
    .exitOverride()

  const add = (o: Option) => command.addOption(o)
  add(new Option('-4, --ipv4', 'IPv4 only').conflicts('ipv6'))
  add(new Option('-6, --ipv6', 'IPv6 only'))
  add(new Option('--all-addresses', 'every address of each name, both families'))
  add(
    new Option('-c, --count <n>', 'stop after so many probes a target (with -w: so many replies)').argParser(
      whole(1, 2 ** 53 - 1),
    ),
  )
  add(
    new Option('-i, --interval <time>', 'between two probes to a target, seconds or 200ms')
      .default(1000, '1s')
      .argParser((text) => time(text)),
  )
  add(
    new Option('-W, --timeout <time>', 'after which a probe is lost; a later reply corrects it')
      .default(4000, '4s')
      .argParser(patience),
  )
  add(new Option('-w, --deadline <time>', 'end the run after this; 0 = never').argParser((text) => time(text, 365)))
  add(new Option('-s, --size <octets>', 'payload octets').default(56).argParser(whole(0, 65_527)))
  add(new Option('-p, --pattern <hex>', 'fill the payload with this').argParser(pattern))
  add(new Option('-t, --ttl <n>', 'TTL or hop limit').argParser(whole(1, 255)))
  add(new Option('-Q, --tos <n>', 'TOS or traffic class octet, decimal or 0x…').argParser(tos))
  add(new Option('--dscp <name>', 'the same by DSCP: 0…63, or EF, AF11, CS1 …').argParser(dscp).conflicts('tos'))
  add(
    new Option('-M, --pmtudisc <mode>', 'do (never fragment), want, dont, probe (ignore the cached path MTU)').choices([
      'do',
      'want',
      'dont',
      'probe',
    ]),
  )
  add(new Option('-I, --interface <name|address>', 'interface or VRF to use, or source address'))
  add(new Option('-m, --mark <n>', 'SO_MARK, for policy routing').argParser(tos32))
  add(new Option('-F, --flowlabel <n>', 'IPv6 flow label, hex').argParser(flowLabel))
  add(new Option('-A, --adaptive', 'the next probe leaves when the last is answered').conflicts('flood'))
  add(new Option('-f, --flood', 'as fast as answers come, within --rate and --budget; dots for what is missing'))
  add(new Option('--rate <n>', 'at most so many packets a second in all (with -f: 10000)').argParser(rate))
  add(
    new Option('--budget <n>', 'stop after so many packets (with -f and neither -c nor -w: 100000)').argParser(
      whole(1, 2 ** 53 - 1),
    ),
  )
  add(new Option('-l, --preload <n>', 'probes that leave at once at the start').argParser(whole(1, 65_536)))
  add(new Option('-R, --record-route', 'ask routers to record themselves (IPv4)').conflicts('timestampOption'))
  add(
    new Option(
      '-T, --timestamp-option <what>',
      'tsonly, tsandaddr, or up to four hosts separated by commas (IPv4)',
    ).argParser(timestampOption),
  )
  add(new Option('-b, --broadcast', 'allow a broadcast address; any source may answer'))
  add(new Option('-D, --time', 'print the time of day in front'))
  add(new Option('-O, --outstanding', 'say what is unanswered when the next probe leaves'))
  add(new Option('-a, --audible', 'ring the bell for each reply'))
  add(new Option('-n, --numeric', 'no names for addresses (always so here)'))
  add(new Option('-3, --precise', 'round trips with all digits'))
  add(new Option('-q, --quiet', 'the summary only'))
  add(new Option('-v, --verbose', 'say which door was taken, why, and what it cannot do; show each timeout'))
  add(
    new Option('--type <question>', 'echo, timestamp, probe=INTERFACE, probe-neighbor=ADDRESS, nodeinfo')
      .default({ kind: 'echo' }, 'echo')
      .argParser(question),
  )
  add(
    new Option('--ask <what>', 'with --type nodeinfo').choices(['name', 'addresses', 'ip4-addresses']).default('name'),
  )
  add(
    new Option('--door <name>', 'which way to the kernel')
      .choices(['auto', 'ping-socket', 'raw-socket'])
      .default('auto'),
  )
  add(
    new Option('--clock <which>', 'kernel stamps, or the time between our own system calls')
      .choices(['kernel', 'user'])
      .default('kernel'),
  )
  add(new Option('--netns <name|pid>', 'from inside that network namespace'))
  add(
    new Option(
      '--lab <file>',
      'in the simulated network of that file, in virtual time, without privileges; targets may be its nodes',
    ).conflicts(['netns', 'mark', 'door', 'clock']),
  )
  add(new Option('--from <node>', 'with --lab: the node that asks (the first host)'))
  add(
    new Option(
      '--pcap <file>',
      'write all packets to a pcapng file; - = standard output, the lines then to standard error',
    ),
  )
  add(new Option('--json', 'one JSON object a line'))
  for (const letter of Object.keys(REFUSED)) {
    command.addOption(new Option(`${letter} [value]`, REFUSED[letter]!).hideHelp())
    command.on(`option:${letter.slice(1)}`, () =>
      command.error(`error: icmp ping has no ${letter}: ${REFUSED[letter]}`),
    )
  }
  command.action(async (targets: string[], options: Record<string, unknown>) => {
    if (options.deadline === 0) delete options.deadline
    process.exitCode = await run(targets, options as unknown as Flags, openVantage)
  })
}

function bad(what: string): InvalidArgumentError {
  return new InvalidArgumentError(what)
}

function whole(low: number, high: number): (text: string) => number {
  return (text) => {
    const n = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!(n >= low && n <= high)) throw bad(`a whole number from ${low} to ${high} is wanted.`)
    return n
  }
}

const DAY = 86_400_000

function time(text: string, days = 7): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms > days * DAY)
    throw bad(`a time is wanted, ${days} days at most: seconds, or with a unit as in 200ms, 1.5s, 2m.`)
  return ms
}

function patience(text: string): number {
  const ms = time(text)
  // iputils' -W 0 waits for ever.
  if (ms === 0) throw bad('more than zero is wanted; a long time, as in 1h, where it is to wait for ever.')
  return ms
}

function rate(text: string): number {
  const n = Number(text)
  if (!(n > 0 && n <= 1e7)) throw bad('packets a second are wanted, up to 10000000.')
  return n
}

function number(text: string, high: number): number {
  const n = /^(0x[0-9a-f]+|\d+)$/i.test(text) ? Number(text) : Number.NaN
  if (!(n >= 0 && n <= high)) throw bad(`a number from 0 to ${high} is wanted, decimal or 0x….`)
  return n
}

const tos = (text: string) => number(text, 255)
const tos32 = (text: string) => number(text, 0xffffffff)
const flowLabel = (text: string) => number(/^0x/i.test(text) ? text : `0x${text}`, 0xfffff)

/** RFC 2474, 2597, 3246, 5865, 8622. */
function dscp(text: string): number {
  const name = text.toUpperCase()
  const af = /^AF([1-4])([1-3])$/.exec(name)
  const cs = /^CS([0-7])$/.exec(name)
  const value =
    name === 'EF'
      ? 46
      : name === 'VA'
        ? 44
        : name === 'LE'
          ? 1
          : name === 'BE' || name === 'DF'
            ? 0
            : af !== null
              ? Number(af[1]) * 8 + Number(af[2]) * 2
              : cs !== null
                ? Number(cs[1]) * 8
                : number(text, 63)
  return value << 2
}

function pattern(text: string): Uint8Array {
  const digits = text.replace(/^0x/i, '')
  if (!/^([0-9a-f]{1,2}|([0-9a-f]{2}){1,16})$/i.test(digits))
    throw bad('up to 16 octets in hex are wanted, as in ff or 00ff.')
  return Uint8Array.from((digits.length === 1 ? `0${digits}` : digits).match(/../g)!, (h) => Number.parseInt(h, 16))
}

function timestampOption(text: string): 'only' | 'and-address' | string[] {
  if (text === 'tsonly') return 'only'
  if (text === 'tsandaddr') return 'and-address'
  const hosts = text
    .replace(/^tsprespec[, ]?/, '')
    .split(/[, ]+/)
    .filter((h) => h !== '')
  if (hosts.length < 1 || hosts.length > 4)
    throw bad('tsonly, tsandaddr, or one to four IPv4 addresses separated by commas are wanted.')
  return hosts
}

function question(text: string): unknown {
  if (text === 'echo' || text === 'timestamp') return { kind: text }
  if (text === 'nodeinfo') return { kind: 'nodeinfo', asks: 'name' }
  const probe = /^probe(-neighbor)?=(.+)$/.exec(text)
  if (probe !== null) return { kind: 'probe', interface: probe[2], neighbor: probe[1] !== undefined }
  if (text.startsWith('probe')) throw bad('name the interface: --type probe=eth0 (or its index or address).')
  throw bad(
    'echo, timestamp, probe=INTERFACE, probe-neighbor=ADDRESS or nodeinfo is wanted; `icmp send` sends any other type.',
  )
}
