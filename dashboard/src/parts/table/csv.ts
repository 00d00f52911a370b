import type { Column } from './column.ts'

/** RFC 4180. A text that a spreadsheet would take for a formula is made one that it does not. */
export function toCsv<Row>(rows: readonly Row[], shown: readonly Column<Row>[]): string {
  const columns = shown.filter(({ isPicture }) => isPicture !== true)
  const lines = [
    columns.map(({ title, unit }) => quoted(unit === undefined ? title : `${title} (${unit})`)),
    ...rows.map((row) => columns.map(({ value }) => cellOf(value(row)))),
  ]
  return lines.map((cells) => `${cells.join(',')}\r\n`).join('')
}

/** Hands a file to the person. */
export function download(name: string, text: string, type = 'text/csv;charset=utf-8'): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([text], { type }))
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
}

function cellOf(value: string | number | null): string {
  if (value === null) return ''
  if (typeof value === 'number') return String(value)
  return quoted(/^\s*[=+\-@]|^[\t\r\n]/.test(value) ? `'${value}` : value)
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
