import { format } from 'prettier'
import { CHECKS } from '../src/monitor/index.ts'

const SCOPES = {
  always: ['Always', 'Done by `holdfast doctor`, the console and the API.'],
  production: ['With `--production`', "What is of no matter for a developer's own database."],
  deep: ['With `--deep`', 'What reads whole tables, and takes as long as that takes.'],
} as const

/** Every check with what it means, as a page. */
export function renderChecksReference(): Promise<string> {
  const sections = (Object.keys(SCOPES) as (keyof typeof SCOPES)[]).map((scope) => {
    const [title, words] = SCOPES[scope]
    const rows = CHECKS.filter((check) => (check.scope ?? 'always') === scope).map(
      ({ id, category, good, why }) => `| \`${id}\` | ${category} | ${good} | ${why} |`,
    )
    return [
      `## ${title}`,
      '',
      words,
      '',
      '| Check | About | In order when | Why it matters |',
      '| --- | --- | --- | --- |',
      ...rows,
    ].join('\n')
  })
  const page = `# Checks

What \`holdfast doctor\` looks at: ${CHECKS.length} checks, each by its id. Ids are stable. Written from the code by \`npm run generate\`;
thresholds stand with their reasons in \`src/monitor/checks\`.

${sections.join('\n\n')}
`
  // As the formatter would have it.
  return format(page, { parser: 'markdown', printWidth: 110 })
}
