#!/usr/bin/env node
// Says what is wrong on an older Node before anything is loaded that such a Node cannot read.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`holdfast needs Node 22.18 or newer; this is ${process.version}. Install a newer one.`)
  process.exit(1)
}
const { main } = await import('./main.ts')
await main(process.argv)
