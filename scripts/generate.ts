/** Writes what is generated from the code: `npm run generate`. Tests fail when it was forgotten. */
import { writeFileSync } from 'node:fs'
import { describeApi } from '../src/admin/index.ts'
import { renderEnvExample } from '../src/env-example.ts'
import { renderConfigReference } from './config-reference.ts'

const root = new URL('../', import.meta.url)
writeFileSync(new URL('.env.example', root), renderEnvExample())
writeFileSync(new URL('docs/reference/configuration.md', root), renderConfigReference())
writeFileSync(
  new URL('docs/reference/openapi.json', root),
  `${JSON.stringify(await describeApi(), null, 2)}\n`,
)
