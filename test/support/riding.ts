import pg from 'pg'
import { expect } from 'vitest'
import type { Pool } from '../../src/pool/index.ts'
import { queryAt } from './database.ts'

export const READ = 'SELECT n FROM items WHERE id = $1'
export const WRITE = 'UPDATE items SET n = n + 1 WHERE id = $1'
/** Takes as many milliseconds as it is told, and does not look like it. */
export const SLOW = 'SELECT slowly($1)'
/** Is answered while the gate is open, and does not look like it: {@link setGate}. */
export const HELD = 'SELECT held($1)'

/** Opens or shuts the gate that {@link HELD} waits at. */
export async function setGate(url: string, isOpen: boolean): Promise<void> {
  await queryAt(url, `UPDATE gate SET is_open = ${isOpen}`)
}

/** A thousand rows, a function that takes its time, and one that waits at a gate. */
export async function createItems(url: string): Promise<void> {
  const client = new pg.Client(url)
  await client.connect()
  await client.query(`
    CREATE TABLE items (id int PRIMARY KEY, n int NOT NULL DEFAULT 0);
    INSERT INTO items SELECT id, 0 FROM generate_series(1, 1000) AS id;
    CREATE FUNCTION slowly(ms int) RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(ms / 1000.0); RETURN ms; END $$;
    CREATE TABLE gate (is_open bool); INSERT INTO gate VALUES (true);
    CREATE FUNCTION held(n int) RETURNS int LANGUAGE plpgsql AS
      $$ BEGIN WHILE NOT (SELECT is_open FROM gate) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN n; END $$`)
  await client.end()
}

/** Lets the pool see that these are quick, until all of them ride. */
export async function warmUp(pool: Pool, ...texts: string[]): Promise<void> {
  for (const text of texts)
    await expect
      .poll(
        async () => {
          const { rides } = pool.stats()
          await Promise.all([pool.query(text, [1]), pool.query(text, [2])])
          return pool.stats().rides - rides
        },
        { interval: 1 },
      )
      .toBe(2)
}
