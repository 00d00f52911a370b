import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type MigrateTarget, userHistory } from '../../src/migrate/index.ts'
import { scratch } from './scratch.ts'

/** The files of one migration by name; a string is its `up.sql`, without a way back. */
export type Files = string | Readonly<Record<string, string>>

let made = 0

/** A folder of migrations for a database: made as the test goes, and removed after it. */
export class MigrationFolder {
  readonly directory = scratch('migrations')
  readonly target: MigrateTarget
  /** What was added, the oldest first. */
  readonly ids: string[] = []

  constructor(url: string) {
    this.target = { url, directory: this.directory, history: userHistory('holdfast') }
  }

  /** Writes one migration behind all others; returns its id. */
  add(files: Files, name = 'step'): string {
    made += 1
    const id = `20260101T${String(made).padStart(6, '0')}Z_${name}`
    this.write(id, files)
    this.ids.push(id)
    return id
  }

  /** Writes the files of one migration, over those that are there. */
  write(id: string, files: Files): void {
    mkdirSync(join(this.directory, id), { recursive: true })
    const head =
      typeof files === 'string' && files.includes('irreversible') ? '' : '-- holdfast: irreversible\n'
    const all = typeof files === 'string' ? { 'up.sql': `${head}${files}` } : files
    for (const [name, text] of Object.entries(all)) writeFileSync(join(this.directory, id, name), text)
  }
}

/** `up.sql` of a migration without transaction. */
export const stepwise = (sql: string): string => `-- holdfast: transaction=off irreversible\n${sql}`
