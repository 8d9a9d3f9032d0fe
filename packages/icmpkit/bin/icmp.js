#!/usr/bin/env node
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `icmp: Node ${process.versions.node} is too old: icmpkit needs Node 22.18 or newer.\n` +
      'In a checkout, `npm start` and `npx icmp` bring their own Node; elsewhere: npm install -g node@26\n',
  )
  process.exit(2)
}
const name = process.argv[2]
await import(`../dist/cli/${['ping', 'send', 'decode', 'demo'].includes(name) ? name : 'all'}.js`)
