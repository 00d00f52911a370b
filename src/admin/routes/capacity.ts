import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import {
  digestAsJson,
  digestInWords,
  forecastAsJson,
  type ForecastMetric,
  makeDigest,
  METRICS,
  PERIODS,
  periodsUpTo,
  PROCESS_METRICS,
  readCapacity,
} from '../../monitor/index.ts'
import { checkContextOf } from '../check-context.ts'
import type { AdminContext } from '../context.ts'
import { findingShown, nullable, problemResponses } from '../problem.ts'
import { roleOf } from '../roles.ts'
import { FindingDescription } from './monitoring.ts'

/** When something reaches its limit, if it goes on as it did. */
export const Forecast = Type.Object({
  metric: Type.String(),
  current: Type.Number(),
  limit: nullable(Type.Number({ description: 'Null: nobody said how much there may be' })),
  per_day: Type.Number({ description: 'Growth in a day' }),
  per_day_range: Type.Array(Type.Number(), { description: 'In eight of ten backtests it lay between these' }),
  days: nullable(Type.Number({ description: 'Until the limit; null: not within ten years' })),
  days_range: Type.Array(nullable(Type.Number())),
  history_days: Type.Number(),
  backtests: Type.Integer({ description: 'How often it was tried on what is known by now' }),
  in_words: Type.String(),
})

const LIFE_MS = 60_000
const FORECAST_METRICS = [...Object.keys(METRICS), ...Object.keys(PROCESS_METRICS)] as ForecastMetric[]
const VIEWER = { access: 'viewer' } as const

/** What is to come, and what is to be looked at regularly. */
export const capacityRoutes: FastifyPluginAsyncTypebox<{ context: AdminContext }> = async (
  app,
  { context },
) => {
  const { readings, clock } = context
  const tags = ['performance']

  app.get(
    '/v1/database/performance/capacity',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'What reaches its limit when, with an interval; empty while there is too little history.',
        querystring: Type.Object({
          metric: Type.Optional(
            Type.Enum(FORECAST_METRICS, { description: 'Any that the history has. Default: what fills up' }),
          ),
        }),
        response: { 200: Type.Object({ data: Type.Array(Forecast) }), ...problemResponses },
      },
    },
    async ({ query: { metric } }) => ({
      data: await readings.get(`capacity ${metric ?? ''}`, LIFE_MS, async () => {
        const { history, limits } = await checkContextOf(context)
        const forecasts = history
          ? await readCapacity(history, { diskBytes: limits?.diskBytes }, clock.now(), metric && [metric])
          : []
        return forecasts.map(forecastAsJson)
      }),
    }),
  )

  app.get(
    '/v1/database/performance/digest',
    {
      config: VIEWER,
      schema: {
        tags,
        summary: 'What operators look at daily, weekly, monthly and quarterly, ticked off with evidence.',
        querystring: Type.Object({
          period: Type.Enum(['daily', 'weekly', 'monthly'] as const, {
            default: 'weekly',
            description:
              'Up to that one. The quarterly tasks read whole tables: holdfast doctor --digest quarterly',
          }),
        }),
        response: {
          200: Type.Object({
            at: Type.String({ format: 'date-time' }),
            database: Type.String(),
            periods: Type.Array(Type.Enum([...PERIODS])),
            score: Type.Integer(),
            in_words: Type.String({ description: 'Markdown' }),
            capacity: Type.Array(Type.String()),
            tasks: Type.Array(
              Type.Object({
                period: Type.Enum([...PERIODS]),
                title: Type.String(),
                state: Type.Enum(['done', 'attention', 'unknown'] as const),
                checks: Type.Array(Type.String()),
                unknown: Type.Array(Type.String(), {
                  description: 'Checks that could not be made, or do not apply',
                }),
                findings: Type.Array(FindingDescription),
              }),
            ),
          }),
          ...problemResponses,
        },
      },
    },
    async ({ query: { period }, identity }) => {
      const digest = await readings.get(`digest ${period}`, LIFE_MS, async () => {
        const made = await makeDigest(await checkContextOf(context), periodsUpTo(period))
        return { ...digestAsJson(made), in_words: digestInWords(made) }
      })
      const tasks = digest.tasks.map((task) => ({
        ...task,
        findings: task.findings.map((finding) => findingShown(finding, roleOf(identity))),
      }))
      return { ...digest, tasks }
    },
  )
}
