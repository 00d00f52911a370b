import { describeCorpus } from '../support/lint-corpus-suite.ts'

describeCorpus(17)
describeCorpus(18)
