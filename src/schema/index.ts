/**
 * The structure of a database as data: read from the catalog into a normal form with a stable hash, compared in
 * words, and turned into the statements that lead from one structure to another.
 */
export {
  canonical,
  type Catalog,
  type CatalogObject,
  hashOf,
  indexed,
  type Json,
  keyOf,
  type ObjectKind,
} from './catalog.ts'
export { compareCatalogs, type Difference, type FieldDifference } from './compare.ts'
export { type ChangePlan, planChanges, type PlanOptions } from './ddl/plan.ts'
export { readCatalog, type ReadOptions } from './reading/read.ts'
export { renderSnapshot } from './snapshot.ts'
