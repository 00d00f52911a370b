import type { Kysely } from 'kysely'
import {
  type Catalogue,
  looseForeignKeys,
  readCatalogue,
  type TableState,
  type ViewState,
} from './catalogue.ts'

/** One way around the tenants' borders. */
export interface TenantEscape {
  /** The table, view, function or role. */
  readonly name: string
  readonly problem: string
  /** What to do about it. */
  readonly fix: string
}

/** What is looked for. */
export interface EscapeQuestion {
  readonly tables: readonly string[]
  readonly shared: readonly string[]
  readonly column: string
  readonly schema: string
  readonly setting: string
}

/** The ways around the borders that the catalogue shows, for the role of this session. */
export async function findEscapes(db: Kysely<any>, question: EscapeQuestion): Promise<TenantEscape[]> {
  const plain = db.withoutPlugins()
  const [catalogue, foreignKeys] = await Promise.all([
    readCatalogue(plain, question.column),
    looseForeignKeys(plain, question.column),
  ])
  const borders = new Borders(catalogue, question)
  return [
    ...borders.ofRole(),
    ...borders.ofTables(),
    ...borders.ofPolicies(),
    ...borders.ofViews(),
    ...borders.ofDefiners(),
    ...foreignKeys.map(({ table, name, target }) => ({
      name: table,
      problem: `foreign key ${name} lets a tenant refer to rows of others in ${target}: it is checked past the policies`,
      fix: `make it refer to (${question.column}, ...) on both sides`,
    })),
  ]
}

const CAST =
  /::(character varying|bit varying|double precision|time(?:stamp)? with(?:out)? time zone|"[^"]+"|[\w.]+)(\(\d+(,\d+)?\))?/g

class Borders {
  readonly #catalogue: Catalogue
  readonly #question: EscapeQuestion
  /** Whose rows belong to tenants. */
  readonly #guarded: readonly TableState[]

  constructor(catalogue: Catalogue, question: EscapeQuestion) {
    this.#catalogue = catalogue
    this.#question = question
    this.#guarded = catalogue.tables.filter((table) => table.columnType !== null && !this.#isShared(table))
  }

  ofRole(): TenantEscape[] {
    const { me, passing, isMember } = this.#catalogue
    const name = passing.get(me)
    if (name !== undefined)
      return [
        {
          name,
          problem: 'this role passes over row-level security: no policy holds for it',
          fix: 'connect as a role that is no superuser and has no BYPASSRLS, or give the tenancy one',
        },
      ]
    return [...passing]
      .filter(([role]) => isMember(me, role))
      .map(([, other]) => ({
        name: other,
        problem: 'this role may become it (SET ROLE), and it passes over row-level security',
        fix: `REVOKE ${other} FROM the role of the application`,
      }))
  }

  ofTables(): TenantEscape[] {
    const { tables, schema } = this.#question
    const missing = tables
      .filter((name) => !this.#catalogue.tables.some((its) => this.#isListed(its, name) && its.mayUse))
      .map((name) => ({
        name,
        problem: `is not there in schema ${schema}, or this role may not use it`,
        fix: 'correct its name in the list of tables, or run the check as the role of the application',
      }))
    return [...missing, ...this.#catalogue.tables.flatMap((table) => this.#faultsOf(table))]
  }

  /** Policies widen each other: one that does not ask for the tenant opens the table, whatever the others say. */
  ofPolicies(): TenantEscape[] {
    const { me } = this.#catalogue
    return this.#guarded
      .filter(({ mayUse }) => mayUse)
      .flatMap((table) =>
        this.#foreignPolicies(table, me).map((policy) => ({
          name: table.name,
          problem: `policy ${policy} is none of policies(): it lets through what it says, whoever the tenant is`,
          fix: 'drop it, or make it AS RESTRICTIVE',
        })),
      )
  }

  /** Views read as their owner does, unless they say otherwise; what is stored has no policies at all. */
  ofViews(): TenantEscape[] {
    return this.#catalogue.views
      .filter((view) => view.mayUse)
      .flatMap((view) => {
        if (view.isStored)
          return this.#reaches(view.oid)
            ? [
                {
                  name: view.name,
                  problem: 'this materialized view holds rows of tenants, and has no policies',
                  fix: 'revoke the rights on it, or keep the tenants out of it',
                },
              ]
            : []
        const way = this.#wayThrough(view, this.#catalogue.me)
        return way === undefined
          ? []
          : [
              {
                name: view.name,
                problem: `this view reads rows of tenants as ${way}, and the policies do not hold it back`,
                fix: 'ALTER VIEW ... SET (security_invoker = true) for it and what it reads, or give it to another owner',
              },
            ]
      })
  }

  /** What runs as a role that policies do not hold back may return anything: nobody can tell without reading it. */
  ofDefiners(): TenantEscape[] {
    const { definers } = this.#catalogue
    return definers
      .filter(({ owner }) => this.#guarded.some((table) => this.#isWide(owner, table)))
      .map(({ name }) => ({
        name,
        problem: 'this function runs as its owner, whom the policies do not hold back',
        fix: 'make it SECURITY INVOKER, give it to another owner, or revoke EXECUTE',
      }))
  }

  #faultsOf(table: TableState): TenantEscape[] {
    const { name, columnType, isEnabled, isForced, mayUse, mayTruncate, owner } = table
    const { tables, column, schema } = this.#question
    if (this.#isShared(table)) return []
    if (columnType === null)
      return mayUse && table.schema === schema
        ? [
            {
              name,
              problem: `has no column ${column} and is not listed as shared`,
              fix: 'list it as shared if every tenant may see all of it; else give it the column and a policy',
            },
          ]
        : []
    const protect = tables.some((listed) => this.#isListed(table, listed))
      ? 'run the statements of policies()'
      : 'add it to tables and run policies(), or revoke the rights on it'
    const faults: TenantEscape[] = []
    if (mayUse && !isEnabled) faults.push({ name, problem: 'row-level security is off', fix: protect })
    else if (mayUse && !isForced && this.#catalogue.isMember(this.#catalogue.me, owner))
      faults.push({
        name,
        problem: 'row-level security does not hold for its owner, which this role is',
        fix: protect,
      })
    if (mayTruncate)
      faults.push({
        name,
        problem: 'this role may TRUNCATE it, of which policies know nothing',
        fix: `REVOKE TRUNCATE ON ${name} FROM the role of the application`,
      })
    return faults
  }

  /** As whom a view reads rows of tenants past the policies; undefined when it does not. */
  #wayThrough(view: ViewState, caller: string, seen: readonly string[] = []): string | undefined {
    if (seen.includes(view.oid)) return undefined
    if (view.isStored) return this.#reaches(view.oid) ? 'it was stored' : undefined
    const reader = view.isInvoker ? caller : view.owner
    for (const oid of this.#catalogue.reads.get(view.oid) ?? []) {
      const table = this.#guarded.find((its) => its.oid === oid)
      // What this role can do by itself is told of the table.
      if (table && reader !== this.#catalogue.me && this.#isWide(reader, table)) return 'another role'
      const inner = this.#catalogue.views.find((its) => its.oid === oid)
      const way = inner && this.#wayThrough(inner, reader, [...seen, view.oid])
      if (way !== undefined) return way
    }
    return undefined
  }

  /** A relation that reads a table of tenants, however many views lie between. */
  #reaches(oid: string, seen: readonly string[] = []): boolean {
    if (seen.includes(oid)) return false
    return (this.#catalogue.reads.get(oid) ?? []).some(
      (other) => this.#guarded.some((table) => table.oid === other) || this.#reaches(other, [...seen, oid]),
    )
  }

  /** Whether a role sees more of a table than one tenant's rows. */
  #isWide(role: string, table: TableState): boolean {
    const { passing, isMember } = this.#catalogue
    return (
      passing.has(role) ||
      !table.isEnabled ||
      (!table.isForced && isMember(role, table.owner)) ||
      this.#foreignPolicies(table, role).length > 0
    )
  }

  /** Policies on a table that let a role see or write what ours would not. */
  #foreignPolicies(table: TableState, role: string): string[] {
    const { policies, isMember } = this.#catalogue
    return policies
      .filter((policy) => policy.table === table.oid)
      .filter(({ roles }) => roles.some((to) => to === '0' || isMember(role, to)))
      .filter(({ using, check }) => ![using, check].every((rule) => rule === null || this.#isOurs(rule)))
      .map(({ name }) => name)
  }

  /** The rule of policies(), as PostgreSQL writes it back: casts and parentheses depend on the column's type. */
  #isOurs(rule: string): boolean {
    const { column, setting } = this.#question
    const bare = rule.replaceAll(CAST, '').replaceAll(/[\s()"]/g, '')
    const name = column.replaceAll(/[\s()"]/g, '')
    return bare.replace(/AS\w+$/, '') === `${name}=SELECTNULLIFcurrent_setting'${setting}',true,''`
  }

  #isShared(table: TableState): boolean {
    return this.#question.shared.some((name) => this.#isListed(table, name))
  }

  #isListed({ schema, relname }: TableState, name: string): boolean {
    return schema === this.#question.schema && relname === name
  }
}
