let epoch = 0

/**
 * Counts the signs that definitions have changed: what was prepared before the last one counts no more. One count for all pools of the
 * process: most have one database, and preparing once more costs next to nothing.
 */
export const schemaEpoch = (): number => epoch

/** A definition has changed: every pool of this process prepares its statements afresh. */
export function schemaChanged(): void {
  epoch += 1
}
