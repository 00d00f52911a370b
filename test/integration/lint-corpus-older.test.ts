import { describeCorpus } from '../support/lint-corpus-suite.ts'

describeCorpus(14)
describeCorpus(15)
describeCorpus(16)
