import { type Catalog, planChanges } from '../../schema/index.ts'

/** A structure as statements that build it on an empty database. */
export function wholeSql(catalog: Catalog): string {
  const { batches } = planChanges(emptyLike(catalog), catalog, { isOnline: false })
  const statements = batches.flatMap(({ statements: some }) => some)
  const head = statements.some((one) => /^CREATE (OR REPLACE )?(FUNCTION|PROCEDURE)/.test(one))
    ? ['SET check_function_bodies = off;']
    : []
  return `${[...head, ...statements.map((one) => `${one};`)].join('\n')}\n`
}

/** What every new database has. */
function emptyLike(catalog: Catalog): Catalog {
  const grants = catalog.serverVersion >= 15 ? ['public=USAGE'] : ['public=CREATE, USAGE']
  const objects = [{ kind: 'schema', name: 'public', parent: null, attributes: { grants } } as const]
  return { ...catalog, objects, dependencies: [] }
}
