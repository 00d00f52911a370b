/** The measurable part of the house rules. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { renderChecksReference } from '../../scripts/checks-reference.ts'
import { STATUS_CODES } from '../../src/admin/problem.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SRC = join(ROOT, 'src')

interface Source {
  /** Path below src. */
  readonly path: string
  readonly text: string
  readonly lines: readonly string[]
  /** Files of src that it imports, statically or not. */
  readonly imports: readonly string[]
}

const sources = readSources(SRC)

function readSources(folder: string): readonly Source[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path))
    .map((path) => {
      const text = readFileSync(join(folder, path), 'utf8')
      const imports = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, specifier]) =>
        relative(folder, resolve(dirname(join(folder, path)), specifier as string)),
      )
      return { path, text, lines: text.split('\n'), imports }
    })
}

/** The map from the ground up. A folder may import its own floor's lower neighbours and everything below. */
const FLOORS: readonly (readonly string[])[] = [
  ['core'],
  ['pool', 'embedded', 'storage'],
  ['query', 'schema'],
  ['migrate', 'access'],
  ['partitions', 'encryption', 'cache'],
  ['audit', 'monitor', 'opentelemetry'],
  ['alerts'],
  ['identity', 'conversations', 'backup', 'validation'],
  ['sessions', 'advisor'],
  ['prometheus'],
  ['testing'],
  ['admin'],
  [''], // index.ts, config.ts and what assembles the house
  ['fastify', 'nestjs'], // the house in somebody's framework
  ['cli'],
]

/** The console's rooms from the ground up: the same rules. */
const CONSOLE = join(ROOT, 'dashboard/src')
const CONSOLE_FLOORS: readonly string[] = [
  'words',
  'style',
  'api',
  'place',
  'live',
  'parts',
  'pages',
  'shell',
  'gallery',
  '',
]
const consoleSources = readSources(CONSOLE).filter(({ path }) => path !== 'api/operations.ts')

const roomOf = (path: string): string => (path.includes('/') ? (path.split('/')[0] as string) : '')
const floorOf = (room: string): number => FLOORS.findIndex((floor) => floor.includes(room))

describe('layers', () => {
  test('every folder has its place on the map', () => {
    expect([...new Set(sources.map(({ path }) => roomOf(path)))].filter((room) => floorOf(room) < 0)).toEqual(
      [],
    )
  })

  test('imports run downwards, and reach another capability through its index.ts only', () => {
    const faults = sources.flatMap(({ path, imports }) =>
      imports.flatMap((target) => {
        const [from, to] = [roomOf(path), roomOf(target)]
        if (from === to) return []
        const upwards = floorOf(to) >= floorOf(from) ? [`${path} imports upwards: ${target}`] : []
        // Option tables are data: the configuration composes them without loading the capabilities.
        const isOptionTable = path === 'config-tables.ts' && target.endsWith('/options.ts')
        const aside =
          to !== '' && !target.endsWith('/index.ts') && !isOptionTable
            ? [`${path} reaches past the face: ${target}`]
            : []
        return [...upwards, ...aside]
      }),
    )
    expect(faults).toEqual([])
  })

  test('there are no import cycles', () => {
    expect(cyclesIn(sources)).toEqual([])
    expect(cyclesIn(consoleSources)).toEqual([])
  })

  test("the console's rooms stand on each other, and on nothing of the server's", () => {
    const faults = consoleSources.flatMap(({ path, imports }) =>
      imports
        .filter((target) => {
          const [from, to] = [CONSOLE_FLOORS.indexOf(roomOf(path)), CONSOLE_FLOORS.indexOf(roomOf(target))]
          return to < 0 || to > from
        })
        .map((target) => `${path} imports upwards: ${target}`),
    )
    expect(faults).toEqual([])
  })

  test('each capability has a face that lists its exports by name and explains itself', () => {
    const rooms = [...new Set(sources.map(({ path }) => roomOf(path)))].filter(
      (room) => room !== '' && room !== 'cli',
    )
    for (const room of rooms) {
      const face = sources.find(({ path }) => path === `${room}/index.ts`)
      expect(face?.text, `${room}/index.ts`).toMatch(/^\/\*\*/)
      expect(face?.text, `${room}/index.ts`).not.toMatch(/export \*/)
    }
  })
})

describe('files', () => {
  test('are at most 400 lines', () => {
    const all = [...sources, ...consoleSources]
    expect(all.filter(({ lines }) => lines.length > 400).map(({ path }) => path)).toEqual([])
    const tests = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.ts'),
    )
    expect(
      tests.filter((path) => readFileSync(join(ROOT, 'test', path), 'utf8').split('\n').length > 400),
    ).toEqual([])
  })

  test('hold functions of at most 70 lines', () => {
    const faults = [...sources, ...consoleSources].flatMap(({ path, lines }) =>
      longBlocks(lines).map((line) => `${path}:${line}`),
    )
    expect(faults).toEqual([])
  })

  test('are in kebab-case and named after their noun', () => {
    const banned = /^(utils?|helpers?|common|misc|types?)\.tsx?$/
    const faults = [...sources, ...consoleSources].filter(({ path }) => {
      const name = path.split('/').at(-1) as string
      return banned.test(name) || !/^[a-z0-9]+(-[a-z0-9]+)*\.tsx?$/.test(name)
    })
    expect(faults.map(({ path }) => path)).toEqual([])
  })

  test('only the command line ends the process', () => {
    const faults = sources.filter(({ path, text }) => roomOf(path) !== 'cli' && /process\.exit\b/.test(text))
    expect(faults.map(({ path }) => path)).toEqual([])
  })

  test('have no catch without a reason beside it', () => {
    const faults = sources.flatMap(({ path, lines }) =>
      lines.flatMap((line, index) =>
        /catch\s*(\([^)]*\))?\s*\{\s*\}$/.test(line) ? [`${path}:${index + 1}`] : [],
      ),
    )
    expect(faults).toEqual([])
  })
})

describe('error codes', () => {
  const made = new Set(
    sources.flatMap(({ text }) =>
      [...text.matchAll(/code: '(HF_[A-Z0-9_]+)'/g)].map(([, code]) => code as string),
    ),
  )
  const pages = readdirSync(join(ROOT, 'docs/errors'))
    .filter((name) => name.startsWith('HF_'))
    .map((name) => name.replace('.md', ''))

  test('each has its page, and each page its code', () => {
    expect(pages.toSorted()).toEqual([...made].toSorted())
    for (const page of pages) {
      const text = readFileSync(join(ROOT, 'docs/errors', `${page}.md`), 'utf8')
      expect(text, page).toMatch(
        new RegExp(`^# ${page}\n\n.+\n\n## Cause\n\n.+\n\n## Check\n\n.+\n\n## Fix\n\n.+\n$`, 's'),
      )
      expect(readFileSync(join(ROOT, 'docs/errors/README.md'), 'utf8')).toContain(`[${page}](${page}.md)`)
    }
  })

  test('each HTTP status belongs to a code that exists', () => {
    expect(STATUS_CODES.filter((code) => !made.has(code))).toEqual([])
  })

  test('are made in errors.ts, or where a driver error is explained', () => {
    const elsewhere = sources.filter(
      ({ path, text }) => /code: 'HF_/.test(text) && !/(^|\/)(errors|connect-failure)\.ts$/.test(path),
    )
    expect(elsewhere.map(({ path }) => path)).toEqual([])
  })
})

test('every internal link of the documentation leads somewhere', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...markdownBelow('docs')]
  const broken = pages.flatMap((page) => {
    const text = readFileSync(join(ROOT, page), 'utf8')
    return [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
      .map(([, target]) => join(dirname(page), target as string))
      .filter((target) => !existsSync(join(ROOT, target)))
      .map((target) => `${page} -> ${target}`)
  })
  expect(broken).toEqual([])
})

test('the reference of checks is that of the code', async () => {
  const written = readFileSync(join(ROOT, 'docs/reference/checks.md'), 'utf8')
  expect(written, 'run npm run generate').toBe(await renderChecksReference())
})

test('the reference of the query layer names everything that it exports', () => {
  const reference = readFileSync(join(ROOT, 'docs/reference/query.md'), 'utf8')
  for (const room of ['query', 'fastify', 'nestjs']) {
    const face = sources.find(({ path }) => path === `${room}/index.ts`)?.text ?? ''
    const names = [...face.matchAll(/\{([^}]*)\}/g)].flatMap(([, list]) =>
      (list as string).split(',').map((name) => name.replace('type ', '').trim()),
    )
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(reference))).toEqual([])
  }
})

function markdownBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md'))
    .map((path) => join(folder, path))
}

function cyclesIn(all: readonly Source[]): string[] {
  const byPath = new Map(all.map((source) => [source.path, source]))
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path))
      return void cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
    if (done.has(path)) return
    for (const next of byPath.get(path)?.imports ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const { path } of all) visit(path, [])
  return cycles
}

/**
 * Lines where a function of more than 70 lines begins. Formatting makes this simple: a function's closing brace
 * stands in the column where its first line begins.
 */
function longBlocks(lines: readonly string[]): number[] {
  const faults: number[] = []
  for (const [index, line] of lines.entries()) {
    const opens =
      /^(\s*)(?:export )?(?:default )?(?:async )?(?:function\b|(?:static |async |get |#)*[\w#]+(?:<[^>]*>)?\(.*\).*\{$|const \w+.*=>.*\{$)/.exec(
        line,
      )
    if (!opens || /^\s*(if|for|while|switch|return|else|describe|test)\b/.test(line)) continue
    const indent = opens[1] as string
    const end = lines.findIndex(
      (candidate, at) =>
        at > index &&
        (candidate === `${indent}}` ||
          candidate.startsWith(`${indent}})`) ||
          candidate.startsWith(`${indent}},`)),
    )
    if (end - index + 1 > 70) faults.push(index + 1)
  }
  return faults
}
