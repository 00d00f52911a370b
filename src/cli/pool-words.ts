import { formatBytes, formatDuration, plural } from '../core/index.ts'
import type { Static } from 'typebox'
import type { PoolAdvice, PoolPicture } from '../admin/index.ts'
import { type Lines, table } from './output.ts'
import { colours } from './colours.ts'

export type Picture = Static<typeof PoolPicture>
export type Advice = Static<typeof PoolAdvice>
export type Holder = Picture['holders'][number]

/** It recommends something else than there is. */
export function isChange({ pool_size, max_overflow, current }: Advice): boolean {
  return pool_size !== current.pool_size || max_overflow !== current.max_overflow
}

/** A pool for people. */
export function renderPicture(picture: Picture): Lines {
  const { name, pool_size, max_overflow, checked_out, checked_in, connecting, closing, waiting } = picture
  const state = picture.is_drained ? colours.yellow('drained') : colours.green('open')
  const depths = picture.lanes.map(({ depth }) => depth)
  const lines = [
    `${colours.bold(name)} ${state}, ${checked_out} of ${pool_size}+${max_overflow} in use, ${checked_in} idle, ${connecting} connecting, ${closing} closing, ${waiting} waiting`,
    `lanes     ${depths.length === 0 ? 'none' : `${depths.length}, with ${depths.join(', ')} statements on their way`}; ${picture.rides} rides`,
    `checkouts ${picture.acquired}, mean wait ${formatDuration(picture.mean_wait_ms)}, mean hold ${formatDuration(picture.mean_hold_ms)}, ${picture.acquire_timeouts} gave up, ${picture.leaks} leaked, ${picture.dirty_releases} came back dirty`,
    ...picture.servers.map(
      ({ name: server, role, problem, evictions }) =>
        `server    ${server} ${role}${problem === null ? '' : colours.yellow(` (${problem})`)}${evictions > 0 ? `, given up ${plural(evictions, 'time')}` : ''}`,
    ),
    ...picture.replicas.map(({ name: replica, is_used, reason, lag_bytes, latency_ms }) =>
      is_used
        ? `replica   ${replica} ${lag_bytes === null ? 'lag unknown' : `${formatBytes(lag_bytes)} behind`}, ${formatDuration(latency_ms ?? 0)}`
        : `replica   ${replica} ${colours.yellow(`not used: ${reason}`)}`,
    ),
  ]
  if (picture.waiters.length > 0)
    lines.push(
      '',
      ...table(
        ['waits', 'label', 'for'],
        picture.waiters.map(({ waited_ms, label, text }) => [
          formatDuration(waited_ms),
          label,
          text === null ? 'a connection' : brief(text),
        ]),
      ),
    )
  if (picture.holders.length > 0) lines.push('', ...holdersTable(picture.holders))
  const leaks = picture.recent_leaks
  if (leaks.length > 0)
    lines.push(
      '',
      ...table(
        ['leaked', 'held', 'label', 'from', 'came back'],
        leaks
          .slice(0, 10)
          .map((leak) => [
            leak.at.slice(11, 19),
            formatDuration(leak.held_ms),
            leak.label,
            leak.call_site,
            leak.returned_after_ms === null ? 'not yet' : `after ${formatDuration(leak.returned_after_ms)}`,
          ]),
      ),
    )
  return lines
}

export function holdersTable(holders: readonly Holder[]): string[] {
  return table(
    ['held', 'label', 'from', 'last statement'],
    holders.map(({ held_ms, label, call_site, last_text, is_leak }) => [
      `${formatDuration(held_ms)}${is_leak ? ' leak' : ''}`,
      label,
      call_site,
      last_text === null ? '' : brief(last_text),
    ]),
  )
}

export function renderAdvice(advice: Advice): Lines {
  const { pool_size, max_overflow, current, is_founded, reasons, fit } = advice
  const now = `${current.pool_size}+${current.max_overflow}`
  const head = isChange(advice)
    ? `Size ${colours.bold(String(pool_size))}, overflow ${colours.bold(String(max_overflow))} (now ${now}).`
    : is_founded
      ? `${now} is right.`
      : `Stay with ${now} for now.`
  return [head, ...reasons.map((reason) => `- ${reason}`), ...(fit ? [`- ${fit.arithmetic}.`] : [])]
}

function brief(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim()
  return line.length <= 60 ? line : `${line.slice(0, 59)}…`
}
