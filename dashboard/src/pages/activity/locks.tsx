import type { LiveResource } from '../../api/resource.ts'
import { Amount } from '../../parts/amount.tsx'
import { Empty } from '../../parts/states.tsx'
import type { Column } from '../../parts/table/column.ts'
import { duration } from '../../words/figures.ts'
import { ListCard, rowAt } from '../list-card.tsx'
import { type LockLine, type Locks, whoOf } from './data.ts'
import { LOCK_DEFINITIONS } from './definitions.ts'

const LINES = 6
const PREFIX = 'lock:'

/** A line of a tree, with its place from top to bottom. */
type Line = LockLine & { readonly place: number }
const linesOf = ({ data }: Locks): Line[] => data.map((line, place) => ({ ...line, place }))

const keyOf = ({ session, place }: Line): string => (session ? String(session.pid) : `prepared ${place}`)

/** Three blanks for each step down, which a browser does not swallow. */
const indent = (depth: number): string => (depth === 0 ? '' : `${'\u00a0'.repeat(3 * (depth - 1))}└\u00a0`)

const nameOf = ({ session }: LockLine): string => (session ? whoOf(session) : 'a prepared transaction')

const COLUMNS: readonly Column<Line>[] = [
  {
    id: 'who',
    title: 'Who',
    kind: 'text',
    // In the order of the trees: by name they would fall apart.
    value: ({ place }) => place,
    cell: (line) => `${indent(line.depth)}${nameOf(line)}`,
  },
  {
    id: 'pid',
    title: 'Pid',
    kind: 'number',
    width: 76,
    isMinor: true,
    value: ({ session }) => session?.pid ?? null,
  },
  {
    id: 'state',
    title: 'State',
    kind: 'text',
    width: 130,
    isMinor: true,
    value: ({ session }) => session?.state ?? null,
  },
  {
    id: 'on',
    title: 'Wants',
    kind: 'code',
    width: 190,
    isMinor: true,
    value: ({ wants }) => wants?.on ?? null,
  },
  {
    id: 'waits',
    title: 'Waits',
    unit: 'ms',
    kind: 'number',
    width: 84,
    value: ({ wants }) => (wants ? wants.seconds * 1_000 : null),
    cell: ({ wants }) =>
      wants ? <Amount figure={duration(wants.seconds * 1_000)} /> : <span class="tag crit">holds</span>,
  },
  { id: 'waiting', title: 'Behind it', kind: 'number', width: 84, value: ({ waiting }) => waiting },
]

/** Who waits for whom. */
export const LockList = ({ resource }: { readonly resource: LiveResource<Locks> }) => (
  <ListCard
    title="Who waits for whom"
    span={12}
    size="lines"
    definitions={LOCK_DEFINITIONS}
    resource={resource}
    rowsOf={linesOf}
    id="locks"
    columns={COLUMNS}
    keyOf={keyOf}
    lines={LINES}
    prefix={PREFIX}
    empty={<Empty title="Nobody waits for a lock." />}
  />
)

/** The session of the line that the address names. */
export const lockAt = (open: string, data: Locks): LockLine | undefined =>
  rowAt(open, PREFIX, linesOf(data), keyOf)
