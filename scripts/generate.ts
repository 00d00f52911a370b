/** Writes what is generated from the code: `npm run generate`. Tests fail when it was forgotten. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { describeApi } from '../src/admin/index.ts'
import { renderEnvExample } from '../src/env-example.ts'
import { renderApiTypes } from './api-types.ts'
import { renderChecksReference } from './checks-reference.ts'
import { renderConfigReference } from './config-reference.ts'

const root = new URL('../', import.meta.url)
const api = await describeApi()
mkdirSync(new URL('dashboard/src/api/', root), { recursive: true })
writeFileSync(new URL('.env.example', root), renderEnvExample())
writeFileSync(new URL('docs/reference/configuration.md', root), renderConfigReference())
writeFileSync(new URL('docs/reference/checks.md', root), await renderChecksReference())
writeFileSync(new URL('docs/reference/openapi.json', root), `${JSON.stringify(api, null, 2)}\n`)
writeFileSync(new URL('dashboard/src/api/operations.ts', root), renderApiTypes(api))
