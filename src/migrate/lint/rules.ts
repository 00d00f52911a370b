import type { Rule } from './rule.ts'
import { COLUMN_RULES } from './rules/column-rules.ts'
import { CONSTRAINT_RULES } from './rules/constraint-rules.ts'
import { INDEX_RULES } from './rules/index-rules.ts'
import { OBJECT_RULES } from './rules/object-rules.ts'
import { PARTITION_RULES } from './rules/partition-rules.ts'
import { SCRIPT_RULES } from './rules/script-rules.ts'

/** Every rule of the linter. */
export const RULES: readonly Rule[] = [
  ...SCRIPT_RULES,
  ...INDEX_RULES,
  ...COLUMN_RULES,
  ...CONSTRAINT_RULES,
  ...PARTITION_RULES,
  ...OBJECT_RULES,
]
