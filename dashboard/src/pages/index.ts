/** The pages there are, in the order of the rail. */
import { Access } from './access/access.tsx'
import { Activity } from './activity/activity.tsx'
import { Alerts } from './alerts/alerts.tsx'
import { Migrations } from './migrations/migrations.tsx'
import { Overview } from './overview/overview.tsx'
import type { Page } from './page.ts'
import { Partitions } from './partitions/partitions.tsx'
import { Pool } from './pool/pool.tsx'
import { Replication } from './replication/replication.tsx'
import { Settings } from './settings/settings.tsx'
import { Queries } from './queries/queries.tsx'
import { Tables } from './tables/tables.tsx'

export type { Page, PageGroup } from './page.ts'

export const PAGES: readonly Page[] = [
  { path: '', title: 'Overview', group: 'Now', key: 'o', hasRange: true, view: Overview },
  { path: 'queries', title: 'Queries', group: 'Now', key: 'q', hasRange: false, view: Queries },
  { path: 'activity', title: 'Activity', group: 'Now', key: 'y', hasRange: false, view: Activity },
  { path: 'pool', title: 'Pool', group: 'Now', key: 'p', hasRange: false, view: Pool },
  { path: 'alerts', title: 'Alerts', group: 'Now', key: 'l', hasRange: false, view: Alerts },
  { path: 'tables', title: 'Tables', group: 'Schema', key: 't', hasRange: false, view: Tables },
  { path: 'partitions', title: 'Partitions', group: 'Schema', key: 'r', hasRange: false, view: Partitions },
  { path: 'migrations', title: 'Migrations', group: 'Schema', key: 'm', hasRange: false, view: Migrations },
  {
    path: 'replication',
    title: 'Replication',
    group: 'Data safety',
    key: 'e',
    hasRange: false,
    view: Replication,
  },
  { path: 'access', title: 'Access', group: 'People', key: 'a', hasRange: false, view: Access },
  { path: 'settings', title: 'Settings', group: 'People', key: 's', hasRange: false, view: Settings },
]
