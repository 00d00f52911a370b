/**
 * Runs migrations in a process of its own, and stops dead at the first point that it was not told to pass: it prints
 * the point and waits, for whoever started it to kill it, or the server.
 */
import { existsSync } from 'node:fs'
import { flushCompileCache } from 'node:module'
import { type MigrateProgress, type MigrateTarget, migrateUp } from '../../src/migrate/index.ts'

// It never ends in good order: what was compiled is kept now.
flushCompileCache()

const { target, passed, points, goOn } = JSON.parse(process.argv[2] as string) as {
  target: MigrateTarget
  passed: string[]
  /** A regular expression of the points at which it stops at all. */
  points: string
  goOn: string
}
const stops = new RegExp(points)
function pointOf(progress: MigrateProgress): string | undefined {
  if (progress.kind === 'statement' || progress.kind === 'finished')
    return `${progress.kind} ${progress.id} ${progress.step}`
  return progress.kind === 'backfill' ? `backfill ${progress.id} ${progress.rowsDone}` : undefined
}

const sleeper = new Int32Array(new SharedArrayBuffer(4))

try {
  await migrateUp(target, {
    lockTimeoutMs: 5_000,
    onProgress(progress) {
      const point = pointOf(progress)
      if (point === undefined) return
      if (passed.includes(point) || !stops.test(point)) return
      process.stdout.write(`${point}\n`)
      while (!existsSync(goOn)) Atomics.wait(sleeper, 0, 0, 5)
    },
  })
  process.stdout.write('through\n')
} catch (error) {
  process.stdout.write(`failed ${(error as { code?: string }).code ?? String(error)}\n`)
}
process.exit(0)
