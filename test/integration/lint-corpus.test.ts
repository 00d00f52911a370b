/**
 * The linter's corpus on the oldest and the newest server; `npm run stress:corpus` has those between, too, where all
 * but a handful of statements were measured to do the same (lint-measured.json).
 */
import { test } from 'vitest'
import { describeCorpus } from '../support/lint-corpus-suite.ts'

// The package of PostgreSQL 14 is to be had for Linux on x64 only; where everything is checked it may not be missing.
const isToBeHad = process.platform === 'linux' && process.arch === 'x64'
if (isToBeHad || process.env.CI === 'true') describeCorpus(14)
else test.skip('the corpus on PostgreSQL 14: there is no npm package of it for this platform', () => {})
if (process.env.HOLDFAST_TEST_FULL === '1') for (const version of [15, 16, 17]) describeCorpus(version)
describeCorpus(18)
