import { pathToFileURL } from 'node:url'
import { moduleInvalid } from './errors.ts'
import type { MigrationStep, Validation } from './define.ts'

/**
 * The default export of a migration's TypeScript file. Node strips the types itself.
 * @throws HF_MIGRATE_MODULE when it cannot be loaded or exports something else
 */
export async function loadStep(path: string): Promise<MigrationStep> {
  return (await loadDefault(path, 'function')) as MigrationStep
}

/** @throws HF_MIGRATE_MODULE */
export async function loadValidation(path: string): Promise<Validation> {
  return (await loadDefault(path, 'function')) as Validation
}

/** @throws HF_MIGRATE_MODULE */
export async function loadDefault(path: string, kind: 'function' | 'object'): Promise<unknown> {
  let exported: { default?: unknown }
  try {
    exported = (await import(pathToFileURL(path).href)) as { default?: unknown }
  } catch (error) {
    throw moduleInvalid(path, 'could not be loaded', error)
  }
  if (typeof exported.default !== kind || exported.default === null) {
    throw moduleInvalid(path, `must export a ${kind} as default`, undefined)
  }
  return exported.default
}
