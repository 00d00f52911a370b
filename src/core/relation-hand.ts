import { confinedHand, type Hand } from './confined.ts'
import { tableOwners } from './errors.ts'
import type { QueryResultRow } from './ports.ts'
import type { OwnersQueryable, Queryable } from './sql.ts'

interface Member extends QueryResultRow {
  /** Qualified. */
  readonly sql: string
  readonly owner: string
  readonly isSuper: boolean
  readonly schema: string
  readonly isPartitioned: boolean
  /** Who owns the schema, where that is somebody who has not the owner's rights already. */
  readonly stranger: string | null
}

/**
 * Relations by their names, and all that inherits from them or is a partition of them: reading or writing the first sets off code of each.
 * Whoever owns a schema can put another table in the place of any in it, at any time: `stranger` is one who would gain by that. The
 * schema `public` is of whoever owns the database.
 */
const FAMILY = `
  WITH RECURSIVE family AS (
    SELECT u.place, 0 AS depth, pg_catalog.to_regclass(u.name)::pg_catalog.oid AS oid FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY u (name, place)
    UNION SELECT f.place, f.depth OPERATOR(pg_catalog.+) 1, i.inhrelid FROM family f JOIN pg_catalog.pg_inherits i ON i.inhparent OPERATOR(pg_catalog.=) f.oid)
  SELECT pg_catalog.format('%I.%I', n.nspname::pg_catalog.text, c.relname::pg_catalog.text) AS sql, o.rolname::pg_catalog.text AS owner,
         o.rolsuper AS "isSuper", n.nspname::pg_catalog.text AS schema, c.relkind OPERATOR(pg_catalog.=) 'p'::"char" AS "isPartitioned",
         CASE WHEN k.rolsuper OR k.oid OPERATOR(pg_catalog.=) o.oid OR k.rolname OPERATOR(pg_catalog.=) session_user
                OR pg_catalog.pg_has_role(k.oid, o.oid, 'MEMBER'::pg_catalog.text) THEN NULL ELSE k.rolname::pg_catalog.text END AS stranger
    FROM family f
    JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) f.oid
    JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) c.relowner
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
    JOIN pg_catalog.pg_roles k ON k.oid OPERATOR(pg_catalog.=) (
      CASE WHEN pg_catalog.pg_get_userbyid(n.nspowner) OPERATOR(pg_catalog.=) 'pg_database_owner'::pg_catalog.name
           THEN (SELECT d.datdba FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
           ELSE n.nspowner END)
   ORDER BY f.place, f.depth`

/** Rows of a relation, and the hand to read and write them with. */
export interface OwnersPart {
  readonly hand: Hand
  /** As FROM takes it. */
  readonly from: string
}

/**
 * The hand for whatever may set off code of a table's owner. All that is worked on by it has to be of that owner, or of superusers.
 *
 * @param relations names as SQL takes them; the first one's owner is the one that counts
 * @param path where names in the owner's code are found; default: the table's schema
 * @returns undefined where one of them is not there
 * @throws HF_TABLE_OWNERS where others' code would run with the owner's rights; the server's 42501 where the session's role may not act
 *   as the owner
 */
export async function ownersHand(
  db: Queryable,
  relations: readonly string[],
  path?: readonly string[],
): Promise<Hand | undefined> {
  const family = await familyOf(db, relations)
  const [first] = family ?? []
  if (!family || !first) return undefined
  const others = family.filter(({ owner, isSuper }) => owner !== first.owner && !isSuper)
  if (others.length > 0)
    throw tableOwners(first.sql, `belongs to ${first.owner}, and ${mentioned(others)} to others`)
  return handOf(db, first, family, path)
}

/**
 * The same, for reading alone, of a table whose partitions may have other owners: each part is read with the rights of its own.
 * @throws as {@link ownersHand}
 */
export async function ownersParts(db: Queryable, relation: string): Promise<OwnersPart[]> {
  const family = (await familyOf(db, [relation])) ?? []
  const [first] = family
  if (!first) return []
  const isOneOwners = family.every(({ owner, isSuper }) => owner === first.owner || isSuper)
  if (isOneOwners) return [{ hand: await handOf(db, first, family), from: relation }]
  const parts: OwnersPart[] = []
  for (const one of family)
    if (!one.isPartitioned) parts.push({ hand: await handOf(db, one, [one]), from: `ONLY ${one.sql}` })
  return parts
}

/** A session of one's own that also reads with the rights of tables' owners; it is to be ended afterwards. */
export const withOwners = (client: Queryable): OwnersQueryable => ({
  query: (text, values) => client.query(text, values),
  rowsAs: async <Row extends QueryResultRow>(relations: readonly string[], text: string) =>
    (await (await ownersHand(client, relations))?.rows<Row>(text)) ?? [],
})

async function familyOf(db: Queryable, relations: readonly string[]): Promise<Member[] | undefined> {
  const { rows } = await db.query<Member>(FAMILY, [relations])
  return rows.length < relations.length ? undefined : rows
}

function handOf(
  db: Queryable,
  { sql, owner, schema }: Member,
  family: readonly Member[],
  path: readonly string[] = ['pg_catalog', schema, 'pg_temp'],
): Promise<Hand> {
  const replaceable = family.find(({ stranger }) => stranger !== null)
  if (replaceable)
    throw tableOwners(
      sql,
      `belongs to ${owner}, and its schema to ${replaceable.stranger}, who can put another table in the place of ${replaceable.sql} meanwhile`,
    )
  return confinedHand(db, owner, path)
}

const mentioned = (family: readonly Member[]): string => {
  const names = family.slice(0, 3).map(({ sql, owner }) => `${sql} (${owner})`)
  return `${names.join(', ')}${family.length > names.length ? ', ...' : ''}`
}
