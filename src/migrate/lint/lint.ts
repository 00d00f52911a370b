import { sqlParser } from '../../core/index.ts'
import { refuseUnknownAllowance } from './allowances.ts'
import type { Script } from '../format/script.ts'
import { splitStatements, type Statement } from '../format/statements.ts'
import { inferEffects } from './effects.ts'
import type { LintFinding } from './finding.ts'
import { learn, worldOf } from './learning.ts'
import { blockedBy } from './locks.ts'
import type { RuleContext, ScriptCourse, Verdict } from './rule.ts'
import { RULES } from './rules.ts'
import { follow } from './rules/script-rules.ts'
import { type Knowledge, World } from './world.ts'

/** What the linter knows besides the files. */
export interface LintOptions {
  /** The database as it is before the first script: from a live one or a snapshot. */
  readonly catalog?: Knowledge | undefined
  /** Major version of the server that the scripts are for. Default 18. */
  readonly version?: number | undefined
}

/** What the linter thinks that a statement does. */
export type Doing = Pick<LintFinding, 'lock' | 'blocks' | 'scans' | 'rewrites'>

/** What the linter said of a statement, and what it thinks the statement does. */
export interface LintedStatement {
  readonly statement: Statement
  readonly doing: Doing
  readonly findings: readonly LintFinding[]
}

const NEWEST_VERSION = 18
/** A statement may be megabytes long. */
const SHOWN_LENGTH = 300

/**
 * Looks at scripts in the order in which they run, each knowing what those before it did.
 *
 * @returns findings in the order of the files, without those that an `allow` gives its consent to
 * @throws HF_MIGRATE_SYNTAX, HF_MIGRATE_DIRECTIVE for an `allow` of a rule that does not exist
 */
export async function lintScripts(
  scripts: readonly Script[],
  options: LintOptions = {},
): Promise<LintFinding[]> {
  const linter = await Linter.create(options)
  const findings: LintFinding[] = []
  for (const script of scripts)
    for (const { findings: found } of await linter.lint(script)) findings.push(...found)
  return findings
}

/** The linter with what it has learned so far. */
export class Linter {
  readonly world: World
  readonly #version: number

  private constructor(world: World, { version }: LintOptions) {
    this.world = world
    this.#version = version ?? NEWEST_VERSION
  }

  static async create(options: LintOptions = {}): Promise<Linter> {
    const { parse } = await sqlParser()
    return new Linter(options.catalog ? worldOf(options.catalog, parse) : new World(false), options)
  }

  /** Looks at one script, and learns what it does. */
  async lint(script: Script): Promise<LintedStatement[]> {
    this.world.beginScript()
    refuseUnknownAllowance(script)
    if (script.language === 'typescript') return []
    const statements = await splitStatements(script)
    const linted: LintedStatement[] = []
    const course: ScriptCourse = { hasBlocked: false, lockTimeoutMs: undefined, enumValues: [], newEnums: [] }
    for (const statement of statements) {
      const doing = this.#doing(statement)
      linted.push({ statement, doing, findings: await this.#look(script, statement, course, doing) })
      follow(course, { node: statement.node, world: this.world, version: this.#version })
      learn(this.world, statement.node)
    }
    return linted
  }

  async #look(
    script: Script,
    statement: Statement,
    course: ScriptCourse,
    doing: Doing,
  ): Promise<LintFinding[]> {
    const context: RuleContext = {
      statement,
      node: statement.node,
      script,
      inTransaction: script.directives.inTransaction,
      course,
      world: this.world,
      version: this.#version,
    }
    const findings: LintFinding[] = []
    const allowed = new Set(script.directives.allows.map(({ rule }) => rule))
    for (const { id, check } of RULES) {
      if (allowed.has(id)) continue
      for (const verdict of await check(context)) findings.push(findingOf(id, verdict, context, doing))
    }
    return findings
  }

  #doing({ node }: Statement): Doing {
    const effects = inferEffects(node, this.world, this.#version)
    const { lock, tables, scans, rewrites } = effects.summary(this.world)
    const what = lock === null ? 'nothing' : blockedBy(lock)
    return { lock, blocks: what === 'nothing' ? null : { tables, what }, scans, rewrites }
  }
}

function findingOf(
  rule: string,
  { severity, message, safe }: Verdict,
  { statement, script }: RuleContext,
  doing: Doing,
): LintFinding {
  return {
    rule,
    file: script.path,
    line: statement.line,
    statement: statement.text.slice(0, SHOWN_LENGTH),
    severity,
    ...doing,
    message,
    safe: safe ?? null,
    evidence: 'inferred',
  }
}
