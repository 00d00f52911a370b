import type { ConfigInput } from './src/index.ts'

// For the command line in a checkout of this repository: the demo's migrations. db/migrations holds Holdfast's own.
export default {
  migrate: { directory: 'examples/demo/db/migrations' },
} satisfies ConfigInput
