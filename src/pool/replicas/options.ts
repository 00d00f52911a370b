import { integer } from '../../core/index.ts'

const DAY_MS = 86_400_000

/** Options about reading from replicas. */
export const REPLICA_OPTIONS = {
  maxLagBytes: integer({
    doc: 'Bytes of WAL that a replica may be behind; with more nothing is read from it.',
    default: 16_777_216,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    env: 'DB_REPLICA_MAX_LAG_BYTES',
  }),
  replicaCheckMs: integer({
    doc: 'How often replicas are asked how far they are, while there are reads.',
    default: 1_000,
    min: 10,
    max: DAY_MS,
    env: 'HOLDFAST_POOL_REPLICA_CHECK_MS',
  }),
  replicaWaitMs: integer({
    doc: "How long a read waits for a replica that has not replayed the reader's own writes, before it goes to the primary.",
    default: 50,
    min: 0,
    max: DAY_MS,
    env: 'HOLDFAST_POOL_REPLICA_WAIT_MS',
  }),
} as const
