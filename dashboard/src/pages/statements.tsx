import { type Answer } from '../api/client.ts'
import { Denied, Empty } from '../parts/states.tsx'
import { Facts } from '../parts/panel.tsx'
import { Share } from '../parts/share.tsx'
import { Sparkline } from '../parts/sparkline.tsx'
import { ToType } from '../parts/copy.tsx'
import type { Column } from '../parts/table/column.ts'
import { Amount } from '../parts/amount.tsx'
import type { Definition } from '../parts/meaning.tsx'
import { count, duration, inWords, percent } from '../words/figures.ts'
import { live } from '../live/stream.ts'
import { moment } from '../words/times.ts'
import { layOut } from '../words/sql-layout.ts'

export type SlowQueries = Answer<'GET /v1/database/monitoring/slow-queries'>
export type Statement = SlowQueries['data'][number]

/** Stands for all statements of others, which a role without the right may not tell apart. */
const HIDDEN = 'hidden'

export const keyOfStatement = ({ id }: Statement): string => id ?? HIDDEN

const oneLine = (query: string | null): string =>
  query === null ? 'statements that this role may not read' : query.replaceAll(/\s+/g, ' ').trim()

/** The columns of a table of statements. */
export const STATEMENT_COLUMNS: readonly Column<Statement>[] = [
  { id: 'statement', title: 'Statement', kind: 'code', value: ({ query }) => oneLine(query) },
  {
    id: 'calls',
    title: 'Calls/min',
    kind: 'number',
    width: 72,
    isMinor: true,
    value: ({ calls_per_minute: calls }) => calls,
    cell: ({ calls_per_minute: calls }) => <Amount figure={count(calls)} />,
  },
  {
    id: 'mean',
    title: 'Mean',
    unit: 'ms',
    kind: 'number',
    width: 76,
    value: ({ mean_ms: mean }) => mean,
    cell: ({ mean_ms: mean }) => <Amount figure={duration(mean)} />,
  },
  {
    id: 'share',
    title: 'Share',
    unit: '%',
    kind: 'number',
    width: 90,
    hint: 'Of the time in all statements of this database',
    value: ({ share_percent: share }) => share,
    cell: ({ share_percent: share }) => <Share value={share} />,
  },
  {
    id: 'total',
    title: 'Total',
    unit: 'ms',
    kind: 'number',
    width: 90,
    isExtra: true,
    value: ({ total_ms: total }) => total,
    cell: ({ total_ms: total }) => <Amount figure={duration(total)} />,
  },
  {
    id: 'rows',
    title: 'Rows/call',
    kind: 'number',
    width: 90,
    isExtra: true,
    value: ({ rows_per_call: rows }) => rows,
    cell: ({ rows_per_call: rows }) => <Amount figure={count(rows)} />,
  },
  {
    id: 'from',
    title: 'From',
    kind: 'code',
    width: 180,
    isExtra: true,
    hint: 'Where the code calls it, as far as the pools of this process know',
    value: ({ call_site: site }) => site,
  },
  { id: 'id', title: 'Query id', kind: 'code', width: 180, isExtra: true, value: ({ id }) => id },
]

/** The course over the last quarter of an hour; only where there is one. */
export const TREND_COLUMN: Column<Statement> = {
  id: 'trend',
  title: 'Trend',
  kind: 'text',
  isPicture: true,
  isMinor: true,
  width: 100,
  value: () => null,
  cell: ({ trend_ms: trend, mean_ms: mean }) => (
    <Sparkline
      values={trend}
      label={`Time in it over the last 15 minutes; mean ${inWords(duration(mean))}`}
    />
  ),
}

/** What a person sees of one statement beside the list. */
export function StatementDetail({ statement }: { readonly statement: Statement }) {
  const {
    query,
    id,
    calls,
    total_ms: total,
    mean_ms: mean,
    share_percent: share,
    rows_per_call: rows,
    call_site: site,
  } = statement
  return (
    <>
      {query === null ? <p>Its text is hidden from this role.</p> : <ToType text={layOut(query)} />}
      <Facts
        facts={[
          ['Calls', inWords(count(calls))],
          ['Mean', inWords(duration(mean))],
          ['Total', inWords(duration(total))],
          ['Share of all statements', inWords(percent(share))],
          ['Rows per call', inWords(count(rows))],
          ['From', site === null ? '–' : <code key="site">{site}</code>],
          ['Query id', <code key="id">{id ?? 'not told'}</code>],
        ]}
      />
    </>
  )
}

/** What stands where statements would: why there are none, and how to get them. */
export function NoStatements({ answer }: { readonly answer: SlowQueries }) {
  const { state, remedy, since } = answer
  if (state === 'not readable') return <Denied what="statement statistics" grant={remedy?.sql ?? null} />
  if (state === 'collecting')
    return (
      <Empty
        title={
          since === null
            ? 'Nothing ran yet.'
            : `Nothing ran since ${moment(Date.parse(since), live.now.value)}.`
        }
      >
        <p>Statements appear here with their next call.</p>
      </Empty>
    )
  return (
    <Empty title={`No statements: pg_stat_statements is ${state}.`}>
      <p>{remedy?.action}</p>
      {remedy?.sql != null && <ToType text={remedy.sql} />}
    </Empty>
  )
}

export const STATEMENT_DEFINITIONS: readonly Definition[] = [
  {
    figure: 'Calls/min, mean',
    means: 'How often the statement ran, and how long one run took on average, planning left out.',
    source: 'pg_stat_statements: calls, total_exec_time',
    window: 'The last 15 minutes, as far as this process has been watching; or since the last reset.',
  },
  {
    figure: 'Share',
    means:
      'Its part of the time that all statements of this database took. Whoever wants to win time begins at the top.',
    source: 'total_exec_time of it / sum(total_exec_time)',
    window: 'The same.',
  },
]
