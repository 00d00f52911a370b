import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { vi } from 'vitest'
import { findFreePort } from '../../src/embedded/postmaster.ts'

const find = (name: string): string | undefined =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))

const PROGRAM = find('prometheus')
const PROMTOOL = find('promtool')

/** On somebody's own machine it may be missing; where everything is checked it may not. */
export const isPrometheusMissing =
  (PROGRAM === undefined || PROMTOOL === undefined) && process.env.CI !== 'true'

/** Runs promtool. @throws what it says is wrong */
export function promtool(...args: string[]): string {
  if (PROMTOOL === undefined) throw new Error('install promtool: apt-get install prometheus')
  return execFileSync(PROMTOOL, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Has promtool look at metrics as they are scraped. @throws what it says is wrong */
export function promtoolReads(metrics: string): void {
  if (PROMTOOL === undefined) throw new Error('install promtool: apt-get install prometheus')
  execFileSync(PROMTOOL, ['check', 'metrics'], { input: metrics, stdio: ['pipe', 'pipe', 'pipe'] })
}

/** One line of an answer: its labels and its value. */
export interface Line {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

/** A Prometheus that scrapes one target every half second. */
export class Prometheus {
  readonly url: string
  readonly #child: ChildProcess

  private constructor(url: string, child: ChildProcess) {
    this.url = url
    this.#child = child
  }

  /** @param folder of its own. @param target host:port. @param token that it is let in with. @param rules a file */
  static async start(folder: string, target: string, token: string, rules: string): Promise<Prometheus> {
    if (PROGRAM === undefined) throw new Error('install prometheus: apt-get install prometheus')
    mkdirSync(folder, { recursive: true })
    const config = join(folder, 'prometheus.yml')
    writeFileSync(
      config,
      JSON.stringify({
        global: { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '2s' },
        rule_files: [rules],
        scrape_configs: [
          {
            job_name: 'holdfast',
            authorization: { credentials: token },
            static_configs: [{ targets: [target] }],
          },
        ],
      }),
    )
    const address = `127.0.0.1:${await findFreePort()}`
    const child = spawn(
      PROGRAM,
      [
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${address}`,
      ],
      { stdio: 'ignore' },
    )
    const started = new Prometheus(`http://${address}`, child)
    await vi.waitUntil(
      () =>
        fetch(`${started.url}/-/ready`).then(
          ({ ok }) => ok,
          () => false,
        ),
      { timeout: 60_000 },
    )
    return started
  }

  async ask<T>(path: string): Promise<T> {
    const answer = (await (await fetch(`${this.url}/api/v1/${path}`)).json()) as {
      status: string
      error?: string
      data: T
    }
    if (answer.status !== 'success') throw new Error(`${path}: ${answer.error}`)
    return answer.data
  }

  /** What a query answers now. @throws what is wrong with it */
  async query(expr: string): Promise<Line[]> {
    const { result } = await this.ask<{
      result: { metric: Record<string, string>; value: [number, string] }[]
    }>(`query?query=${encodeURIComponent(expr)}`)
    return result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }))
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGTERM')
    await ended
  }
}
