import pc from 'picocolors'
import type { Retained } from '../../partitions/index.ts'

/** Why a table could not be looked after. */
export const failureInWords = ({ table, error, code }: Pick<Retained, 'table' | 'error' | 'code'>): string =>
  `${pc.red(`${table}: ${error}`)}${code === null ? '' : ` ${pc.dim(`[${code}]`)}`}`
