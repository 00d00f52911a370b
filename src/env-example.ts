import { CONFIG_TABLES } from './config-tables.ts'
import type { OptionTable } from './core/index.ts'

/** `.env.example`: every environment variable that Holdfast reads, with its meaning and default. */
export function renderEnvExample(): string {
  const groups = Object.entries<OptionTable>(CONFIG_TABLES).map(([path, table]) => {
    const lines = Object.entries(table).flatMap(([name, spec]) => {
      const [variable, ...others] = spec.env
      if (variable === undefined) return []
      const full = path === '' ? name : `${path}.${name}`
      const also = others.length > 0 ? ` Also ${others.join(', ')}.` : ''
      return [
        `# ${full}: ${spec.doc}${also}`,
        `# Accepts ${spec.accepts}. Default: ${describe(spec.default)}`,
        `# ${variable}=`,
        '',
      ]
    })
    return [`## ${path === '' ? 'general' : path}`, '', ...lines].join('\n')
  })
  return `# Generated from Holdfast's option tables. Copy to .env for development; remove the # of what you set.\n\n${groups.join('\n')}`
}

function describe(value: unknown): string {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return 'none'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
