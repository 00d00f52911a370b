import { type Kysely, sql } from 'kysely'
import { transaction } from 'holdfast/kysely'
import type { DB } from './database.ts'

/** How much there is of everything. */
export const SIZES = {
  users: 2_000,
  projects: 200,
  documents: 20_000,
  workflowInstances: 6_000,
  sessions: 8_000,
  activityPerMonth: 43_000,
  months: 12,
} as const

/** The id of the n-th thing of a kind: the same in every seeding, and known to the traffic without asking. */
export const idSql = (kind: string, n: string): string => `md5('${kind}' || (${n})::text)::uuid`

/** Steps by name; random() repeats itself because the seed is set before. Ids count from 0. */
const STEPS: readonly (readonly [name: string, sql: string])[] = [
  [
    'users',
    `INSERT INTO users (id, email, name, role, created_at, last_login_at)
     SELECT ${idSql('user', 'n')}, 'user' || n || '@example.com', 'User ' || n,
            CASE WHEN n % 100 = 0 THEN 'admin' WHEN n % 10 = 0 THEN 'editor' ELSE 'member' END,
            now() - interval '400 days' * random(), now() - interval '20 days' * random()
       FROM generate_series(0, ${SIZES.users - 1}) n`,
  ],
  [
    'projects',
    `INSERT INTO projects (id, owner_id, name, created_at)
     SELECT ${idSql('project', 'n')}, ${idSql('user', `floor(random() * ${SIZES.users})::int`)}, 'Project ' || n,
            now() - interval '400 days' * random()
       FROM generate_series(0, ${SIZES.projects - 1}) n`,
  ],
  [
    'documents',
    `INSERT INTO documents (id, project_id, author_id, title, body, created_at, updated_at)
     SELECT ${idSql('document', 'n')}, ${idSql('project', `floor(random() ^ 2 * ${SIZES.projects})::int`)},
            ${idSql('user', `floor(random() * ${SIZES.users})::int`)}, 'Document ' || n,
            repeat('All work is either prose or a table. ', 5 + (random() * 40)::int), at, at + interval '30 days' * random()
       FROM (SELECT n, now() - interval '365 days' * random() AS at FROM generate_series(0, ${SIZES.documents - 1}) n) AS made`,
  ],
  [
    'workflow_instances',
    `INSERT INTO workflow_instances (id, document_id, workflow, state, started_at, finished_at)
     SELECT ${idSql('workflow', 'n')}, ${idSql('document', `floor(random() * ${SIZES.documents})::int`)},
            (ARRAY['review', 'approval', 'publication'])[1 + floor(random() * 3)::int],
            CASE WHEN n % 8 = 0 THEN 'waiting' ELSE 'done' END, at, CASE WHEN n % 8 = 0 THEN NULL ELSE at + interval '2 days' * random() END
       FROM (SELECT n, now() - interval '365 days' * random() AS at FROM generate_series(0, ${SIZES.workflowInstances - 1}) n) AS made`,
  ],
  [
    'sessions',
    `INSERT INTO sessions (id, user_id, user_agent, created_at, last_activity, expires_at)
     SELECT ${idSql('session', 'n')}, ${idSql('user', `floor(random() * ${SIZES.users})::int`)},
            (ARRAY['Firefox', 'Chrome', 'Safari', 'curl'])[1 + floor(random() * 4)::int], at, at + interval '1 hour' * random(), at + interval '7 days'
       FROM (SELECT n, now() - interval '14 days' * random() AS at FROM generate_series(0, ${SIZES.sessions - 1}) n) AS made`,
  ],
  ...Array.from({ length: SIZES.months }, (_, index): readonly [string, string] => {
    const monthsAgo = SIZES.months - index
    return [
      `activity_logs, month ${index + 1} of ${SIZES.months}`,
      `INSERT INTO activity_logs (occurred_at, user_id, action, entity_id, duration_ms)
       SELECT at, ${idSql('user', `floor(random() ^ 2 * ${SIZES.users})::int`)},
              (ARRAY['document.read', 'document.read', 'document.read', 'document.update', 'user.login', 'workflow.advance'])[1 + floor(random() * 6)::int],
              ${idSql('document', `floor(random() * ${SIZES.documents})::int`)}, (5 + 200 * random() ^ 4)::int
         FROM (SELECT now() - interval '1 month' * ${monthsAgo} + (interval '30 days' * n / ${SIZES.activityPerMonth}) AS at
                 FROM generate_series(0, ${SIZES.activityPerMonth - 1}) n) AS made`,
    ]
  }),
]

/**
 * Fills the demo's tables, once: in one transaction, so that a seeding that was cut short leaves nothing.
 * @param signal ends it between two steps; nothing stays.
 * @returns false when there is something in them already.
 */
export async function seed(
  db: Kysely<DB>,
  signal: AbortSignal,
  onStep: (name: string, index: number, count: number) => void,
): Promise<boolean> {
  const isNew = await transaction(db, async (trx) => {
    if (await trx.selectFrom('users').select('id').limit(1).executeTakeFirst()) return false
    await sql`SELECT setseed(0.42)`.execute(trx)
    for (const [index, [name, step]] of STEPS.entries()) {
      signal.throwIfAborted()
      onStep(name, index, STEPS.length)
      await sql.raw(step).execute(trx)
    }
    return true
  })
  if (isNew) await sql`ANALYZE`.execute(db)
  return isNew
}
