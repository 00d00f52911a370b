// Written by `npm run generate` from docs/reference/openapi.json. Not to be edited.

export type PoolEvent = {
  /** Added by the stream */
  at?: string
  /** Connections that are kept */
  pool_size: number
  /** Connections allowed above that under load */
  max_overflow: number
  /** Idle connections */
  checked_in: number
  /** Connections in use */
  checked_out: number
  /** Connections above the size right now */
  overflow: number
  /** All connections */
  total: number
  /** Connections being opened or checked */
  connecting: number
  /** Connections being closed */
  closing: number
  /** Callers that wait for a connection */
  waiting: number
  /** Connections in use, of those allowed */
  utilization_percent: number
  /** Checkouts since the start */
  acquired: number
  /** Connections opened since the start */
  created: number
  /** Connections closed since the start */
  closed: number
  /** Connections replaced because of their age or uses */
  recycled: number
  /** Attempts to connect that failed */
  connect_failures: number
  /** Idle connections that turned out to be dead */
  ping_failures: number
  /** Callers that waited too long */
  acquire_timeouts: number
  /** Checkouts that came back inside a transaction */
  dirty_releases: number
  /** Mean time that callers waited for a connection */
  mean_wait_ms: number
  /** Mean time that connections were held */
  mean_hold_ms: number
  statements_per_second: number | null
  statement_p50_ms: number | null
  statement_p99_ms: number | null
  wait_p99_ms: number | null
  hold_p99_ms: number | null
}

export type DatabaseEvent = {
  /** Added by the stream */
  at?: string
  /** Client connections to this database */
  connections: number
  /** max_connections of the server */
  connections_max: number
  cache_hit_ratio_percent: number | null
  connections_active: number | null
  connections_idle_in_transaction: number | null
  connections_idle: number | null
  connections_other: number | null
  transactions_per_second: number | null
  rollbacks_per_second: number | null
  rows_per_second: number | null
  cache_hit_percent: number | null
}

export type HealthEvent = {
  /** Added by the stream */
  at?: string
  healthy: boolean
  since: string
  reason: string | null
  latency_ms: number | null
}

/** Every request of the API: what it takes and what it answers. */
export interface Operations {
  'GET /livez': {
    query: Record<never, never>
    body: undefined
    answer: {
      status: "ok"
    }
  }
  'GET /readyz': {
    query: Record<never, never>
    body: undefined
    answer: {
      status: "ready" | "not ready"
      code: string | null
      reason: string | null
    }
  }
  'GET /health': {
    query: Record<never, never>
    body: undefined
    answer: {
      status: "healthy" | "unhealthy" | "draining"
      timestamp: string
      uptime_seconds: number
      components: {
        database: {
          status: "healthy" | "unhealthy"
          /** From asking for a connection, beside the pool, to the answer of SELECT 1 */
          latency_ms: number
          /** Since when it is so, as far as it was looked at */
          since: string
          code: string | null
          reason: string | null
        }
        pool: {
          /** Connections that are kept */
          pool_size: number
          /** Connections allowed above that under load */
          max_overflow: number
          /** Idle connections */
          checked_in: number
          /** Connections in use */
          checked_out: number
          /** Connections above the size right now */
          overflow: number
          /** All connections */
          total: number
        }
      }
    }
  }
  'GET /metrics': {
    query: Record<never, never>
    body: undefined
    answer: string
  }
  'GET /v1/database/health': {
    query: Record<never, never>
    body: undefined
    answer: {
      status: "healthy"
      latency_ms: number
      database: string
      user: string
      address: string | null
      server_version: string
      role: "primary" | "standby"
      is_read_only: boolean
      uptime_seconds: number
      schema: {
        name: string
        state: "current" | "outdated" | "missing" | "unreadable"
        pending: (string)[]
      }
      /** What this role may not see, and the exact statement that would let it */
      hidden: ({
        what: string
        grant: string
      })[]
    }
  }
  'GET /v1/database/performance/database-stats': {
    query: Record<never, never>
    body: undefined
    answer: {
      timestamp: string
      database: string
      database_size_bytes: number | null
      connections: {
        total: number
        /** max_connections of the server */
        max: number
        /** active, idle, idle in transaction, ...; "hidden" where the role may not see the state */
        by_state: Record<string, number>
      }
      cache_hit_ratio_percent: number | null
      transactions: {
        committed: number
        rolled_back: number
      }
      /** The ten largest, with sizes as of the last VACUUM or ANALYZE */
      largest_tables: ({
        schema: string
        table: string
        total_bytes: number
        table_bytes: number
        index_bytes: number
        toast_bytes: number
        estimated_rows: number | null
        dead_rows: number | null
      })[]
      /** What this role may not see, and the exact statement that would let it */
      hidden: ({
        what: string
        grant: string
      })[]
    }
  }
  'GET /v1/database/pools': {
    query: Record<never, never>
    body: undefined
    answer: {
      data: ({
        name: string
        /** Connections that are kept */
        pool_size: number
        /** Connections allowed above that under load */
        max_overflow: number
        /** Idle connections */
        checked_in: number
        /** Connections in use */
        checked_out: number
        /** Connections above the size right now */
        overflow: number
        /** All connections */
        total: number
        /** Connections being opened or checked */
        connecting: number
        /** Connections being closed */
        closing: number
        /** Callers that wait for a connection */
        waiting: number
        /** Connections in use, of those allowed */
        utilization_percent: number
        /** Checkouts since the start */
        acquired: number
        /** Connections opened since the start */
        created: number
        /** Connections closed since the start */
        closed: number
        /** Connections replaced because of their age or uses */
        recycled: number
        /** Attempts to connect that failed */
        connect_failures: number
        /** Idle connections that turned out to be dead */
        ping_failures: number
        /** Callers that waited too long */
        acquire_timeouts: number
        /** Checkouts that came back inside a transaction */
        dirty_releases: number
        /** Mean time that callers waited for a connection */
        mean_wait_ms: number
        /** Mean time that connections were held */
        mean_hold_ms: number
        /** Gives out nothing until it is resumed */
        is_drained: boolean
        /** Checkouts that were held for too long, since the start */
        leaks: number
        /** Statements that shared a connection, since the start */
        rides: number
        /** Connections that carry statements of many callers */
        lanes: ({
          /** opening, open, or retiring */
          state: string
          /** Statements on their way */
          depth: number
          head_ms: number | null
        })[]
        /** Who waits, the longest first; twenty at most */
        waiters: ({
          waited_ms: number
          label: string | null
          text: string | null
        })[]
        /** Who holds connections, the longest first; twenty at most */
        holders: ({
          held_ms: number
          label: string | null
          call_site: string | null
          last_text: string | null
          /** Held for longer than leakThresholdMs with no statement running */
          is_leak: boolean
        })[]
        /** The latest first; fifty at most */
        recent_leaks: ({
          held_ms: number
          label: string | null
          call_site: string | null
          last_text: string | null
          /** Held for longer than leakThresholdMs with no statement running */
          is_leak: boolean
          at: string
          returned_after_ms: number | null
        })[]
        servers: ({
          /** host:port */
          name: string
          role: "primary" | "standby" | "unknown"
          problem: string | null
          /** How often it was given up with all its connections */
          evictions: number
        })[]
        replicas: ({
          /** host:port */
          name: string
          is_used: boolean
          reason: string | null
          lag_bytes: number | null
          latency_ms: number | null
          checked_out: number
          total: number
        })[]
      })[]
    }
  }
  'GET /v1/database/performance/pool-stats': {
    query: { pool?: string }
    body: undefined
    answer: {
      name: string
      /** Connections that are kept */
      pool_size: number
      /** Connections allowed above that under load */
      max_overflow: number
      /** Idle connections */
      checked_in: number
      /** Connections in use */
      checked_out: number
      /** Connections above the size right now */
      overflow: number
      /** All connections */
      total: number
      /** Connections being opened or checked */
      connecting: number
      /** Connections being closed */
      closing: number
      /** Callers that wait for a connection */
      waiting: number
      /** Connections in use, of those allowed */
      utilization_percent: number
      /** Checkouts since the start */
      acquired: number
      /** Connections opened since the start */
      created: number
      /** Connections closed since the start */
      closed: number
      /** Connections replaced because of their age or uses */
      recycled: number
      /** Attempts to connect that failed */
      connect_failures: number
      /** Idle connections that turned out to be dead */
      ping_failures: number
      /** Callers that waited too long */
      acquire_timeouts: number
      /** Checkouts that came back inside a transaction */
      dirty_releases: number
      /** Mean time that callers waited for a connection */
      mean_wait_ms: number
      /** Mean time that connections were held */
      mean_hold_ms: number
      /** Gives out nothing until it is resumed */
      is_drained: boolean
      /** Checkouts that were held for too long, since the start */
      leaks: number
      /** Statements that shared a connection, since the start */
      rides: number
      /** Connections that carry statements of many callers */
      lanes: ({
        /** opening, open, or retiring */
        state: string
        /** Statements on their way */
        depth: number
        head_ms: number | null
      })[]
      /** Who waits, the longest first; twenty at most */
      waiters: ({
        waited_ms: number
        label: string | null
        text: string | null
      })[]
      /** Who holds connections, the longest first; twenty at most */
      holders: ({
        held_ms: number
        label: string | null
        call_site: string | null
        last_text: string | null
        /** Held for longer than leakThresholdMs with no statement running */
        is_leak: boolean
      })[]
      /** The latest first; fifty at most */
      recent_leaks: ({
        held_ms: number
        label: string | null
        call_site: string | null
        last_text: string | null
        /** Held for longer than leakThresholdMs with no statement running */
        is_leak: boolean
        at: string
        returned_after_ms: number | null
      })[]
      servers: ({
        /** host:port */
        name: string
        role: "primary" | "standby" | "unknown"
        problem: string | null
        /** How often it was given up with all its connections */
        evictions: number
      })[]
      replicas: ({
        /** host:port */
        name: string
        is_used: boolean
        reason: string | null
        lag_bytes: number | null
        latency_ms: number | null
        checked_out: number
        total: number
      })[]
    }
  }
  'GET /v1/database/performance/pool-statements': {
    query: { pool?: string; by?: "statement" | "label"; limit?: number }
    body: undefined
    answer: {
      by: "statement" | "label"
      /** Most time first */
      data: ({
        /** The text of the statement, or the label */
        key: string
        calls: number
        errors: number
        /** Returned or changed */
        rows: number
        /** From asking to the answer, waiting included */
        total_ms: number
        mean_ms: number
        p50_ms: number
        p99_ms: number
        service_ms: number | null
        rides: boolean | null
        call_site: string | null
        labels: ({
          label: string
          calls: number
        })[]
      })[]
    }
  }
  'GET /v1/database/performance/pool-advice': {
    query: { pool?: string }
    body: undefined
    answer: {
      /** Recommended */
      pool_size: number
      /** Recommended */
      max_overflow: number
      current: {
        pool_size: number
        max_overflow: number
      }
      /** False while too little has happened to tell */
      is_founded: boolean
      reasons: (string)[]
      fit: {
        wanted: number
        usable: number
        fits: boolean
        arithmetic: string
      } | null
    }
  }
  'POST /v1/database/pool/drain': {
    query: Record<never, never>
    body: {
      /** Its name; default: the first */
      pool?: string
      /** How long to wait for connections that are in use */
      timeout_ms: number
    }
    answer: {
      /** False: it was resumed meanwhile */
      is_drained: boolean
      /** Who still holds connections; they are closed when they come back */
      still_held: ({
        held_ms: number
        label: string | null
        call_site: string | null
        last_text: string | null
        /** Held for longer than leakThresholdMs with no statement running */
        is_leak: boolean
      })[]
    }
  }
  'POST /v1/database/pool/resume': {
    query: Record<never, never>
    body: {
      /** Its name; default: the first */
      pool?: string
    }
    answer: {
      is_drained: false
    }
  }
  'GET /v1/database/tables': {
    query: { limit?: number }
    body: undefined
    answer: {
      data: ({
        schema: string
        table: string
        total_bytes: number
        table_bytes: number
        index_bytes: number
        toast_bytes: number
        estimated_rows: number | null
        dead_rows: number | null
      })[]
    }
  }
  'GET /v1/database/tables/optimize': {
    query: Record<never, never>
    body: undefined
    answer: {
      steps: ({
        subject: string
        table: string
        sql: string
        why: string
      })[]
    }
  }
  'POST /v1/database/tables/optimize': {
    query: Record<never, never>
    body: {
      /** Schema-qualified; default: all that need it */
      tables?: (string)[]
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'GET /v1/database/tables/{table}': {
    query: Record<never, never>
    body: undefined
    answer: {
      table: string
      /** Somebody holds it: its indexes cannot be asked for just now */
      is_held: boolean
      bloat: {
        wasted_bytes: number
        wasted_percent: number
      } | null
      indexes: ({
        index: string
        table: string
        /** As of the last VACUUM or index build */
        bytes: number
        /** Since the statistics were reset */
        scans: number
        last_scan_at: string | null
        is_unique: boolean
        is_valid: boolean
      })[]
    }
  }
  'GET /v1/database/performance/replication': {
    query: Record<never, never>
    body: undefined
    answer: {
      role: "primary" | "standby"
      replicas: ({
        name: string
        address: string | null
        state: string | null
        sync: string | null
        unsent_bytes: number | null
        unreplayed_bytes: number | null
        lag_seconds: number | null
      })[]
      slots: ({
        name: string
        kind: string
        is_active: boolean
        retained_bytes: number | null
        wal_status: string | null
      })[]
      receiver: {
        is_receiving: boolean
        from: string | null
        unreplayed_bytes: number | null
        lag_seconds: number | null
      } | null
    }
  }
  'GET /v1/configuration': {
    query: Record<never, never>
    body: undefined
    answer: {
      data: ({
        name: string
        /** As JSON; secrets as *** */
        value: string
        /** default, a file, environment NAME, argument */
        source: string
        /** Variables of the environment that set it */
        env: (string)[]
      })[]
    }
  }
  'GET /v1/database/settings': {
    query: Record<never, never>
    body: undefined
    answer: {
      data: ({
        name: string
        value: string
        /** What PostgreSQL comes with */
        usual: string
        source: string
        needs_restart: boolean
        /** Changed, and not in effect yet */
        is_pending_restart: boolean
        means: string
      })[]
    }
  }
  'GET /v1/database/migrations': {
    query: Record<never, never>
    body: undefined
    answer: {
      data: ({
        id: string
        state: "applied" | "pending" | "interrupted" | "missing" | "changed"
        applied_at: string | null
        duration_ms: number | null
        applied_by: string | null
        method: string | null
        has_down: boolean
        phase: "expand" | "contract" | null
        last_error: string | null
      })[]
    }
  }
  'GET /v1/database/migrations/history': {
    query: { limit?: number }
    body: undefined
    answer: {
      data: ({
        id: string
        direction: "up" | "down"
        status: "applied" | "failed"
        method: string
        reason: string | null
        started_at: string
        duration_ms: number
        /** Database role, system user and host */
        by: string
        tool_version: string
        git_commit: string | null
        statements: number
        retries: number
        error: string | null
        failed_line: number | null
      })[]
    }
  }
  'GET /v1/database/migrations/pending': {
    query: Record<never, never>
    body: undefined
    answer: {
      data: ({
        id: string
        phase: "expand" | "contract" | null
        in_transaction: boolean
        statements: ({
          line: number
          lock: "ACCESS SHARE" | "ROW SHARE" | "ROW EXCLUSIVE" | "SHARE UPDATE EXCLUSIVE" | "SHARE" | "SHARE ROW EXCLUSIVE" | "EXCLUSIVE" | "ACCESS EXCLUSIVE" | null
          blocks: {
            tables: (string)[]
            what: string
          } | null
          scans: boolean
          rewrites: boolean
          text: string
          findings: ({
            rule: string
            severity: "info" | "warning" | "error"
            message: string
            safe: string | null
          })[]
        })[]
      })[]
    }
  }
  'GET /v1/database/migrations/rollback-plan': {
    query: { count?: number }
    body: undefined
    answer: {
      /** Names the plan; rollback apply takes it */
      plan: string
      verdict: "safe" | "lossy" | "blocked"
      rows_at_risk: number
      /** It refuses when more is at risk */
      row_limit: number
      steps: ({
        id: string
        has_down: boolean
        verdict: "safe" | "lossy" | "blocked"
        reasons: (string)[]
        dependents: (string)[]
        at_risk: ({
          object: string
          kind: "rows" | "values"
          rows: number
          is_estimate: boolean
        })[]
        statements: ({
          line: number
          lock: "ACCESS SHARE" | "ROW SHARE" | "ROW EXCLUSIVE" | "SHARE UPDATE EXCLUSIVE" | "SHARE" | "SHARE ROW EXCLUSIVE" | "EXCLUSIVE" | "ACCESS EXCLUSIVE" | null
          blocks: {
            tables: (string)[]
            what: string
          } | null
          scans: boolean
          rewrites: boolean
        })[]
      })[]
    }
  }
  'GET /v1/database/migrations/backfills': {
    query: Record<never, never>
    body: undefined
    answer: {
      data: ({
        id: string
        table: string
        key: string
        state: "pending" | "running" | "paused" | "done" | "failed"
        position: string | null
        rows_done: number
        rows_estimated: number | null
        batches: number
        held_back_by: string | null
        error: string | null
        worker: string | null
        started_at: string | null
        updated_at: string
        finished_at: string | null
      })[]
    }
  }
  'POST /v1/database/migrations/backfills/{id}/pause': {
    query: Record<never, never>
    body: undefined
    answer: {
      id: string
      table: string
      key: string
      state: "pending" | "running" | "paused" | "done" | "failed"
      position: string | null
      rows_done: number
      rows_estimated: number | null
      batches: number
      held_back_by: string | null
      error: string | null
      worker: string | null
      started_at: string | null
      updated_at: string
      finished_at: string | null
    }
  }
  'POST /v1/database/migrations/backfills/{id}/resume': {
    query: Record<never, never>
    body: undefined
    answer: {
      id: string
      table: string
      key: string
      state: "pending" | "running" | "paused" | "done" | "failed"
      position: string | null
      rows_done: number
      rows_estimated: number | null
      batches: number
      held_back_by: string | null
      error: string | null
      worker: string | null
      started_at: string | null
      updated_at: string
      finished_at: string | null
    }
  }
  'POST /v1/database/migrations/up': {
    query: Record<never, never>
    body: {
      /** Stop after this one */
      to?: string
      allow_out_of_order: boolean
      skip_backfills: boolean
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'POST /v1/database/migrations/rollback': {
    query: Record<never, never>
    body: {
      /** Of the rollback plan that was looked at */
      plan: string
      /** As the plan was made */
      count: number
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'POST /v1/database/migrations/drift': {
    query: Record<never, never>
    body: undefined
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'GET /v1/database/access': {
    query: Record<never, never>
    body: undefined
    answer: {
      /** Names the plan; apply takes it */
      plan: string
      /** Name of each role */
      roles: {
        owner?: string
        migrator?: string
        app?: string
        readonly?: string
        monitor?: string
        auditor?: string
      }
      differences: ({
        /** PUBLIC is everybody */
        role: string
        object: string
        what: string
        /** What settling it does: gives the role something, or takes something away */
        effect: "widens" | "narrows"
        words: string
        statement: string
      })[]
      /** Why it cannot be applied */
      blocked_by: (string)[]
      /** What applying takes from others */
      warnings: (string)[]
      /** What is worth knowing and not managed */
      notes: (string)[]
    }
  }
  'POST /v1/database/access/apply': {
    query: Record<never, never>
    body: {
      /** Of the plan that was looked at */
      plan: string
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'GET /v1/database/partitions': {
    query: Record<never, never>
    body: undefined
    answer: {
      data: ({
        table: string
        column: string
        key: "time" | "integer"
        policy: {
          /** hour, day, month, year, or so many of an integer key */
          every: string
          /** Partitions made ahead of the current one */
          premake: number
          keep: number | null
          retention: "detach" | "archive" | "drop"
          archive_to: string | null
          maintained_at: string | null
          last_error: string | null
        } | null
        ahead: number | null
        ends_at: string | null
        /** Inserts fail, or are going to before somebody may have looked */
        runs_low: boolean
        takes_now: boolean | null
        /** What upkeep does next */
        next: ({
          at: string | null
          action: "make" | "finish detaching" | "drain" | "detach" | "archive" | "drop"
          partitions: (string)[]
        })[]
        forecast: {
          from: string
          to: string
          rows: number
          bytes: number
          /** From how many complete partitions it is drawn */
          basis: number
        } | null
        /** Partitions */
        count: number
        /** Estimated */
        rows: number
        bytes: number
      })[]
      conversions: ({
        id: string
        table: string
        kind: "attach" | "split"
        /** running, also when nobody is at it just now */
        state: "running" | "aborting" | "done" | "aborted" | "undone"
        step: string | null
        step_done: boolean
        step_number: number
        steps: ({
          name: string
          words: string
        })[]
        /** Rows that were copied */
        rows_done: number
        rows_estimated: number
        column: string
        every: string
        old_table: string
        /** Where the old table ends */
        cutoff: string
        notes: (string)[]
        error: string | null
        started_at: string
        updated_at: string
        finished_at: string | null
        undo_until: string | null
      })[]
      /** What is written down and cannot be gone by: nothing is done for these tables */
      broken_records: ({
        table: string
        record: string
        why: string
      })[]
    }
  }
  'GET /v1/database/partitions/table': {
    query: { table?: string }
    body: undefined
    answer: {
      table: string
      column: string
      key: "time" | "integer"
      policy: {
        /** hour, day, month, year, or so many of an integer key */
        every: string
        /** Partitions made ahead of the current one */
        premake: number
        keep: number | null
        retention: "detach" | "archive" | "drop"
        archive_to: string | null
        maintained_at: string | null
        last_error: string | null
      } | null
      ahead: number | null
      ends_at: string | null
      /** Inserts fail, or are going to before somebody may have looked */
      runs_low: boolean
      takes_now: boolean | null
      /** What upkeep does next */
      next: ({
        at: string | null
        action: "make" | "finish detaching" | "drain" | "detach" | "archive" | "drop"
        partitions: (string)[]
      })[]
      forecast: {
        from: string
        to: string
        rows: number
        bytes: number
        /** From how many complete partitions it is drawn */
        basis: number
      } | null
      partitions: ({
        name: string
        from: string
        to: string
        /** Estimated */
        rows: number
        bytes: number
        state: "attached" | "default" | "detaching"
        when: "past" | "current" | "ahead" | null
        last_read_at: string | null
      })[]
    }
  }
  'POST /v1/database/partitions/plan': {
    query: Record<never, never>
    body: {
      /** As SQL names it: public.logs */
      table: string
      /** Column to partition by */
      by: string
      /** hour, day, month, year, or so many of an integer key */
      every: string
      mode: "attach" | "split"
      premake?: number
      keep?: number
      retention?: "detach" | "drop"
      /** Findings that are agreed to */
      accept: (string)[]
      grace_days?: number
    }
    answer: {
      /** Names the plan; convert takes it */
      plan: string
      table: string
      column: string
      every: string
      mode: "attach" | "split"
      cutoff: string
      old_table: string
      partitions: ({
        name: string
        from: string | null
        to: string
      })[]
      premake: number
      keep: number | null
      retention: string
      rows: number
      bytes: number
      findings: ({
        id: string
        level: "carried" | "warning" | "consent" | "blocked"
        words: string
        way: string | null
      })[]
      accepted: (string)[]
      /** Findings that have to be settled, or agreed to */
      in_the_way: (string)[]
      steps: ({
        name: string
        words: string
        lock: string | null
      })[]
      then_split: {
        partitions: ({
          name: string
          from: string | null
          to: string
        })[]
        steps: ({
          name: string
          words: string
          lock: string | null
        })[]
      } | null
    }
  }
  'POST /v1/database/partitions/convert': {
    query: Record<never, never>
    body: {
      /** As SQL names it: public.logs */
      table: string
      /** Column to partition by */
      by: string
      /** hour, day, month, year, or so many of an integer key */
      every: string
      mode: "attach" | "split"
      premake?: number
      keep?: number
      retention?: "detach" | "drop"
      /** Findings that are agreed to */
      accept: (string)[]
      grace_days?: number
      /** Of the plan that was looked at */
      plan: string
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'POST /v1/database/partitions/resume': {
    query: Record<never, never>
    body: {
      /** As SQL names it: public.logs */
      table: string
      /** Findings that are agreed to */
      accept: (string)[]
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'POST /v1/database/partitions/abort': {
    query: Record<never, never>
    body: {
      /** As SQL names it: public.logs */
      table: string
      /** Findings that are agreed to */
      accept: (string)[]
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'POST /v1/database/partitions/finish': {
    query: Record<never, never>
    body: {
      /** As SQL names it: public.logs */
      table: string
      /** Findings that are agreed to */
      accept: (string)[]
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'POST /v1/database/partitions/undo': {
    query: Record<never, never>
    body: {
      /** As SQL names it: public.logs */
      table: string
      /** Findings that are agreed to */
      accept: (string)[]
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'POST /v1/database/partitions/maintain': {
    query: Record<never, never>
    body: {
      /** Default: all that are under upkeep */
      table?: string
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'POST /v1/database/partitions/retain': {
    query: Record<never, never>
    body: {
      /** Default: all that are under upkeep */
      table?: string
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'GET /v1/database/partitions/archives': {
    query: { table?: string }
    body: undefined
    answer: {
      data: ({
        partition: string
        /** Where it lies */
        manifest: string
        rows: number | null
        archived_at: string
      })[]
    }
  }
  'POST /v1/database/partitions/archive': {
    query: Record<never, never>
    body: {
      /** As SQL names it: public.logs */
      table: string
      /** Default: all that are older than is kept */
      partitions?: (string)[]
      /** How rows of archives are written */
      format: "ndjson" | "csv"
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'POST /v1/database/partitions/restore-archive': {
    query: Record<never, never>
    body: {
      /** As SQL names it: public.logs */
      table: string
      partition: string
    }
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'POST /v1/database/partitions/manage': {
    query: Record<never, never>
    body: {
      /** As SQL names it: public.logs */
      table: string
      /** hour, day, month, year, or so many of an integer key */
      every: string
      premake?: number
      keep?: number
      retention?: "detach" | "archive" | "drop"
    }
    answer: {
      table: string
      column: string
      key: "time" | "integer"
      policy: {
        /** hour, day, month, year, or so many of an integer key */
        every: string
        /** Partitions made ahead of the current one */
        premake: number
        keep: number | null
        retention: "detach" | "archive" | "drop"
        archive_to: string | null
        maintained_at: string | null
        last_error: string | null
      } | null
      ahead: number | null
      ends_at: string | null
      /** Inserts fail, or are going to before somebody may have looked */
      runs_low: boolean
      takes_now: boolean | null
      /** What upkeep does next */
      next: ({
        at: string | null
        action: "make" | "finish detaching" | "drain" | "detach" | "archive" | "drop"
        partitions: (string)[]
      })[]
      forecast: {
        from: string
        to: string
        rows: number
        bytes: number
        /** From how many complete partitions it is drawn */
        basis: number
      } | null
      partitions: ({
        name: string
        from: string
        to: string
        /** Estimated */
        rows: number
        bytes: number
        state: "attached" | "default" | "detaching"
        when: "past" | "current" | "ahead" | null
        last_read_at: string | null
      })[]
    }
  }
  'POST /v1/database/partitions/unmanage': {
    query: Record<never, never>
    body: {
      /** As SQL names it: public.logs */
      table: string
    }
    answer: {
      table: string
    }
  }
  'GET /v1/operations': {
    query: Record<never, never>
    body: undefined
    answer: {
      data: ({
        id: string
        /** noun.verb, as migrations.up */
        kind: string
        started_by: "viewer" | "operator" | "admin"
        /** Of the session or token */
        started_by_name: string
        state: "running" | "done" | "failed"
        started_at: string
        finished_at: string | null
        /** What it said, the latest last; two hundred lines at most */
        log: ({
          at: string
          text: string
        })[]
        result: Record<string, unknown> | null
        error: {
          code: string | null
          message: string
        } | null
      })[]
    }
  }
  'GET /v1/operations/{id}': {
    query: Record<never, never>
    body: undefined
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'POST /v1/operations/{id}/end': {
    query: Record<never, never>
    body: undefined
    answer: {
      id: string
      /** noun.verb, as migrations.up */
      kind: string
      started_by: "viewer" | "operator" | "admin"
      /** Of the session or token */
      started_by_name: string
      state: "running" | "done" | "failed"
      started_at: string
      finished_at: string | null
      /** What it said, the latest last; two hundred lines at most */
      log: ({
        at: string
        text: string
      })[]
      result: Record<string, unknown> | null
      error: {
        code: string | null
        message: string
      } | null
    }
  }
  'GET /v1/database/monitoring/summary': {
    query: Record<never, never>
    body: undefined
    answer: {
      timestamp: string
      /** 100, less 25 for each error and 8 for each warning; never below 0 */
      score: number
      /** Worst first */
      findings: ({
        /** The check that found it; stable */
        check: string
        severity: "info" | "warning" | "error"
        subject: string
        /** The consequence, then the cause */
        message: string
        evidence: Record<string, unknown>
        action: string
        sql: string | null
        confidence: "certain" | "likely" | "estimate"
        /** Why it matters at all */
        why: string
      })[]
      /** What was looked at and is as it should be */
      good: (string)[]
    }
  }
  'GET /v1/database/monitoring/history': {
    query: { from?: string; to?: string }
    body: undefined
    answer: {
      pool: {
        /** Begin of the first step */
        from: string
        step_seconds: number
        /** One value for each step; null where nothing is known */
        series: {
          checked_out: (number | null)[]
          checked_in: (number | null)[]
          waiting: (number | null)[]
          statements_per_second: (number | null)[]
          statement_p50_ms: (number | null)[]
          statement_p99_ms: (number | null)[]
          wait_p99_ms: (number | null)[]
          hold_p99_ms: (number | null)[]
        }
      }
      database: {
        /** Begin of the first step */
        from: string
        step_seconds: number
        /** One value for each step; null where nothing is known */
        series: {
          connections_active: (number | null)[]
          connections_idle_in_transaction: (number | null)[]
          connections_idle: (number | null)[]
          connections_other: (number | null)[]
          transactions_per_second: (number | null)[]
          rollbacks_per_second: (number | null)[]
          rows_per_second: (number | null)[]
          cache_hit_percent: (number | null)[]
        }
      }
    }
  }
  'GET /v1/database/monitoring/slow-queries': {
    query: { window?: "recent" | "reset"; limit?: number; by?: "time" | "calls" | "mean" | "rows" | "reads" | "temp" | "wal" | "io" }
    body: undefined
    answer: {
      /** Whether pg_stat_statements tells; if not, remedy says what to do */
      state: "collecting" | "not created" | "not loaded" | "not installed" | "outdated" | "not readable"
      remedy: {
        action: string
        sql: string | null
      } | null
      since: string | null
      step_seconds: number
      /** Time in all statements of this database */
      total_ms: number
      /** Calls of all statements of this database */
      calls: number
      /** The greatest first, by what was asked for */
      data: ({
        id: string | null
        query: string | null
        calls: number
        calls_per_minute: number
        mean_ms: number
        total_ms: number
        /** Of the time in all statements */
        share_percent: number
        rows_per_call: number
        cache_hit_percent: number | null
        /** Asked of the operating system */
        read_bytes: number
        /** Of temporary files, written and read */
        temp_bytes: number
        wal_bytes: number
        /** 0 unless track_io_timing is on */
        io_ms: number
        call_site: string | null
        /** Time in each whole step, the oldest first */
        trend_ms: (number)[]
      })[]
    }
  }
  'GET /v1/database/monitoring/status': {
    query: Record<never, never>
    body: undefined
    answer: {
      /** standing by: another process looks at the database, this one at itself */
      state: "stopped" | "collecting" | "standing by"
      problem: string | null
      interval_seconds: number
      started_at: string | null
      written_at: string | null
      last_minute_ms: number | null
      history_bytes: number | null
      /** What could not be looked at in time */
      skipped: ({
        look: string
        reason: string
        times: number
        last_at: string
      })[]
    }
  }
  'POST /v1/database/monitoring/start': {
    query: { interval_seconds?: number }
    body: undefined
    answer: {
      /** standing by: another process looks at the database, this one at itself */
      state: "stopped" | "collecting" | "standing by"
      problem: string | null
      interval_seconds: number
      started_at: string | null
      written_at: string | null
      last_minute_ms: number | null
      history_bytes: number | null
      /** What could not be looked at in time */
      skipped: ({
        look: string
        reason: string
        times: number
        last_at: string
      })[]
    }
  }
  'POST /v1/database/monitoring/stop': {
    query: Record<never, never>
    body: undefined
    answer: {
      /** standing by: another process looks at the database, this one at itself */
      state: "stopped" | "collecting" | "standing by"
      problem: string | null
      interval_seconds: number
      started_at: string | null
      written_at: string | null
      last_minute_ms: number | null
      history_bytes: number | null
      /** What could not be looked at in time */
      skipped: ({
        look: string
        reason: string
        times: number
        last_at: string
      })[]
    }
  }
  'GET /v1/database/monitoring/activity': {
    query: { limit?: number }
    body: undefined
    answer: {
      data: ({
        pid: number
        started_at: string | null
        user: string
        application: string
        address: string | null
        /** "hidden" where this role may not see it */
        state: string
        waits_for: string | null
        state_seconds: number | null
        transaction_seconds: number | null
        statement: string | null
        label: string | null
        call_site: string | null
      })[]
    }
  }
  'GET /v1/database/monitoring/locks': {
    query: Record<never, never>
    body: undefined
    answer: {
      /** The trees from top to bottom */
      data: ({
        /** 0 at the root of a tree: it waits for nobody */
        depth: number
        behind: number | null
        session: {
          pid: number
          started_at: string | null
          user: string
          application: string
          address: string | null
          /** "hidden" where this role may not see it */
          state: string
          waits_for: string | null
          state_seconds: number | null
          transaction_seconds: number | null
          statement: string | null
          label: string | null
          call_site: string | null
        } | null
        wants: {
          mode: string
          on: string
          seconds: number
        } | null
        /** How many wait for it, at whatever remove */
        waiting: number
      })[]
    }
  }
  'POST /v1/database/monitoring/activity/cancel': {
    query: Record<never, never>
    body: {
      pid: number
      /** As the session was seen: another one is left alone */
      started_at?: string
    }
    answer: {
      pid: number
    }
  }
  'POST /v1/database/monitoring/activity/terminate': {
    query: Record<never, never>
    body: {
      pid: number
      /** As the session was seen: another one is left alone */
      started_at?: string
    }
    answer: {
      pid: number
    }
  }
  'GET /v1/database/performance/index-usage': {
    query: { limit?: number }
    body: undefined
    answer: {
      data: ({
        index: string
        table: string
        /** As of the last VACUUM or index build */
        bytes: number
        /** Since the statistics were reset */
        scans: number
        last_scan_at: string | null
        is_unique: boolean
        is_valid: boolean
      })[]
    }
  }
  'GET /v1/database/performance/cache-stats': {
    query: Record<never, never>
    body: undefined
    answer: {
      cache_hit_ratio_percent: number | null
      tables_percent: number | null
      indexes_percent: number | null
      performance_assessment: "excellent" | "good" | "fair" | "poor" | null
      blocks_hit: number
      blocks_read: number
    }
  }
  'GET /v1/database/performance/table-bloat': {
    query: { limit?: number }
    body: undefined
    answer: {
      data: ({
        table: string
        bytes: number
        /** Estimated from statistics: off by a fifth */
        wasted_bytes: number
        wasted_percent: number
      })[]
    }
  }
  'GET /v1/database/performance/system-metrics': {
    query: Record<never, never>
    body: undefined
    answer: {
      host: string
      pid: number
      cores: number
      /** Of one core, by this process, since it was asked last */
      cpu_percent: number
      rss_bytes: number
      heap_used_bytes: number
      heap_total_bytes: number
      load_1m: number
      memory_free_bytes: number
      memory_total_bytes: number
      threads: number | null
      /** What keeps the process alive: sockets, timers and the like */
      active_resources: number
      event_loop_delay_p99_ms: number
      event_loop_delay_max_ms: number
    }
  }
  'GET /v1/database/performance/full-report': {
    query: { format?: "json" | "text" | "markdown" }
    body: undefined
    answer: {
      success: true
      data: {
        timestamp: string
        connection_pool: {
          pool_size: number
          max_overflow: number
          checked_out_connections: number
          checked_in_connections: number
          total_connections: number
          waiting_callers: number
          pool_utilization_percent: number
        } | null
        database: {
          name: string
          server_version: string
          address: string | null
          role: "primary" | "standby"
          started_at: string
          database_size: number | null
          active_connections: number
          total_connections: number
          max_connections: number
          connections_by_state: Record<string, number>
          largest_tables: ({
            schema: string
            table: string
            total_bytes: number
            table_bytes: number
            index_bytes: number
            toast_bytes: number
            estimated_rows: number | null
            dead_rows: number | null
          })[]
        }
        cache_hit_ratio: {
          cache_hit_ratio_percent: number | null
          tables_percent: number | null
          indexes_percent: number | null
          performance_assessment: "excellent" | "good" | "fair" | "poor" | null
          blocks_hit: number
          blocks_read: number
        }
        index_usage: ({
          index: string
          table: string
          /** As of the last VACUUM or index build */
          bytes: number
          /** Since the statistics were reset */
          scans: number
          last_scan_at: string | null
          is_unique: boolean
          is_valid: boolean
        })[]
        table_bloat: ({
          table: string
          bytes: number
          /** Estimated from statistics: off by a fifth */
          wasted_bytes: number
          wasted_percent: number
        })[]
        system_metrics: {
          host: string
          pid: number
          cores: number
          /** Of one core, by this process, since it was asked last */
          cpu_percent: number
          rss_bytes: number
          heap_used_bytes: number
          heap_total_bytes: number
          load_1m: number
          memory_free_bytes: number
          memory_total_bytes: number
          threads: number | null
          /** What keeps the process alive: sockets, timers and the like */
          active_resources: number
          event_loop_delay_p99_ms: number
          event_loop_delay_max_ms: number
        } | null
        slow_queries: ({
          id: string
          query: string | null
          calls: number
          mean_ms: number
          total_ms: number
        })[]
        capacity: ({
          metric: string
          current: number
          limit: number | null
          /** Growth in a day */
          per_day: number
          /** In eight of ten backtests it lay between these */
          per_day_range: (number)[]
          days: number | null
          days_range: (number | null)[]
          history_days: number
          /** How often it was tried on what is known by now */
          backtests: number
          in_words: string
        })[]
        checks: {
          score: number
          good: (string)[]
          findings: ({
            /** The check that found it; stable */
            check: string
            severity: "info" | "warning" | "error"
            subject: string
            /** The consequence, then the cause */
            message: string
            evidence: Record<string, unknown>
            action: string
            sql: string | null
            confidence: "certain" | "likely" | "estimate"
            /** Why it matters at all */
            why: string
          })[]
        }
      }
      /** Worst first */
      recommendations: ({
        category: string
        severity: "info" | "warning" | "error"
        message: string
        action: string
      })[]
    }
  }
  'GET /v1/database/performance/capacity': {
    query: { metric?: "connections_active" | "connections_idle" | "connections_idle_in_transaction" | "connections_other" | "connections_used" | "connections_used_percent" | "statements_blocked" | "longest_lock_wait_seconds" | "longest_transaction_seconds" | "longest_idle_in_transaction_seconds" | "transactions_per_second" | "rollbacks_per_second" | "rows_per_second" | "cache_hit_percent" | "temp_bytes_per_second" | "deadlocks_per_minute" | "wal_bytes_per_second" | "replication_lag_bytes" | "replication_lag_seconds" | "slots_retained_bytes" | "transaction_ids_used_percent" | "backup_age_seconds" | "database_bytes" | "database_reachable" | "pool_used_percent" | "checked_out" | "checked_in" | "waiting" | "leaks" | "acquire_timeouts" | "statements_per_second" | "statement_p50_ms" | "statement_p99_ms" | "wait_p99_ms" | "hold_p99_ms" | "cpu_percent" | "rss_bytes" | "heap_used_bytes" | "heap_total_bytes" | "load_1m" | "memory_free_bytes" | "memory_total_bytes" | "threads" | "active_resources" | "event_loop_delay_p99_ms" | "event_loop_delay_max_ms" }
    body: undefined
    answer: {
      data: ({
        metric: string
        current: number
        limit: number | null
        /** Growth in a day */
        per_day: number
        /** In eight of ten backtests it lay between these */
        per_day_range: (number)[]
        days: number | null
        days_range: (number | null)[]
        history_days: number
        /** How often it was tried on what is known by now */
        backtests: number
        in_words: string
      })[]
    }
  }
  'GET /v1/database/performance/digest': {
    query: { period?: "daily" | "weekly" | "monthly" }
    body: undefined
    answer: {
      at: string
      database: string
      periods: ("daily" | "weekly" | "monthly" | "quarterly")[]
      score: number
      /** Markdown */
      in_words: string
      capacity: (string)[]
      tasks: ({
        period: "daily" | "weekly" | "monthly" | "quarterly"
        title: string
        state: "done" | "attention" | "unknown"
        checks: (string)[]
        /** Checks that could not be made, or do not apply */
        unknown: (string)[]
        findings: ({
          /** The check that found it; stable */
          check: string
          severity: "info" | "warning" | "error"
          subject: string
          /** The consequence, then the cause */
          message: string
          evidence: Record<string, unknown>
          action: string
          sql: string | null
          confidence: "certain" | "likely" | "estimate"
          /** Why it matters at all */
          why: string
        })[]
      })[]
    }
  }
  'GET /v1/database/performance/queries/{key}': {
    query: { from?: string; to?: string }
    body: undefined
    answer: {
      id: string | null
      /** The same for statements that differ only in values and layout */
      fingerprint: string
      query: string
      calls: number | null
      total_ms: number | null
      mean_ms: number | null
      rows: number | null
      history: {
        from: string
        step_seconds: number
        calls: (number | null)[]
        total_ms: (number | null)[]
      } | null
    }
  }
  'POST /v1/database/performance/explain': {
    query: Record<never, never>
    body: {
      /** PostgreSQL's queryid */
      id: string
      values?: (string | number | boolean | null)[]
      /** Runs it, where nothing can be written, and rolls back. An admin may. */
      analyze?: boolean
    }
    answer: {
      query: string
      kind: "generic" | "for these values"
      /** Whether the statement was run */
      is_measured: boolean
      planning_ms: number | null
      execution_ms: number | null
      /** What is worth a word, the costliest first */
      remarks: (string)[]
      /** From top to bottom */
      plan: ({
        /** 0 at the top */
        depth: number
        type: string
        on: string | null
        condition: string | null
        cost: number
        /** Of each run */
        estimated_rows: number
        actual_rows: number | null
        loops: number | null
        self_ms: number | null
        /** Of the statement's time; of its cost where it was not run */
        share_percent: number
        misestimate: number | null
        spilled_bytes: number | null
        removed_rows: number | null
      })[]
    }
  }
  'POST /v1/database/performance/queries/reset': {
    query: Record<never, never>
    body: undefined
    answer: {
      reset: true
    }
  }
  'GET /v1/alerts': {
    query: { state?: "open" | "all"; limit?: number; cursor?: string }
    body: undefined
    answer: {
      data: ({
        id: string
        rule: string
        /** The process that it is about; empty: the database */
        instance: string
        /** pending: so, but not for long enough; only of this process */
        state: "pending" | "firing" | "resolved"
        severity: "warning" | "error"
        metric: string
        value: number | null
        threshold: number | null
        message: string
        /** What to do, mostly a command */
        action: string
        since: string
        fired_at: string | null
        resolved_at: string | null
        told_at: string | null
        acknowledged_at: string | null
        acknowledged_by: string | null
        /** Nobody is told of it now */
        silenced: boolean
      })[]
      next_cursor: string | null
    }
  }
  'POST /v1/alerts/{id}/acknowledge': {
    query: Record<never, never>
    body: undefined
    answer: {
      id: string
      rule: string
      /** The process that it is about; empty: the database */
      instance: string
      /** pending: so, but not for long enough; only of this process */
      state: "pending" | "firing" | "resolved"
      severity: "warning" | "error"
      metric: string
      value: number | null
      threshold: number | null
      message: string
      /** What to do, mostly a command */
      action: string
      since: string
      fired_at: string | null
      resolved_at: string | null
      told_at: string | null
      acknowledged_at: string | null
      acknowledged_by: string | null
      /** Nobody is told of it now */
      silenced: boolean
    }
  }
  'GET /v1/alerts/rules': {
    query: Record<never, never>
    body: undefined
    answer: {
      data: ({
        name: string
        metric: string
        above?: {
          warning?: number
          error?: number
        }
        below?: {
          warning?: number
          error?: number
        }
        growsBy?: {
          warning?: number
          error?: number
          withinMs: number
        }
        absent?: {
          afterMs: number
          severity?: string
        }
        forMs?: number
        clearMs?: number
        message?: string
        action?: string
      })[]
    }
  }
  'GET /v1/alerts/silences': {
    query: Record<never, never>
    body: undefined
    answer: {
      data: ({
        id: string
        rule: string | null
        instance: string | null
        reason: string
        created_by: string
        created_at: string
        ends_at: string
      })[]
    }
  }
  'POST /v1/alerts/silences': {
    query: Record<never, never>
    body: {
      /** Default: every rule */
      rule?: string
      /** host:pid; default: all */
      instance?: string
      for_seconds: number
      reason: string
    }
    answer: {
      id: string
      rule: string | null
      instance: string | null
      reason: string
      created_by: string
      created_at: string
      ends_at: string
    }
  }
  'DELETE /v1/alerts/silences/{id}': {
    query: Record<never, never>
    body: undefined
    answer: {
      id: string
      rule: string | null
      instance: string | null
      reason: string
      created_by: string
      created_at: string
      ends_at: string
    }
  }
  'GET /v1/alerts/deliveries': {
    query: Record<never, never>
    body: undefined
    answer: {
      /** The ways that somebody is told */
      channels: (string)[]
      data: ({
        id: string
        channel: string
        title: string
        created_at: string
        attempts: number
        error: string | null
        given_up: boolean
      })[]
    }
  }
  'POST /v1/alerts/test': {
    query: Record<never, never>
    body: undefined
    answer: {
      channels: ({
        channel: string
        error: string | null
      })[]
    }
  }
  'GET /v1/events': {
    query: Record<never, never>
    body: undefined
    answer: string
  }
  'POST /v1/session': {
    query: Record<never, never>
    body: {
      token: string
    }
    answer: {
      /** Names it in lists and records; no secret */
      id: string
      /** Whom the link or the token was made for */
      name: string
      role: "viewer" | "operator" | "admin"
      /** A browser's session, or a program's token */
      kind: "session" | "token"
      expires_at: string | null
      /** One half of the session, the other is in the cookie: send it as x-holdfast-key with every request. Said only once. */
      key: string
    }
  }
  'GET /v1/session': {
    query: Record<never, never>
    body: undefined
    answer: {
      /** Names it in lists and records; no secret */
      id: string
      /** Whom the link or the token was made for */
      name: string
      role: "viewer" | "operator" | "admin"
      /** A browser's session, or a program's token */
      kind: "session" | "token"
      expires_at: string | null
    }
  }
  'DELETE /v1/session': {
    query: Record<never, never>
    body: undefined
    answer: undefined
  }
  'GET /v1/sessions': {
    query: Record<never, never>
    body: undefined
    answer: {
      data: ({
        /** Names it in lists and records; no secret */
        id: string
        /** Whom the link or the token was made for */
        name: string
        role: "viewer" | "operator" | "admin"
        /** A browser's session, or a program's token */
        kind: "session" | "token"
        expires_at: string | null
        created_at: string
        last_seen_at: string
      })[]
    }
  }
  'DELETE /v1/sessions/{id}': {
    query: Record<never, never>
    body: undefined
    answer: undefined
  }
  'POST /v1/sign-in-links': {
    query: Record<never, never>
    body: {
      role: "viewer" | "operator" | "admin"
      /** Whom it is for; default: who asks */
      name?: string
    }
    answer: {
      path: string
      role: "viewer" | "operator" | "admin"
      name: string
    }
  }
}
