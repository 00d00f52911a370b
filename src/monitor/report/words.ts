import { formatBytes, formatDuration, inOneLine, plural } from '../../core/index.ts'
import type { Report } from './report.ts'

/** How a report is written. */
export const REPORT_FORMATS = ['text', 'markdown'] as const
export type ReportFormat = (typeof REPORT_FORMATS)[number]

/** One part of a report: a heading, and lines or a table. */
interface Section {
  readonly title: string
  readonly lines?: readonly string[]
  readonly head?: readonly string[]
  readonly rows?: readonly (readonly string[])[]
}

/** A report for people. */
export function reportInWords(report: Report, format: ReportFormat): string {
  const write = format === 'markdown' ? asMarkdown : asText
  return `${sectionsOf(report).map(write).join('\n\n')}\n`
}

function sectionsOf(report: Report): Section[] {
  const { database, connection_pool: pool, cache_hit_ratio: cache, checks, recommendations } = report
  const { system_metrics: system } = report
  return [
    {
      title: `Report on ${database.name}`,
      lines: [
        `${report.timestamp}; PostgreSQL ${database.server_version}, ${database.role}${database.address === null ? '' : ` at ${database.address}`}.`,
        `Score ${checks.score} of 100: ${plural(checks.findings.filter(({ severity }) => severity !== 'info').length, 'problem')}, ${plural(checks.good.length, 'check')} in order.`,
      ],
    },
    {
      title: 'What to do',
      ...(recommendations.length === 0
        ? { lines: ['Nothing: all is well.'] }
        : {
            head: ['Severity', 'About', 'What', 'Next step'],
            rows: recommendations.map((one) => [one.severity, one.category, one.message, one.action]),
          }),
    },
    {
      title: 'Connections',
      lines: [
        `${database.total_connections} to this database, ${database.active_connections} active; the server allows ${database.max_connections}.`,
        ...(pool === null
          ? []
          : [
              `Pool: ${pool.checked_out_connections} of ${pool.pool_size + pool.max_overflow} in use (${pool.pool_utilization_percent}%), ${plural(pool.waiting_callers, 'caller')} waiting.`,
            ]),
      ],
    },
    {
      title: 'Memory and room',
      lines: [
        `Size: ${database.database_size === null ? 'not for this role' : formatBytes(database.database_size)}.`,
        cache.cache_hit_ratio_percent === null
          ? 'Nothing was read yet.'
          : `${cache.cache_hit_ratio_percent}% of blocks were found in shared buffers: ${cache.performance_assessment} (tables ${cache.tables_percent ?? '-'}%, indexes ${cache.indexes_percent ?? '-'}%).`,
      ],
    },
    ...listsOf(report),
    ...(system === null
      ? []
      : [
          {
            title: "The service's host (not the database's)",
            lines: [
              `${system.host}, process ${system.pid}: ${system.cpu_percent}% of a core, ${formatBytes(system.rss_bytes)}; load ${system.load_1m.toFixed(1)} on ${plural(system.cores, 'core')}; event loop late by ${formatDuration(system.event_loop_delay_p99_ms)} at the 99th percentile.`,
            ],
          },
        ]),
    { title: 'In order', lines: checks.good.map((good) => `- ${good}`) },
  ]
}

function listsOf(report: Report): Section[] {
  return [
    {
      title: 'Capacity',
      lines:
        report.capacity.length === 0
          ? [
              'There is too little history to look ahead, which takes six hours of it: holdfast serve keeps one.',
            ]
          : report.capacity.map(({ in_words }) => in_words),
    },
    {
      title: 'Largest tables',
      head: ['Table', 'Size', 'Indexes', 'Rows', 'Dead rows'],
      rows: report.database.largest_tables.map((one) => [
        `${one.schema}.${one.table}`,
        formatBytes(one.total_bytes),
        formatBytes(one.index_bytes),
        count(one.estimated_rows),
        count(one.dead_rows),
      ]),
    },
    {
      title: 'Empty room in tables, estimated',
      head: ['Table', 'Size', 'Empty'],
      rows: report.table_bloat.map((one) => [
        one.table,
        formatBytes(one.bytes),
        `${formatBytes(one.wasted_bytes)} (${one.wasted_percent}%)`,
      ]),
    },
    {
      title: 'Indexes',
      head: ['Index', 'Table', 'Size', 'Used'],
      rows: report.index_usage.map((one) => [
        one.index,
        one.table,
        formatBytes(one.bytes),
        one.is_valid ? count(one.scans) : 'not valid',
      ]),
    },
    {
      title: 'Statements by time, since the statistics were reset',
      head: ['Calls', 'Mean', 'Total', 'Statement'],
      rows: report.slow_queries.map((one) => [
        count(one.calls),
        formatDuration(one.mean_ms),
        formatDuration(one.total_ms),
        inOneLine(one.query ?? 'not for this role', 160),
      ]),
    },
  ]
}

const count = (value: number | null): string => (value === null ? '' : String(Math.round(value)))

function asText({ title, lines = [], head, rows = [] }: Section): string {
  const body = head === undefined ? lines : rows.length === 0 ? ['None.'] : aligned(head, rows)
  return [title, '-'.repeat(title.length), ...body.map((line) => line.replaceAll(/\s*[\r\n]\s*/g, ' '))].join(
    '\n',
  )
}

function aligned(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((name, column) =>
    Math.max(name.length, ...rows.map((row) => Math.min(60, row[column]?.length ?? 0))),
  )
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  return [line(head), ...rows.map(line)]
}

function asMarkdown({ title, lines = [], head, rows = [] }: Section): string {
  const heading = `## ${title}`
  if (head === undefined) return [heading, '', ...lines.flatMap((line) => [line, ''])].join('\n').trimEnd()
  if (rows.length === 0) return `${heading}\n\nNone.`
  const line = (row: readonly string[]): string => `| ${row.map(inCell).join(' | ')} |`
  return [heading, '', line(head), `|${head.map(() => ' --- ').join('|')}|`, ...rows.map(line)].join('\n')
}

/** What is special in a table's cell. */
const inCell = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll(/\s+/g, ' ')
