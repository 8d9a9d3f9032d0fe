/** `icmp`: one file a command. Only the command that was asked for is loaded (start-up is most of a short ping's life). */
import { Command, CommanderError } from 'commander'

interface CommandModule {
  register(program: Command): void
}

const COMMANDS: Record<string, () => Promise<CommandModule>> = {
  ping: () => import('./ping.ts'),
  demo: () => import('./demo.ts'),
  decode: () => import('./decode.ts'),
}

const program = new Command('icmp')
  .description('ICMP for people: ask, decode, explain')
  .version(__VERSION__, '-V, --version', 'print the version')
  .helpCommand('help [command]', 'show how a command is used')
  .showHelpAfterError('(icmp help shows the commands)')
  .exitOverride()
  // A subcommand inherits these; negative numbers and -- stay what they are.
  .enablePositionalOptions()

const asked = process.argv[2] ?? ''
const load = COMMANDS[asked]
for (const each of load === undefined ? Object.values(COMMANDS) : [load]) (await each()).register(program)

try {
  await program.parseAsync(process.argv)
} catch (e) {
  if (e instanceof CommanderError) {
    // Help and version are answers; everything else commander throws is a wrong call.
    process.exitCode = e.exitCode === 0 ? 0 : 2
  } else {
    process.stderr.write(`icmp: ${e instanceof Error ? e.message : String(e)}\n`)
    process.exitCode = 2
  }
}

/** Put in by the bundler. */
declare const __VERSION__: string
