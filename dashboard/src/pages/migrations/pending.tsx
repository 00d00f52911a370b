import { type Answer } from '../../api/client.ts'
import type { LiveResource } from '../../api/resource.ts'
import { ageOf } from '../../live/freshness.ts'
import { Card } from '../../parts/card.tsx'
import { ToType } from '../../parts/copy.tsx'
import { Facts } from '../../parts/panel.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { Table } from '../../parts/table/table.tsx'
import { query, setQuery } from '../../place/router.ts'
import { PENDING_DEFINITIONS } from './definitions.ts'

export type PendingList = Answer<'GET /v1/database/migrations/pending'>
type Statement = PendingList['data'][number]['statements'][number]

/** One statement of a pending migration; of a step in TypeScript nobody can say what it does. */
export interface PendingRow {
  readonly key: string
  readonly id: string
  readonly phase: PendingList['data'][number]['phase']
  readonly inTransaction: boolean
  readonly statement: Statement | undefined
}

const LINES = 5
const PREFIX = 'pending:'
const SEVERITIES = ['info', 'warning', 'error'] as const
const TONES = { info: '', warning: 'warn', error: 'crit' } as const

export function pendingRows({ data }: PendingList): PendingRow[] {
  return data.flatMap(({ id, phase, in_transaction: inTransaction, statements }): PendingRow[] =>
    statements.length === 0
      ? [{ key: `${PREFIX}${id}`, id, phase, inTransaction, statement: undefined }]
      : statements.map((statement, index) => ({
          key: `${PREFIX}${id}:${index + 1}`,
          id,
          phase,
          inTransaction,
          statement,
        })),
  )
}

/** How bad the worst finding is; -1 without any. */
const worstOf = ({ statement }: PendingRow): number =>
  Math.max(-1, ...(statement?.findings ?? []).map(({ severity }) => SEVERITIES.indexOf(severity)))

const blocked = ({ statement }: PendingRow): string | null =>
  statement?.blocks ? `${statement.blocks.what} on ${statement.blocks.tables.join(', ')}` : null

const work = ({ statement }: PendingRow): string | null =>
  statement === undefined ? null : statement.rewrites ? 'rewrites' : statement.scans ? 'reads' : null

const COLUMNS: readonly Column<PendingRow>[] = [
  { id: 'id', title: 'Migration', kind: 'code', width: 190, isMinor: true, value: ({ id }) => id },
  { id: 'line', title: 'Line', kind: 'number', width: 52, value: ({ statement }) => statement?.line ?? null },
  {
    id: 'statement',
    title: 'Statement',
    kind: 'code',
    value: ({ statement }) => statement?.text.replaceAll(/\s+/g, ' ') ?? 'a step in TypeScript',
  },
  {
    id: 'lock',
    title: 'Lock',
    kind: 'text',
    width: 150,
    isMinor: true,
    value: ({ statement }) => statement?.lock ?? null,
  },
  { id: 'blocks', title: 'Blocks', kind: 'text', width: 180, isMinor: true, value: blocked },
  { id: 'work', title: 'Work', kind: 'text', width: 76, isMinor: true, value: work },
  {
    id: 'findings',
    title: 'Findings',
    kind: 'number',
    width: 92,
    value: ({ statement }) => statement?.findings.length ?? null,
    cell: (row) => {
      const worst = SEVERITIES[worstOf(row)]
      const count = row.statement?.findings.length ?? 0
      return worst === undefined ? '–' : <span class={`tag ${TONES[worst]}`}>{`${count} ${worst}`}</span>
    },
  },
]

/** What is pending, statement by statement, with the locks that it will take and what the linter says. */
export function Pending({ resource }: { readonly resource: LiveResource<PendingList> }) {
  return (
    <Card
      title="Pending"
      span={12}
      size="lines"
      definitions={PENDING_DEFINITIONS}
      staleMs={ageOf(resource.state.value)}
    >
      <Loaded resource={resource} lines={LINES}>
        {(answer) => (
          <Table
            id="pending"
            label="Pending"
            rows={pendingRows(answer)}
            columns={COLUMNS}
            keyOf={({ key }) => key}
            lines={LINES}
            onOpen={({ key }) => setQuery({ open: key })}
            openKey={query.value.get('open') ?? undefined}
            empty={
              <Empty title="Nothing is pending.">
                <p>What is added to the folder of migrations appears here, before it runs.</p>
              </Empty>
            }
          />
        )}
      </Loaded>
    </Card>
  )
}

/** One statement that will run: its locks, and each finding with the safe way. */
export function PendingDetail({ row }: { readonly row: PendingRow }) {
  const { statement, id, inTransaction, phase } = row
  if (!statement)
    return <p>{id} is a step in TypeScript: what it runs is only known when it runs. Read its file.</p>
  return (
    <>
      <ToType text={statement.text} />
      <Facts
        facts={[
          ['Migration', id],
          ['Line', statement.line],
          ['Lock', statement.lock ?? 'none that traffic feels'],
          ['Blocks', blocked(row) ?? 'nothing'],
          ['Reads the whole table', statement.scans ? 'yes' : 'no'],
          ['Writes it anew', statement.rewrites ? 'yes' : 'no'],
          ['Runs', inTransaction ? 'in one transaction with the others' : 'by itself'],
          ['Phase', phase ?? 'none'],
        ]}
      />
      {statement.findings.length === 0 && <p class="good">The linter finds nothing wrong with it.</p>}
      {statement.findings.map(({ rule, severity, message, safe }) => (
        <section key={rule}>
          <h3>
            <span class={`tag ${TONES[severity]}`}>{severity}</span> {rule}
          </h3>
          <p>{message}</p>
          {safe !== null && <ToType text={safe} />}
        </section>
      ))}
    </>
  )
}
