/** Costs and gaps of a test run: its ten slowest files, the seconds of each folder, the suites that were skipped. */
import { readFileSync } from 'node:fs'
import { relative, sep } from 'node:path'

/** The part of Vitest's JSON report that is used. */
interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly testResults: readonly FileResult[]
}

interface FileResult {
  /** Absolute path. */
  readonly name: string
  /** Milliseconds since 1970, of the file's first and last moment. */
  readonly startTime: number
  readonly endTime: number
  readonly assertionResults: readonly {
    readonly status: string
    readonly ancestorTitles: readonly string[]
    readonly title: string
  }[]
}

/**
 * Seconds that the files of a folder may take together, where four workers share two cores of 2026. A budget that is
 * exceeded fails nothing: a slow machine is no fault. It tells the author of a test what it costs.
 */
export const BUDGET_SECONDS: Readonly<Record<string, number>> = {
  'test/unit': 10,
  'test/integration': 400,
  'test/faults': 130,
  'test/browser': 230,
  'test/stress': 15,
  examples: 40,
}

export interface Counts {
  readonly passed: number
  readonly failed: number
  /** Files with their seconds, the slowest first. */
  readonly files: readonly { readonly path: string; readonly seconds: number }[]
  /** Suites or tests that were left out, each with the reason that its name gives. */
  readonly skipped: readonly string[]
}

/** Reads a report. One that is missing counts nothing: the run did not get that far, and has failed itself. */
export function readReport(path: string, root: string): Counts {
  let report: Report
  try {
    report = JSON.parse(readFileSync(path, 'utf8')) as Report
  } catch {
    return { passed: 0, failed: 0, files: [], skipped: [] }
  }
  const files = report.testResults
    .map(({ name, startTime, endTime }) => ({
      path: relative(root, name).split(sep).join('/'),
      seconds: Math.max(0, endTime - startTime) / 1_000,
    }))
    .toSorted((a, b) => b.seconds - a.seconds)
  const skipped = new Set(
    report.testResults.flatMap(({ assertionResults }) =>
      assertionResults
        .filter(({ status }) => status === 'skipped' || status === 'pending')
        .map(({ ancestorTitles, title }) => ancestorTitles[0] || title),
    ),
  )
  return { passed: report.numPassedTests, failed: report.numFailedTests, files, skipped: [...skipped] }
}

/** The report in lines. */
export function renderCost({ files, skipped }: Counts): string {
  const seconds = (value: number): string => value.toFixed(1).padStart(7)
  const folders = Object.entries(BUDGET_SECONDS).map(([folder, budget]) => {
    const took = files
      .filter(({ path }) => path.startsWith(`${folder}/`))
      .reduce((sum, file) => sum + file.seconds, 0)
    return { folder, budget, took }
  })
  return [
    'Slowest files, in seconds:',
    ...files.slice(0, 10).map((file) => `${seconds(file.seconds)}  ${file.path}`),
    'Seconds by folder, and their budget:',
    ...folders
      .filter(({ took }) => took > 0)
      .map(
        ({ folder, budget, took }) =>
          `${seconds(took)}  of ${budget}  ${folder}${took > budget ? '  (over)' : ''}`,
      ),
    ...(skipped.length > 0 ? ['Skipped:', ...skipped.map((name) => `         ${name}`)] : []),
  ].join('\n')
}
