import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Whether Node takes files ending in .ts or .js below a folder for modules: the nearest package.json says so. */
export function isModuleFolder(folder: string): boolean {
  const path = join(folder, 'package.json')
  if (existsSync(path)) {
    try {
      return (JSON.parse(readFileSync(path, 'utf8')) as { type?: string }).type === 'module'
    } catch {
      return false // it cannot be read, and Node will say so
    }
  }
  // Without any package Node looks at what is in the file.
  return dirname(folder) === folder || isModuleFolder(dirname(folder))
}

/** What to do where a module was taken for CommonJS; empty for any other failure. */
export function moduleHint(path: string, error: unknown): string {
  return error instanceof SyntaxError && !isModuleFolder(dirname(path))
    ? 'Put "type": "module" into package.json.'
    : ''
}
