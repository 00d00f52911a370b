import { setFlagsFromString } from 'node:v8'

type Grammar = typeof import('libpg-query')

/** PostgreSQL's own grammar. Each throws where it does not take the text. */
export interface SqlParser {
  readonly parse: Grammar['parseSync']
  readonly scan: Grammar['scanSync']
  readonly fingerprint: Grammar['fingerprintSync']
}

/** Loaded on first use: it is WebAssembly of some megabytes, and who looks at no statement needs none of them. */
export async function sqlParser(): Promise<SqlParser> {
  const grammar = await import('libpg-query')
  await grammar.loadModule()
  return {
    parse: compiledOnce(grammar.parseSync),
    scan: compiledOnce(grammar.scanSync),
    fingerprint: compiledOnce(grammar.fingerprintSync),
  }
}

/**
 * V8 compiles each function of WebAssembly when it is first called, and by default those that run often a second time. For this
 * grammar the second time takes 50 to 80 MB that the process keeps, and more processor time than it gives back. What is compiled within
 * the call is compiled once; it is not asynchronous, so nothing else in the process is.
 */
function compiledOnce<Args extends unknown[], Result>(
  call: (...args: Args) => Result,
): (...args: Args) => Result {
  return (...args) => {
    setFlagsFromString('--no-wasm-tier-up')
    setFlagsFromString('--no-wasm-dynamic-tiering')
    try {
      return call(...args)
    } finally {
      setFlagsFromString('--wasm-tier-up')
      setFlagsFromString('--wasm-dynamic-tiering')
    }
  }
}
