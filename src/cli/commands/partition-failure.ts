import type { Retained } from '../../partitions/index.ts'
import { colours } from '../colours.ts'

/** Why a table could not be looked after. */
export const failureInWords = ({ table, error, code }: Pick<Retained, 'table' | 'error' | 'code'>): string =>
  `${colours.red(`${table}: ${error}`)}${code === null ? '' : ` ${colours.dim(`[${code}]`)}`}`
