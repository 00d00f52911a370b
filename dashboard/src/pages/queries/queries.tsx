import { ask } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { live } from '../../live/stream.ts'
import { Choice } from '../../parts/choice.tsx'
import { query, setQuery } from '../../place/router.ts'
import { age } from '../../words/times.ts'
import { ListPage } from '../list-page.tsx'
import {
  keyOfStatement,
  NoStatements,
  STATEMENT_COLUMNS,
  STATEMENT_DEFINITIONS,
  StatementDetail,
  TREND_COLUMN,
} from '../statements.tsx'
import { Plan } from './plan.tsx'
import { Story } from './story.tsx'

const MOST = 5_000
const WINDOWS = [
  { id: 'recent', label: '15 min' },
  { id: 'reset', label: 'since reset' },
] as const

/** Every statement that PostgreSQL keeps statistics of. */
export function Queries() {
  const span = query.value.get('window') === 'reset' ? 'reset' : 'recent'
  const resource = useResource(
    span,
    (signal) =>
      ask('GET /v1/database/monitoring/slow-queries', { query: { window: span, limit: MOST }, signal }),
    30_000,
  )
  const { data } = resource.state.value
  const since = data?.since == null ? undefined : age(live.now.value - Date.parse(data.since))
  return (
    <ListPage
      title="Statements"
      id="statements"
      label="Statements"
      note={since && `last ${since}`}
      definitions={STATEMENT_DEFINITIONS}
      tools={
        <Choice
          label="Window"
          options={WINDOWS}
          chosen={span}
          choose={(id) => setQuery({ window: id === 'reset' ? id : undefined })}
        />
      }
      resource={resource}
      rowsOf={({ data: rows }) => rows}
      columns={span === 'recent' ? [...STATEMENT_COLUMNS, TREND_COLUMN] : STATEMENT_COLUMNS}
      keyOf={keyOfStatement}
      sort={{ column: 'share', isDescending: true }}
      empty={(answer) => <NoStatements answer={answer} />}
      detail={(statement) => ({
        title: 'Statement',
        body: (
          <>
            <StatementDetail statement={statement} />
            {statement.id !== null && statement.query !== null && (
              <>
                <Story id={statement.id} />
                <Plan key={statement.id} id={statement.id} />
              </>
            )}
          </>
        ),
      })}
    />
  )
}
