// Plain JavaScript with old syntax on purpose: it must be able to speak on the very Node it refuses.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    'Holdfast needs Node 22.18 or newer; this is ' +
      process.version +
      '.\n' +
      'The repository brings its own Node as a package, whose install script was skipped here.\n' +
      'Run "npm ci" again without --ignore-scripts, then use "npm start", "npm test" or "npm exec".',
  )
  process.exit(1)
}
