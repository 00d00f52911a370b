import { CONFIG_TABLES } from '../src/config-tables.ts'
import type { OptionTable } from '../src/core/index.ts'

const INTRODUCTION = `# Configuration

Generated from the option tables. Later wins: \`holdfast.config.ts\` (or \`.js\`, \`.mjs\`, \`.json\`), \`.env\` (not in
production), the environment, arguments of \`createHoldfast\` and of the command line. An unknown key or a value
outside its range is an error that names it. \`holdfast config show\` prints what is in force and where it came from.
`

/** `docs/reference/configuration.md`. */
export function renderConfigReference(): string {
  const sections = Object.entries<OptionTable>(CONFIG_TABLES).map(([path, table]) => {
    const rows = Object.entries(table).map(([name, spec]) => {
      const value =
        spec.default === undefined || (Array.isArray(spec.default) && spec.default.length === 0)
          ? ''
          : typeof spec.default === 'object'
            ? JSON.stringify(spec.default)
            : String(spec.default)
      return `| \`${name}\` | ${spec.env.map((variable) => `\`${variable}\``).join(', ')} | ${value} | ${spec.doc} Accepts ${spec.accepts}. |`
    })
    return `## ${path === '' ? 'General' : `\`${path}\``}\n\n| option | environment | default | meaning |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`
  })
  return `${INTRODUCTION}\n${sections.join('\n')}`
}
