import { usage } from '../errors.ts'

/** @throws HF_CLI_USAGE */
export function numberFrom(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (!/^[1-9]\d{0,2}$/.test(value)) throw usage(`${flag}: a whole number from 1 to 999`)
  return Number(value)
}

/** @throws HF_CLI_USAGE */
export function retentionFrom(value: string | undefined): 'detach' | 'drop' | undefined {
  if (value !== undefined && value !== 'detach' && value !== 'drop')
    throw usage('--retention: detach or drop')
  return value
}
