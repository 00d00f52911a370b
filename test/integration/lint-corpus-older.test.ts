import { test } from 'vitest'
import { describeCorpus } from '../support/lint-corpus-suite.ts'

// The package of PostgreSQL 14 is to be had for Linux on x64 only; where everything is checked it may not be missing.
const isToBeHad = process.platform === 'linux' && process.arch === 'x64'
if (isToBeHad || process.env.CI === 'true') describeCorpus(14)
else test.skip('the corpus on PostgreSQL 14: there is no npm package of it for this platform', () => {})
describeCorpus(15)
describeCorpus(16)
