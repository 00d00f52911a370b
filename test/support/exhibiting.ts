import { expect } from 'vitest'
import type { Finding } from '../../src/monitor/index.ts'
import type { FaultyDatabase } from './faulty-database.ts'
import type { Exhibit } from './gallery.ts'

/** Makes the fault. */
export async function plant(database: FaultyDatabase, statements: readonly string[]): Promise<void> {
  for (const sql of statements)
    if (sql.startsWith('fails: ')) await expect(database.run(sql.slice(7))).rejects.toThrow()
    else await database.run(sql)
}

/** The fault is told as it has to be. @param schema that it was made in */
export function expectFound(
  findings: readonly Finding[],
  exhibit: Exhibit,
  database: string,
  schema = 'public',
): void {
  const here = (text: string): string => text.replaceAll('public.', `${schema}.`)
  const subject = exhibit.subject === 'THE DATABASE' ? database : here(exhibit.subject)
  const found = findings.find((one) => one.check === exhibit.check && one.subject === subject)
  const all = JSON.stringify(findings.map(({ check, subject: of }) => [check, of]))
  expect(found, `${exhibit.check} of ${subject} in ${all}`).toMatchObject(
    JSON.parse(here(JSON.stringify(exhibit.found))) as object,
  )
  expect(`${found?.action} ${found?.sql}`).toContain(here(exhibit.next))
  expect(found?.message).toContain(' ')
  expect(found?.why).toMatch(/\.$/)
}
