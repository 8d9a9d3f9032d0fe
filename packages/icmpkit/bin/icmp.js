#!/usr/bin/env node
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `icmp: Node ${process.versions.node} is too old: icmpkit needs Node 22.18 or newer.\n` +
      'In a checkout, `npm start` and `npx icmp` bring their own Node; elsewhere: npm install -g node@26\n',
  )
  process.exit(2)
}
// An import would have Node read each property of these modules (docs/decisions/start-up.md).
const { readFileSync, statSync } = process.getBuiltinModule('fs')
const { Script } = process.getBuiltinModule('vm')

const directory = `${import.meta.dirname}/../dist/cli`
const name = process.argv[2]
const own = ['ping', 'send', 'decode', 'host', 'gateway', 'lab', 'listen', 'notify', 'demo'].includes(name)
// A lab is more than a ping has to load: who asks in one does so out of the bundle of all commands.
const inLab = (name === 'ping' || name === 'send') && process.argv.some((a) => a === '--lab' || a.startsWith('--lab='))
const filename = `${directory}/${own && !inLab ? name : 'all'}.js`
const script = new Script(readFileSync(filename, 'utf8'), { filename, cachedData: compiled() })
script.runInThisContext()(filename)

/** The code that the build compiled, believed only where nobody but root or the user who asks could have put it there. */
function compiled() {
  try {
    const { uid, mode } = statSync(directory)
    if ((uid === 0 || uid === process.getuid()) && (mode & 0o022) === 0) return readFileSync(`${filename}.cache`)
  } catch {}
  return undefined
}
