// Builds dist/ from src/ and dashboard/. Plain JavaScript: it runs as `prepare`, before anyone knows which Node is
// here.
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { execFileSync, spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
if (!existsSync(join(root, 'src'))) process.exit(0)
const packageFolder = (name) => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
rmSync(join(root, 'dist'), { recursive: true, force: true })

// Beside the compiler: each takes about a second.
const vite = spawn(
  process.execPath,
  [join(packageFolder('vite'), 'bin', 'vite.js'), 'build', 'dashboard', '--logLevel', 'warn'],
  { cwd: root, stdio: 'inherit' },
)
const dashboardBuilt = new Promise((resolve, reject) => {
  vite.on('error', reject)
  vite.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`vite ended with ${code}`))))
})
execFileSync(
  process.execPath,
  [join(packageFolder('typescript'), 'bin', 'tsc'), '-p', join(root, 'tsconfig.build.json')],
  { stdio: 'inherit' },
)
execFileSync(process.execPath, [join(root, 'scripts', 'bundle.mjs')], { stdio: 'inherit' })
chmodSync(join(root, 'dist', 'cli', 'bin.js'), 0o755)
await dashboardBuilt

// Once here instead of at each request.
const assets = join(root, 'dist', 'dashboard', 'assets')
for (const name of readdirSync(assets)) {
  const content = readFileSync(join(assets, name))
  writeFileSync(join(assets, `${name}.br`), brotliCompressSync(content))
  writeFileSync(join(assets, `${name}.gz`), gzipSync(content, { level: 9 }))
}
