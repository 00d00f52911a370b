import { ask } from '../api/client.ts'
import { signOut } from '../api/session.ts'
import { PAGES } from '../pages/index.ts'
import { keyOfStatement } from '../pages/statements.tsx'
import { keyOfTable } from '../pages/table-list.tsx'
import { addressOf, go } from '../place/router.ts'
import { chooseRange, type RangeName, RANGES, rangeQuery } from '../place/time-range.ts'
import { chooseTheme, THEMES } from '../style/theme.ts'

/** Something that the palette finds. */
export interface Command {
  readonly id: string
  readonly kind: 'page' | 'command' | 'table' | 'statement'
  readonly title: string
  readonly run: () => void
}

/** What is there without asking anybody. */
export function fixedCommands(help: () => void): readonly Command[] {
  const command = (title: string, run: () => void): Command => ({ id: title, kind: 'command', title, run })
  return [
    ...PAGES.map(({ path, title }): Command => ({
      id: `page:${path}`,
      kind: 'page',
      title,
      run: () => go(addressOf(path, rangeQuery())),
    })),
    ...Object.entries(RANGES).map(([name, { label }]) =>
      command(`Show the last ${label}`, () => chooseRange(name as RangeName)),
    ),
    ...THEMES.map((theme) => command(`Theme: ${theme}`, () => chooseTheme(theme))),
    command('Copy the link to this view', () => void navigator.clipboard.writeText(window.location.href)),
    command('API reference', () => window.location.assign(addressOf('docs'))),
    command('Keys', help),
    command('Sign out', () => void signOut()),
  ]
}

const MOST_ASKED = 1_000

/** Tables and statements of the database; nothing where it cannot be asked. */
export async function databaseCommands(): Promise<readonly Command[]> {
  const [tables, statements] = await Promise.all([
    ask('GET /v1/database/tables', { query: { limit: MOST_ASKED } }).catch(() => ({ data: [] })),
    ask('GET /v1/database/monitoring/slow-queries', { query: { window: 'reset', limit: MOST_ASKED } }).catch(
      () => ({ data: [] }),
    ),
  ])
  return [
    ...tables.data.map((table): Command => {
      const key = keyOfTable(table)
      return {
        id: `table:${key}`,
        kind: 'table',
        title: key,
        run: () => go(addressOf('tables', { open: key })),
      }
    }),
    ...statements.data.flatMap((statement): Command[] => {
      if (statement.query === null) return []
      const key = keyOfStatement(statement)
      const title = statement.query.replaceAll(/\s+/g, ' ').trim().slice(0, 300)
      const run = (): void => go(addressOf('queries', { window: 'reset', open: key }))
      return [{ id: `statement:${key}`, kind: 'statement', title, run }]
    }),
  ]
}

const MOST_SHOWN = 30

/** The commands that hold every word, those that begin with the first before the others. */
export function find(commands: readonly Command[], text: string): readonly Command[] {
  const words = text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '')
  const rank = (title: string): number => {
    const at = title.indexOf(words[0] ?? '')
    return at === 0 ? 0 : /\W/.test(title[at - 1] ?? '') ? 1 : 2
  }
  return commands
    .map((command) => ({ command, title: command.title.toLowerCase() }))
    .filter(({ title }) => words.every((word) => title.includes(word)))
    .map(({ command, title }) => ({ command, rank: rank(title) }))
    .toSorted((a, b) => a.rank - b.rank)
    .slice(0, MOST_SHOWN)
    .map(({ command }) => command)
}
