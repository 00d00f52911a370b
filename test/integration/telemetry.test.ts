/** Pools in Prometheus and OpenTelemetry: real registries, real SDKs. */
import { context, SpanStatusCode, SpanKind, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { measurePools, traceStatements } from '../../src/opentelemetry/index.ts'
import { withLabel } from '../../src/pool/index.ts'
import { registerPools } from '../../src/prometheus/index.ts'
import { useDatabase } from '../support/database.ts'
import { usePools } from '../support/pools.ts'

const makePool = usePools(useDatabase('empty'))

test('Prometheus scrapes every pool: gauges, counters, histograms, labels', async () => {
  const registry = new Registry()
  const web = makePool({ size: 2, overflow: 1 })
  const jobs = makePool({ size: 1, overflow: 0, name: 'jobs' })
  registerPools(registry, web, jobs)
  await withLabel('GET "users"', () => web.query('SELECT 1'))
  await expect(withLabel('GET "users"', () => web.query('SELECT 1/0'))).rejects.toThrow(/zero/)
  await jobs.query('SELECT pg_sleep(0.03)')
  using held = await web.connect()
  await held.query('SELECT 2')
  const text = await registry.metrics()
  for (const line of [
    '# TYPE holdfast_pool_connections gauge',
    'holdfast_pool_connections{pool="default",state="busy"} 1',
    'holdfast_pool_size{pool="jobs"} 1',
    '# TYPE holdfast_pool_acquired_total counter',
    'holdfast_pool_acquired_total{pool="default"} 3',
    '# TYPE holdfast_pool_statement_seconds histogram',
    'holdfast_pool_statement_seconds_bucket{le="0.025",pool="jobs"} 0',
    'holdfast_pool_statement_seconds_bucket{le="+Inf",pool="jobs"} 1',
    'holdfast_pool_statement_seconds_count{pool="jobs"} 1',
    'holdfast_pool_label_statements_total{pool="default",label="GET \\"users\\""} 2',
    'holdfast_pool_label_errors_total{pool="default",label="GET \\"users\\""} 1',
  ])
    expect(inAnyOrder(text)).toContain(inAnyOrder(line))
  const sum = Number(/holdfast_pool_statement_seconds_sum\{pool="jobs"\} ([\d.]+)/.exec(text)?.[1])
  expect(sum).toBeGreaterThan(0.025)
  // Of seconds: thirty thousandths, and not thirty.
  expect(sum).toBeLessThan(25)
})

/** The order of labels says nothing. */
function inAnyOrder(text: string): string {
  return text.replaceAll(/\{([^}]*)\}/g, (_, labels: string) => `{${labels.split(',').toSorted().join(',')}}`)
}

describe('OpenTelemetry', () => {
  const spans = new InMemorySpanExporter()
  const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  const tracer = provider.getTracer('test')
  let end: () => void

  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager())
    end = traceStatements(tracer)
  })
  afterAll(() => {
    end()
    context.disable()
  })

  test('each statement is a span, below the one that is active', async () => {
    const pool = makePool()
    const parent = tracer.startSpan('request')
    await context.with(trace.setSpan(context.active(), parent), async () => {
      await withLabel('GET /', () => pool.query('/* first */ select $1::int AS n', [1]))
      await pool.transaction((tx) => tx.query('SELECT 2'))
      using client = await pool.connect()
      await client.query('SELECT 3')
    })
    parent.end()
    const finished = spans.getFinishedSpans().filter(({ name }) => name !== 'request')
    expect(finished.map(({ name }) => name)).toContain('SELECT')
    expect(finished[0]).toMatchObject({
      name: 'SELECT',
      kind: SpanKind.CLIENT,
      parentSpanContext: { spanId: parent.spanContext().spanId },
      attributes: {
        'db.system.name': 'postgresql',
        'db.operation.name': 'SELECT',
        'db.query.text': '/* first */ select $1::int AS n',
        'holdfast.label': 'GET /',
      },
    })
    for (const span of finished) expect(span.parentSpanContext?.spanId).toBe(parent.spanContext().spanId)
    expect(finished.map(({ attributes }) => attributes['db.query.text'])).toEqual(
      expect.arrayContaining(['SELECT 2', 'SELECT 3']),
    )
  })

  test('a failure is told by its code, and not by values that its message may hold', async () => {
    spans.reset()
    await expect(makePool().query(`SELECT 'secret'::int`)).rejects.toThrow(/secret/)
    const [span] = spans.getFinishedSpans()
    expect(span?.status).toEqual({ code: SpanStatusCode.ERROR })
    expect(span?.attributes).toMatchObject({ 'db.response.status_code': '22P02', 'error.type': '22P02' })
    expect(span?.events).toEqual([])
  })

  test('a meter observes the pools until it is told to stop', async () => {
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
    const meters = new MeterProvider({ readers: [reader] })
    const pool = makePool({ size: 2, overflow: 3, name: 'web' })
    const stop = measurePools(meters.getMeter('test'), pool)
    await pool.query('SELECT 1')
    await reader.forceFlush()
    const read = (name: string, state?: string): unknown =>
      exporter
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap(({ metrics }) => metrics)
        .find(({ descriptor }) => descriptor.name === name)
        ?.dataPoints.find(
          ({ attributes }) =>
            attributes['db.client.connection.pool.name'] === 'web' &&
            attributes['db.client.connection.state'] === state,
        )?.value
    expect(read('db.client.connection.max')).toBe(5)
    expect(read('db.client.connection.count', 'idle')).toBe(1)
    expect(read('db.client.connection.count', 'used')).toBe(0)
    expect(read('holdfast.pool.checkouts')).toBe(1)
    stop()
    using _held = await pool.connect()
    await reader.forceFlush()
    expect(read('db.client.connection.count', 'used')).toBe(0) // as it was last observed
    await meters.shutdown()
  })
})

test('the server sees tags behind statements that are not kept prepared, and nothing behind those that are', async () => {
  const pool = makePool({ tags: { application: 'shop' }, tagLabels: true })
  const own = 'SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()'
  const seen = async (): Promise<string> => (await pool.query(own)).rows[0].query
  expect(await withLabel('GET /users', seen)).toBe(`${own} /*application='shop',label='GET%20%2Fusers'*/`)
  expect(await seen()).toBe(`${own} /*application='shop'*/`)
  const inTransaction = await withLabel('job', () =>
    pool.transaction(async (tx) => (await tx.query(`${own} AND true`)).rows[0].query),
  )
  expect(inTransaction).toBe(`${own} AND true /*application='shop',label='job'*/`)
  expect(await withLabel('GET /users', seen)).toBe(own) // the third time it is prepared
  expect(pool.statements().map(({ text }) => text)).toEqual(expect.arrayContaining([own, `${own} AND true`]))
})
