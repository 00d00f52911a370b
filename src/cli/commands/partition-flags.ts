import type { Command } from 'commander'
import type { PolicyWishes } from '../../partitions/index.ts'
import { usage } from '../errors.ts'

/** @throws HF_CLI_USAGE */
function numberFrom(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (!/^[1-9]\d{0,2}$/.test(value)) throw usage(`${flag}: a whole number from 1 to 999`)
  return Number(value)
}

/** Flags that say what becomes of old partitions. */
export interface KeepFlags {
  premake?: string
  keep?: string
  retention?: string
  archiveTo?: string
}

export const withKeepFlags = (command: Command): Command =>
  command
    .option('--premake <n>', 'partitions to make ahead; default 6')
    .option('--keep <n>', 'partitions to keep behind the current one; default: all')
    .option('--retention <what>', 'what becomes of older ones: detach, archive or drop; default detach')
    .option('--archive-to <place>', 'a folder, or s3://bucket/prefix; with --retention archive')

/** @throws HF_CLI_USAGE */
export function keepFrom({ premake, keep, retention, archiveTo }: KeepFlags): PolicyWishes {
  if (retention !== undefined && retention !== 'detach' && retention !== 'archive' && retention !== 'drop')
    throw usage('--retention: detach, archive or drop')
  if ((retention === 'archive') !== (archiveTo !== undefined))
    throw usage('--retention archive and --archive-to <place> belong together')
  return {
    premake: numberFrom('--premake', premake),
    keep: numberFrom('--keep', keep),
    retention,
    archiveTo,
  }
}
