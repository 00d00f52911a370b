import { syntaxInvalid, transactionCommand } from './errors.ts'
import type { Migration } from './folder.ts'

/** One statement of a migration. */
export interface Statement {
  readonly text: string
  /** Where it begins, counted from 1. */
  readonly line: number
}

/** Ends or begins the transaction that the runner owns. Savepoints stay inside it and are fine. */
const OUTER_TRANSACTION =
  /^TRANS_STMT_(BEGIN|START|COMMIT|ROLLBACK|PREPARE|COMMIT_PREPARED|ROLLBACK_PREPARED)$/

interface ParsedStatement {
  readonly stmt?: { readonly TransactionStmt?: { readonly kind: string } }
  readonly stmt_location?: number
  readonly stmt_len?: number
}

/**
 * Splits a migration with PostgreSQL's own grammar. Statements are sent one at a time, so that a failure names
 * its line.
 *
 * @throws HF_MIGRATE_SYNTAX; HF_MIGRATE_TRANSACTION_COMMAND
 */
export async function splitStatements(migration: Pick<Migration, 'sql' | 'path'>): Promise<Statement[]> {
  // Loaded on first use: the parser is a WebAssembly module of some megabytes.
  const { parse } = await import('libpg-query')
  const { sql, path } = migration
  let parsed: readonly ParsedStatement[]
  try {
    parsed = ((await parse(sql)) as { stmts?: ParsedStatement[] }).stmts ?? []
  } catch (error) {
    // Counted in characters, where a JavaScript string counts UTF-16 units.
    const at = (error as { sqlDetails?: { cursorPosition?: number } }).sqlDetails?.cursorPosition ?? 0
    throw syntaxInvalid(path, 1 + countLines(Array.from(sql).slice(0, at).join('')), error)
  }
  const bytes = Buffer.from(sql)
  let line = 1
  let counted = 0
  return parsed.map((statement) => {
    // Locations count bytes, and begin right behind the previous semicolon.
    const start = statement.stmt_location ?? 0
    const end = statement.stmt_len === undefined ? bytes.length : start + statement.stmt_len
    const whole = bytes.toString('utf8', start, end)
    const lead = /^(\s|--[^\n]*\n)*/.exec(whole)?.[0] ?? ''
    line += countLines(bytes.toString('utf8', counted, start)) + countLines(lead)
    const text = whole.slice(lead.length)
    counted = end - Buffer.byteLength(text)
    if (OUTER_TRANSACTION.test(statement.stmt?.TransactionStmt?.kind ?? ''))
      throw transactionCommand(path, line)
    return { text, line }
  })
}

function countLines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1
  return count
}
