/**
 * Converts a table in a process of its own, and stops dead at the first point that it was not told to pass: it prints the point
 * and waits to be killed.
 */
import { flushCompileCache } from 'node:module'
import {
  type ConversionProgress,
  conversionStatus,
  convert,
  type PartitionTarget,
  resumeConversion,
  type Wishes,
} from '../../src/partitions/index.ts'

// It never ends in good order: what was compiled is kept now.
flushCompileCache()

const { target, table, wishes, passed } = JSON.parse(process.argv[2] as string) as {
  target: PartitionTarget
  table: string
  wishes: Wishes
  passed: string[]
}
const sleeper = new Int32Array(new SharedArrayBuffer(4))

function onProgress({ step, state, rows }: ConversionProgress): void {
  const point = state === 'going' ? `${step} going` : `${step} ${state}`
  if (state === 'waiting' || (state === 'going' && rows === 0) || passed.includes(point)) return
  process.stdout.write(`${point}\n`)
  for (;;) Atomics.wait(sleeper, 0, 0, 1_000)
}

try {
  const isBegun = (await conversionStatus(target, table)).length > 0
  await (isBegun
    ? resumeConversion(target, table, { onProgress })
    : convert(target, table, wishes, { onProgress }))
  process.stdout.write('through\n')
} catch (error) {
  process.stdout.write(`failed ${(error as { code?: string }).code ?? ''} ${String(error)}\n`)
}
process.exit(0)
