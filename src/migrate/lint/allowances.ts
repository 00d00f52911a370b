import { nearest } from '../../core/index.ts'
import { EARLY } from '../contract/contract.ts'
import { directiveInvalid } from '../format/errors.ts'
import type { Script } from '../format/script.ts'
import { RULES } from './rules.ts'

/**
 * Consent to a rule that does not exist is consent to nothing.
 * @throws HF_MIGRATE_DIRECTIVE
 */
export function refuseUnknownAllowance({ directives, path }: Script): void {
  const known = [...RULES.map(({ id }) => id), 'measured-work', 'measured-failure', EARLY]
  const stray = directives.allows.find(({ rule }) => !known.includes(rule))
  if (!stray) return
  const close = nearest(stray.rule, known)
  throw directiveInvalid(
    path,
    1,
    `allow=${stray.rule}`,
    `names no rule${close ? `; did you mean ${close}?` : ''}`,
  )
}
