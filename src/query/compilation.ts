import { type CompiledQuery, PostgresQueryCompiler, type QueryCompiler } from 'kysely'

/** Counts compilations: tells which came before a connection was acquired, and which after. */
export interface CompilationClock {
  now: number
}

type DatedQuery = CompiledQuery & { readonly compiledAt: number }

/** PostgreSQL's compiler, whose queries know when they were compiled. */
export function datingCompiler(clock: CompilationClock): QueryCompiler {
  const compiler = new PostgresQueryCompiler()
  return {
    compileQuery<O>(node: Parameters<QueryCompiler['compileQuery']>[0], id: CompiledQuery['queryId']) {
      const { query, queryId, sql, parameters } = compiler.compileQuery(node, id)
      clock.now += 1
      const dated: DatedQuery = { query, queryId, sql, parameters, compiledAt: clock.now }
      return dated as CompiledQuery<unknown> as CompiledQuery<O>
    },
  }
}

/** Whether a query is known to have been compiled by then. */
export function wasCompiledBy(query: CompiledQuery, time: number): boolean {
  const { compiledAt = Number.POSITIVE_INFINITY } = query as Partial<DatedQuery>
  return compiledAt <= time
}
