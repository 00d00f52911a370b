/** Something that matters for a conversion. */
export interface Finding {
  /** Names it, for `--accept`: `unique:logs_email_key`. */
  readonly id: string
  /**
   * `carried`: taken care of. `warning`: worth knowing. `consent`: something changes for whoever uses the table; goes only with
   * `--accept <id>`. `blocked`: does not go; `way` says what to do.
   */
  readonly level: 'carried' | 'warning' | 'consent' | 'blocked'
  readonly words: string
  /** What to do about it. */
  readonly way: string | null
}

const finding =
  (level: Finding['level']) =>
  (id: string, words: string, way: string | null = null): Finding => ({ id, level, words, way })

export const carried = finding('carried')
export const warning = finding('warning')
export const consent = finding('consent')
export const blocked = finding('blocked')
