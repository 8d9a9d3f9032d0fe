/** `icmp`: one file a command, and one bundle a command (entry/), since each file read is a millisecond of start-up. */
import { Command, CommanderError } from 'commander'
import { put, remark } from './output.ts'

export interface CommandModule {
  register(program: Command): void
}

/** Parses the command line and runs; ends the process. */
export async function main(commands: readonly CommandModule[]): Promise<never> {
  const program = new Command('icmp')
    .description('ICMP for people: ask, decode, explain')
    .version(__VERSION__, '-V, --version', 'print the version')
    .helpCommand('help [command]', 'show how a command is used')
    .showHelpAfterError('(icmp help shows the commands)')
    .configureOutput({ writeOut: (text) => put(1, Buffer.from(text)), writeErr: remark })
    .exitOverride()
    .enablePositionalOptions()
  for (const c of commands) c.register(program)
  for (const c of program.commands) {
    c.version(__VERSION__, '-V, --version', 'print the version')
    c.showHelpAfterError(`(icmp help ${c.name()} shows the options)`)
    for (const s of c.commands) s.showHelpAfterError(`(icmp ${c.name()} help ${s.name()} shows the options)`)
  }
  try {
    await program.parseAsync(process.argv)
  } catch (e) {
    if (e instanceof CommanderError) {
      // Help and version are answers; everything else commander throws is a wrong call.
      process.exitCode = e.exitCode === 0 ? 0 : 2
    } else {
      remark(`icmp: ${e instanceof Error ? e.message : String(e)}\n`)
      process.exitCode = 2
    }
  }
  // Everything is closed and written; taking the heap apart first would cost 5 ms.
  process.exit()
}

/** Put in by the bundler. */
declare const __VERSION__: string
