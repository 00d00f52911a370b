import type { ComponentType } from 'preact'

/** What people come for; the rail's groups, in their order. */
export type PageGroup = 'Now' | 'Schema' | 'Data safety' | 'People'

/** One page of the console. */
export interface Page {
  /** Below the base address; '' is the first. */
  readonly path: string
  readonly title: string
  readonly group: PageGroup
  /** After `g` it goes there. */
  readonly key: string
  /** Whether it has a time range. */
  readonly hasRange: boolean
  readonly view: ComponentType
}
