import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import type { Command } from 'commander'
import { managedRoles } from '../../access/index.ts'
import { hasPassword, isDatabaseUrl, plural } from '../../core/index.ts'
import {
  type Against,
  catalogAt,
  type Drift,
  findDrift,
  type MigrateTarget,
  readSnapshot,
  wholeSql,
} from '../../migrate/index.ts'
import { listManaged } from '../../partitions/index.ts'
import { type Catalog, compareCatalogs, type Difference, hashOf, renderSnapshot } from '../../schema/index.ts'
import { type Finish, runWith } from '../command.ts'
import { passwordInFlag, usage } from '../errors.ts'
import { EXIT } from '../exit-codes.ts'
import type { Session } from '../session.ts'
import { type Lines, linesIn } from '../output.ts'

interface DriftFlags {
  against: string
  shadowUrlFile?: string
}

/** Commands that look at the structure of the database. */
export function addSchemaStructure(schema: Command, finish: Finish): void {
  addDump(schema, finish)
  addSnapshot(schema, finish)
  addDrift(schema, finish)
  addDiff(schema, finish)
}

function addDump(schema: Command, finish: Finish): void {
  runWith<{ out?: string }>(
    schema
      .command('dump')
      .description('the structure as SQL')
      .option('--out <file>', 'where to; default: stdout'),
    finish,
    async (session, { out: file }) => {
      const sql = wholeSql(await catalogOf(session))
      if (file !== undefined) write(file, sql)
      session.out.result(file === undefined ? { sql } : { file }, () =>
        file === undefined ? linesIn(sql.trimEnd()) : `Wrote ${file}.`,
      )
    },
  )
}

function addSnapshot(schema: Command, finish: Finish): void {
  runWith<{ out: string }>(
    schema
      .command('snapshot')
      .description('write the structure as a file, to be compared and linted against')
      .option('--out <file>', 'where to', 'db/snapshot.json'),
    finish,
    async (session, { out: file }) => {
      const catalog = await catalogOf(session)
      write(file, renderSnapshot(catalog))
      session.out.result(
        { file, hash: hashOf(catalog), objects: catalog.objects.length },
        ({ objects }) => `Wrote ${file}: ${plural(objects, 'object')}.`,
      )
      session.out.next('holdfast schema drift --against snapshot')
    },
  )
}

function addDrift(schema: Command, finish: Finish): void {
  runWith<DriftFlags>(
    schema
      .command('drift')
      .description('say exactly how the database differs from what it should be; exit 3 when it does')
      .option(
        '--against <what>',
        'migrations, snapshot, a snapshot file, or the URL of another database',
        'migrations',
      )
      .option('--shadow-url-file <path>', 'a server for scratch databases instead of the embedded one'),
    finish,
    async (session, { against, shadowUrlFile }) => {
      const holdfast = await session.connect()
      const shadowUrl = session.readUrlFile(shadowUrlFile, '--shadow-url-file')
      const drift = await findDrift(
        holdfast.directUrl,
        againstOf(against, holdfast.migrations, holdfast.config.migrate.snapshot),
        {
          shadowUrl,
          ownSchema: holdfast.config.database.schema,
          managedRoles: managedRoles(holdfast.access),
          partitionedTables: await listManaged(holdfast.ownQueries, holdfast.config.database.schema),
        },
      )
      session.out.result(
        {
          database: holdfast.address,
          against,
          differences: drift.differences,
          hash: drift.hash,
          not_compared: drift.notCompared,
        },
        () => driftInWords(drift, holdfast.address, against),
      )
      return drift.differences.length === 0 ? EXIT.ok : EXIT.findings
    },
  )
}

function addDiff(schema: Command, finish: Finish): void {
  runWith(
    schema
      .command('diff')
      .description('how two snapshots differ; exit 3 when they do')
      .argument('<expected>', 'a snapshot file')
      .argument('<actual>', 'another'),
    finish,
    async (session, _, [expected = '', actual = '']) => {
      const differences = compareCatalogs(readSnapshot(resolve(expected)), readSnapshot(resolve(actual)))
      session.out.result({ expected, actual, differences }, () =>
        differences.length === 0 ? 'They are the same.' : inLines(differences),
      )
      return differences.length === 0 ? EXIT.ok : EXIT.findings
    },
  )
}

async function catalogOf(session: Session): Promise<Catalog> {
  const holdfast = await session.connect()
  return catalogAt(holdfast.directUrl, holdfast.config.database.schema)
}

function write(file: string, text: string): void {
  const path = resolve(file)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

function againstOf(against: string, migrations: MigrateTarget, snapshot: string): Against {
  if (against === 'migrations') return { kind: 'migrations', ...migrations }
  if (against === 'snapshot') return { kind: 'snapshot', path: resolve(snapshot) }
  if (isDatabaseUrl(against)) {
    if (hasPassword(against)) throw passwordInFlag()
    return { kind: 'database', url: against }
  }
  if (existsSync(resolve(against))) return { kind: 'snapshot', path: resolve(against) }
  throw usage('--against: migrations, snapshot, the path of a snapshot, or a URL without a password')
}

const inLines = (differences: readonly Difference[]): Lines => differences.map(({ words }) => words)

function driftInWords(
  { differences, notCompared, versions }: Drift,
  database: string,
  against: string,
): Lines {
  const versionNote =
    versions.actual === versions.expected
      ? []
      : [
          `Read from PostgreSQL ${versions.actual} and ${versions.expected}: definitions may be in other words.`,
        ]
  const head =
    differences.length === 0
      ? `${database} is what ${relative('', against) || against} says.`
      : inLines(differences)
  return [head, ...versionNote, `Not compared: ${notCompared.join(', ')}.`]
}
