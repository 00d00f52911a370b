/** One thing that differs from the plan, and the statement that settles it. */
export interface AccessChange {
  /** Whom it concerns; PUBLIC is everybody. */
  readonly role: string
  /** What it is about, with its kind: `table public.orders`, `database shop`. */
  readonly object: string
  /** What the role lacks or has too much of: `SELECT, INSERT`, `ownership`, `membership in shop_owner`. */
  readonly what: string
  /** `widens` gives the role something, `narrows` takes something away. */
  readonly effect: 'widens' | 'narrows'
  readonly words: string
  readonly statement: string
  /** Of something that is handed over: what it is. */
  readonly handsOver?: { readonly oid: string; readonly facts: string; readonly sql: string }
  /** It takes from others, too, or holds beyond this database: only done when it was looked at. */
  readonly isFelt?: boolean
}

/** Changes that are committed together: a table does not lose its readers between two of them. */
export interface ChangeGroup {
  readonly object: string
  readonly changes: readonly AccessChange[]
}
