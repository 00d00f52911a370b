import { ask } from '../../api/client.ts'
import { useResource } from '../../api/resource.ts'
import { Panel } from '../../parts/panel.tsx'
import { query, setQuery } from '../../place/router.ts'
import { type OperationList, useOperations } from '../operation.tsx'
import { Drift, RunPending, TakeBack } from './actions.tsx'
import { BackfillDetail, BackfillList, backfillAt } from './backfills.tsx'
import { MigrationDetail, MigrationList, migrationAt } from './list.tsx'
import { Pending, PendingDetail, pendingRows } from './pending.tsx'
import { MigrationsStanding } from './standing.tsx'

/** Everything the page shows, each loaded at its own pace. */
function useMigrations() {
  return {
    list: useResource('list', (signal) => ask('GET /v1/database/migrations', { signal }), 5_000),
    pending: useResource(
      'pending',
      (signal) => ask('GET /v1/database/migrations/pending', { signal }),
      15_000,
    ),
    backfills: useResource(
      'backfills',
      (signal) => ask('GET /v1/database/migrations/backfills', { signal }),
      2_000,
    ),
  }
}

type Loaded = ReturnType<typeof useMigrations> & { readonly operations: OperationList }

/** Migrations: what ran, what is pending and what it will lock, the way back, drift, backfills. */
export function Migrations() {
  const lists = useMigrations()
  const refresh = (): void => {
    for (const resource of Object.values(lists)) resource.refresh()
  }
  const loaded: Loaded = { ...lists, operations: useOperations(refresh) }
  const changed = (): void => {
    refresh()
    loaded.operations.refresh()
  }
  return (
    <>
      <MigrationsStanding {...loaded} />
      <Pending resource={loaded.pending} />
      <BackfillList resource={loaded.backfills} />
      <Drift operations={loaded.operations} changed={changed} />
      <MigrationList resource={loaded.list} />
      <Detail loaded={loaded} changed={changed} />
    </>
  )
}

function Detail({ loaded, changed }: { readonly loaded: Loaded; readonly changed: () => void }) {
  const open = query.value.get('open') ?? undefined
  const { list, pending, backfills, operations } = loaded
  if (open === undefined) return null
  const close = (): void => setQuery({ open: undefined })
  const migrations = list.state.value.data
  if (open === 'run') {
    const ids = (migrations?.data ?? [])
      .filter(({ state }) => state === 'pending' || state === 'interrupted')
      .map(({ id }) => id)
    return (
      <Panel title="Run what is pending" onClose={close}>
        <RunPending ids={ids} operations={operations} changed={changed} />
      </Panel>
    )
  }
  if (open === 'rollback')
    return (
      <Panel title="Take the last migration back" onClose={close}>
        <TakeBack operations={operations} changed={changed} />
      </Panel>
    )
  const migration = migrations && migrationAt(open, migrations)
  if (migration)
    return (
      <Panel title={migration.id} onClose={close}>
        <MigrationDetail migration={migration} />
      </Panel>
    )
  const row =
    pending.state.value.data && pendingRows(pending.state.value.data).find(({ key }) => key === open)
  if (row)
    return (
      <Panel title="Pending statement" onClose={close}>
        <PendingDetail row={row} />
      </Panel>
    )
  const backfill = backfills.state.value.data && backfillAt(open, backfills.state.value.data)
  if (backfill)
    return (
      <Panel title="Backfill" onClose={close}>
        <BackfillDetail backfill={backfill} changed={changed} />
      </Panel>
    )
  const areAllThere = migrations && pending.state.value.data && backfills.state.value.data
  if (!areAllThere) return null
  return (
    <Panel title="Detail" onClose={close}>
      <p>This is no longer in the list.</p>
    </Panel>
  )
}
