/** The pages there are, in the order of the rail. */
import { Access } from './access/access.tsx'
import { Activity } from './activity/activity.tsx'
import { Migrations } from './migrations/migrations.tsx'
import { Overview } from './overview/overview.tsx'
import type { Page } from './page.ts'
import { Partitions } from './partitions/partitions.tsx'
import { Pool } from './pool/pool.tsx'
import { Queries } from './queries/queries.tsx'
import { Tables } from './tables/tables.tsx'

export type { Page, PageGroup } from './page.ts'

export const PAGES: readonly Page[] = [
  { path: '', title: 'Overview', group: 'Now', key: 'o', hasRange: true, view: Overview },
  { path: 'queries', title: 'Queries', group: 'Now', key: 'q', hasRange: false, view: Queries },
  { path: 'activity', title: 'Activity', group: 'Now', key: 'y', hasRange: false, view: Activity },
  { path: 'pool', title: 'Pool', group: 'Now', key: 'p', hasRange: false, view: Pool },
  { path: 'tables', title: 'Tables', group: 'Schema', key: 't', hasRange: false, view: Tables },
  { path: 'partitions', title: 'Partitions', group: 'Schema', key: 'r', hasRange: false, view: Partitions },
  { path: 'migrations', title: 'Migrations', group: 'Schema', key: 'm', hasRange: false, view: Migrations },
  { path: 'access', title: 'Access', group: 'People', key: 'a', hasRange: false, view: Access },
]
