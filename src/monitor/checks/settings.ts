import { type Check, type CheckContext, CHANGE, type Found } from '../finding.ts'

type Setting = {
  readonly name: string
  readonly value: string
  readonly unit: string | null
  readonly database: number
}

/** Settings whose value is worth a word, each with its reason. Numbers are in the unit of pg_settings. */
const REVIEW: readonly {
  readonly name: string
  readonly isWrong: (value: string, bytesOfDatabase: number) => boolean
  readonly message: string
  readonly better: string
  readonly severity?: Found['severity']
}[] = [
  {
    name: 'shared_buffers',
    isWrong: (value, bytes) => Number(value) <= 16_384 && bytes > 1_024 ** 3,
    message: 'Most of the database does not fit into shared_buffers, which stands at its default of 128 MB.',
    better: 'about a quarter of the memory',
  },
  {
    name: 'maintenance_work_mem',
    isWrong: (value, bytes) => Number(value) <= 65_536 && bytes > 10 * 1_024 ** 3,
    message: 'Building an index and VACUUM take long: maintenance_work_mem stands at its default of 64 MB.',
    better: "'512MB'",
  },
  {
    name: 'max_connections',
    isWrong: (value) => Number(value) > 500,
    message:
      'Each snapshot gets slower with more connections, and more than a few for each core do not work at once.',
    better: 'what your pools need together; put a pooler in front of many processes',
  },
  {
    name: 'checkpoint_completion_target',
    isWrong: (value) => Number(value) < 0.7,
    message: 'Checkpoints write in bursts: checkpoint_completion_target is low.',
    better: '0.9',
  },
  {
    name: 'idle_in_transaction_session_timeout',
    isWrong: (value) => value === '0',
    message:
      'A transaction that is left open holds its locks for ever: idle_in_transaction_session_timeout is off.',
    better: "'10min'",
  },
  {
    name: 'log_lock_waits',
    isWrong: (value) => value === 'off',
    message: 'Nobody can say later who waited for a lock: log_lock_waits is off.',
    better: 'on',
  },
  {
    name: 'track_io_timing',
    isWrong: (value) => value === 'off',
    message: 'Nobody can say whether a statement waited for the disk: track_io_timing is off.',
    better: 'on',
  },
  {
    name: 'log_autovacuum_min_duration',
    isWrong: (value) => value === '-1',
    message: 'Nobody can say what autovacuum was at: log_autovacuum_min_duration is off.',
    better: "'1min'",
  },
  {
    name: 'zero_damaged_pages',
    isWrong: (value) => value === 'on',
    message: 'Damaged blocks are thrown away without a word: zero_damaged_pages is on.',
    better: 'off',
    severity: 'error',
  },
  {
    name: 'enable_indexscan',
    isWrong: (value) => value === 'off',
    message: 'No index is used for looking up rows: enable_indexscan is off.',
    better: 'on',
    severity: 'warning',
  },
]

/** Settings of the server that are worth changing. */
export const settings: Check = {
  id: 'settings',
  category: 'configuration',
  scope: 'production',
  good: 'the settings fit',
  why: 'The defaults are made to start on any machine, not to run a service.',
  run: async (context) => {
    const read = await readSettings(context)
    const of = new Map(read.map((one) => [one.name, one]))
    return REVIEW.flatMap(({ name, isWrong, message, better, severity = 'info' }): Found[] => {
      const setting = of.get(name)
      if (!setting || !isWrong(setting.value, setting.database)) return []
      const isValue = /^('|on$|off$|[\d.]+$)/.test(better)
      return [
        {
          severity,
          subject: name,
          message,
          evidence: { setting: name, value: setting.value, unit: setting.unit, better },
          action: isValue ? CHANGE : `Set it to ${better}.`,
          sql: isValue ? `ALTER SYSTEM SET ${name} = ${better};` : null,
        },
      ]
    })
  },
}

async function readSettings({ db }: CheckContext): Promise<Setting[]> {
  const { rows } = await db.query<Setting>(
    `SELECT name, setting AS value, unit,
            (SELECT sum(relpages::float8) * current_setting('block_size')::float8 FROM pg_catalog.pg_class) AS database
       FROM pg_catalog.pg_settings WHERE name = ANY ($1)`,
    [REVIEW.map(({ name }) => name)],
  )
  return rows
}
