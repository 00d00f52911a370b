import { HoldfastError } from '../core/index.ts'

export function sameNames(names: readonly string[]): HoldfastError {
  return new HoldfastError({
    code: 'HF_OPTION_INVALID',
    message: `Pools of the same name cannot be told apart in metrics: ${names.join(', ')}. Give each a name: new Pool({ name: 'jobs' }).`,
  })
}
