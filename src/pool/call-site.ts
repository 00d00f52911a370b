import { fileURLToPath } from 'node:url'

const FRAMES = 8
/** Frames of Holdfast itself say nothing about who called it. In a bundle that is no module nobody can say where this is. */
const OURS: string | undefined = import.meta.url && fileURLToPath(new URL('..', import.meta.url))

/**
 * Remembers the stack of whoever calls, about eight frames of it. Cheap: the text is made when somebody reads it.
 *
 * @param above the function whose caller is the first frame.
 */
export function traceAbove(above: (...args: never[]) => unknown): Error {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = FRAMES
  const trace = new Error('held since here')
  Error.captureStackTrace(trace, above)
  Error.stackTraceLimit = limit
  return trace
}

/** The first frame that is the application's: neither ours, nor a library's, nor Node's. */
export function callSiteOf(trace: Error): string | undefined {
  const frames = (trace.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.replace(/^\s+at (async )?/, ''))
  const frame = frames.find(isApplication) ?? frames[0]
  // As people write paths: below the folder that the process runs in.
  return frame?.replaceAll('file://', '').replaceAll(`${process.cwd()}/`, '')
}

function isApplication(frame: string): boolean {
  return !frame.includes('node:') && !frame.includes('/node_modules/') && !(OURS && frame.includes(OURS))
}
