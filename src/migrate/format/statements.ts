import { sqlParser } from '../../core/index.ts'
import { createHash } from 'node:crypto'
import type { Node, RawStmt } from '@pgsql/types'
import { syntaxInvalid, transactionCommand } from './errors.ts'
import type { Script } from './script.ts'

/** One statement of a migration. */
export interface Statement {
  /** As it is sent: without the comments before it and without its semicolon. */
  readonly text: string
  /** Where it begins, counted from 1. */
  readonly line: number
  /** PostgreSQL's own parse tree of it. */
  readonly node: Node
  /** Tells it from any other text; the first 16 digits of its SHA-256. */
  readonly hash: string
}

/** Ends or begins the transaction that the runner owns. Savepoints stay inside it and are fine. */
const OUTER_TRANSACTION =
  /^TRANS_STMT_(BEGIN|START|COMMIT|ROLLBACK|PREPARE|COMMIT_PREPARED|ROLLBACK_PREPARED)$/

/**
 * Splits a script with PostgreSQL's own grammar. Statements are sent one at a time: a failure names its line, and
 * several in one message would be one transaction, which CONCURRENTLY does not bear.
 *
 * @throws HF_MIGRATE_SYNTAX with the line, the column and a mark under it
 */
export async function splitStatements({
  text: sql,
  path,
}: Pick<Script, 'text' | 'path'>): Promise<Statement[]> {
  // The parser takes nothing at all for a mistake.
  if (sql.trim() === '') return []
  // The parser would end there, and what follows be run by nobody.
  const nul = sql.indexOf('\0')
  if (nul >= 0) throw syntaxInvalid(path, sql, nul, new Error('a text of PostgreSQL has no NUL in it'))
  const { parse } = await sqlParser()
  let parsed: readonly RawStmt[]
  try {
    parsed = parse(sql).stmts ?? []
  } catch (error) {
    throw syntaxInvalid(path, sql, positionOf(error, sql), error)
  }
  const bytes = Buffer.from(sql)
  let line = 1
  let counted = 0
  return parsed.flatMap(({ stmt, stmt_location: start = 0, stmt_len: length }) => {
    if (stmt === undefined) return []
    // Locations count bytes, and begin right behind the previous semicolon.
    const end = length === undefined || length === 0 ? bytes.length : start + length
    const whole = bytes.toString('utf8', start, end)
    const lead = LEADING_COMMENTS.exec(whole)?.[0] ?? ''
    line += countLines(bytes.toString('utf8', counted, start)) + countLines(lead)
    const text = whole.slice(lead.length)
    counted = end - Buffer.byteLength(text)
    return [{ text: text.trimEnd(), line, node: stmt, hash: hashOf(text.trimEnd()) }]
  })
}

/** @throws HF_MIGRATE_TRANSACTION_COMMAND where the runner's own transaction would be ended or begun */
export function refuseTransactionCommands(statements: readonly Statement[], path: string): void {
  const fault = statements.find(isTransactionCommand)
  if (fault) throw transactionCommand(path, fault.line)
}

/** BEGIN, COMMIT, ROLLBACK and their kind. */
export function isTransactionCommand({ node }: Pick<Statement, 'node'>): boolean {
  return 'TransactionStmt' in node && OUTER_TRANSACTION.test(node.TransactionStmt.kind ?? '')
}

/** Blanks and comments of both kinds; those in C's manner may hold others only as far as one level. */
const LEADING_COMMENTS = /^(?:\s|--[^\n]*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/)*/

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

/** Where the parser stopped, as an index of the string. It counts characters, a string counts UTF-16 units. */
function positionOf(error: unknown, sql: string): number {
  const characters = (error as { sqlDetails?: { cursorPosition?: number } }).sqlDetails?.cursorPosition ?? 0
  let at = 0
  for (let index = 0; index < characters && at < sql.length; index += 1) {
    at += (sql.codePointAt(at) as number) > 0xffff ? 2 : 1
  }
  return at
}

function countLines(text: string): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1
  return count
}
