import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { isMainThread } from 'node:worker_threads'

type Grammar = typeof import('libpg-query')

/** PostgreSQL's own grammar. Each throws where it does not take the text. */
export interface SqlParser {
  readonly parse: Grammar['parseSync']
  readonly scan: Grammar['scanSync']
  readonly fingerprint: Grammar['fingerprintSync']
}

let loading: Promise<Grammar> | undefined
/** One ran out of stack. */
let isLost = false

/** Loaded on first use: it is WebAssembly of some megabytes, and who looks at no statement needs none of them. */
export async function sqlParser(): Promise<SqlParser> {
  loading ??= load().catch((error: unknown) => {
    loading = undefined
    throw error
  })
  const { parseSync, scanSync, fingerprintSync } = await loading
  const scan = guarded(scanSync)
  return {
    parse: guarded(parseSync),
    scan: (text) => scan(withoutControls(text)),
    fingerprint: guarded(fingerprintSync),
  }
}

/** The scanner's answer is JSON in which they are not escaped. Places stay: a byte for a byte, and a blank for a blank. */
const withoutControls = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  text.replaceAll(/[\v\f]/g, ' ').replaceAll(/[\u0001-\u0008\u000E-\u001F]/g, '?')

async function load(): Promise<Grammar> {
  const grammar = isLost ? loadAnew() : await import('libpg-query')
  await grammar.loadModule()
  return grammar
}

/** Another instance: what Node remembers of the package is forgotten. */
function loadAnew(): Grammar {
  const require = createRequire(import.meta.url)
  const folder = dirname(require.resolve('libpg-query'))
  for (const path of Object.keys(require.cache)) if (path.startsWith(folder)) delete require.cache[path]
  return require('libpg-query') as Grammar
}

function guarded<Args extends unknown[], Result>(call: (...args: Args) => Result): (...args: Args) => Result {
  return (...args) => {
    try {
      return compiledOnce(() => call(...args))
    } catch (error) {
      if (!(error instanceof RangeError || (error instanceof Error && error.name === 'RuntimeError')))
        throw error
      // It ran out of stack, and does not give back what it had of it: the next one who asks gets a new one.
      isLost = true
      loading = undefined
      throw new Error('it is nested too deeply', { cause: error })
    }
  }
}

/** Whoever started Node with a choice of their own keeps it. */
const HAS_OWN_CHOICE = /wasm|liftoff|jitless|single-threaded/.test(
  [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' '),
)

/**
 * V8 compiles each function of WebAssembly when it is first called, and by default those that run often a second time. For this
 * grammar the second time takes 50 to 80 MB that the process keeps, and more processor time than it gives back. What is compiled within
 * the call is compiled once. Flags are the whole process's: only its main thread sets them, and sets them back at once.
 */
function compiledOnce<T>(call: () => T): T {
  if (HAS_OWN_CHOICE || !isMainThread) return call()
  setFlagsFromString('--no-wasm-tier-up')
  setFlagsFromString('--no-wasm-dynamic-tiering')
  try {
    return call()
  } finally {
    setFlagsFromString('--wasm-tier-up')
    setFlagsFromString('--wasm-dynamic-tiering')
  }
}
