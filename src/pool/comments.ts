/** Labels that get a comment; a label that is one of more was not chosen with care, and gets none. */
const MOST = 200

/**
 * Comments in the form of SQLCommenter (https://google.github.io/sqlcommenter/spec/), so that whoever looks at the
 * server sees where a statement comes from. Only statements that are not kept prepared carry one: a text for each tag
 * would be a statement for each tag.
 */
export class Comments {
  readonly #tags: Readonly<Record<string, string>>
  readonly #hasLabels: boolean
  readonly #known = new Map<string | undefined, string>()

  /** @param tags the same for every statement. @param hasLabels what the caller named its work is a tag, too. */
  constructor(tags: Readonly<Record<string, string>>, hasLabels: boolean) {
    this.#tags = tags
    this.#hasLabels = hasLabels
  }

  /** What goes behind the text; undefined for nothing. */
  of(label: string | undefined): string | undefined {
    const known = this.#known.get(label)
    if (known !== undefined) return known
    if (this.#known.size >= MOST) return undefined
    const tags = this.#hasLabels && label !== undefined ? { ...this.#tags, label } : this.#tags
    const comment = commentOf(tags)
    this.#known.set(label, comment)
    return comment
  }
}

/** Keys in order, values percent-encoded: nothing in them can end the comment. */
function commentOf(tags: Readonly<Record<string, string>>): string {
  const parts = Object.entries(tags)
    .map(([key, value]) => `${encoded(key)}='${encoded(value)}'`)
    .toSorted()
  return parts.length === 0 ? '' : ` /*${parts.join(',')}*/`
}

function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /['*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
