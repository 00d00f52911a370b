import type { AlterTableCmd, Node, PartitionCmd } from '@pgsql/types'
import { functionsIn } from './tree.ts'

/** Statements that PostgreSQL refuses inside a transaction. */
export type SpecialKind =
  | 'create index concurrently'
  | 'drop index concurrently'
  | 'reindex'
  | 'detach partition concurrently'
  | 'vacuum'
  | 'cluster'
  | 'create database'
  | 'drop database'
  | 'alter database tablespace'
  | 'alter system'
  | 'tablespace'
  | 'subscription'

/** What kind of statement this is, where it cannot be in a transaction; undefined for all others. */
export function specialKindOf(node: Node): SpecialKind | undefined {
  if ('IndexStmt' in node) return node.IndexStmt.concurrent ? 'create index concurrently' : undefined
  if ('DropStmt' in node)
    return node.DropStmt.concurrent && node.DropStmt.removeType === 'OBJECT_INDEX'
      ? 'drop index concurrently'
      : undefined
  if ('ReindexStmt' in node) return isSpecialReindex(node) ? 'reindex' : undefined
  if ('AlterTableStmt' in node)
    return (node.AlterTableStmt.cmds ?? []).some(isConcurrentDetach)
      ? 'detach partition concurrently'
      : undefined
  if ('VacuumStmt' in node) return node.VacuumStmt.is_vacuumcmd ? 'vacuum' : undefined
  if ('ClusterStmt' in node) return node.ClusterStmt.relation === undefined ? 'cluster' : undefined
  if ('CreatedbStmt' in node) return 'create database'
  if ('DropdbStmt' in node) return 'drop database'
  if ('AlterDatabaseStmt' in node) {
    const options = node.AlterDatabaseStmt.options ?? []
    return options.some((option) => 'DefElem' in option && option.DefElem.defname === 'tablespace')
      ? 'alter database tablespace'
      : undefined
  }
  if ('AlterSystemStmt' in node) return 'alter system'
  if ('CreateTableSpaceStmt' in node || 'DropTableSpaceStmt' in node) return 'tablespace'
  if ('CreateSubscriptionStmt' in node || 'DropSubscriptionStmt' in node) return 'subscription'
  return undefined
}

/** A block or a procedure, which may commit on its own: whether it can be in a transaction only running it tells. */
export function mayCommitItself(node: Node): boolean {
  return 'DoStmt' in node || 'CallStmt' in node
}

/** SET and RESET: they hold for the session, and are gone with it. */
export function isSessionSetting(node: Node): boolean {
  return 'VariableSetStmt' in node || ('SelectStmt' in node && functionsIn(node).includes('set_config'))
}

/** Ends the locks of the session, the runner's own with them. */
export function givesUpLocks(node: Node): boolean {
  if ('DiscardStmt' in node) return node.DiscardStmt.target === 'DISCARD_ALL'
  return 'SelectStmt' in node && functionsIn(node).includes('pg_advisory_unlock_all')
}

/** REINDEX of more than one thing, or concurrently, commits between them. */
function isSpecialReindex(node: Extract<Node, { ReindexStmt: unknown }>): boolean {
  const { kind, params = [] } = node.ReindexStmt
  const isConcurrent = params.some((param) => 'DefElem' in param && isOn(param.DefElem, 'concurrently'))
  return isConcurrent || /_(SCHEMA|SYSTEM|DATABASE)$/.test(kind ?? '')
}

function isOn(element: { defname?: string; arg?: Node }, name: string): boolean {
  if (element.defname !== name) return false
  const { arg } = element
  return arg === undefined || !('String' in arg) || !/^(off|false|0)$/i.test(arg.String.sval ?? '')
}

/** The commands of ALTER TABLE. */
export function alterTableCommands(node: Extract<Node, { AlterTableStmt: unknown }>): AlterTableCmd[] {
  return (node.AlterTableStmt.cmds ?? []).flatMap((cmd) =>
    'AlterTableCmd' in cmd ? [cmd.AlterTableCmd] : [],
  )
}

/** What ATTACH and DETACH say. */
export function partitionCommandOf(cmd: AlterTableCmd): PartitionCmd | undefined {
  return cmd.def && 'PartitionCmd' in cmd.def ? cmd.def.PartitionCmd : undefined
}

function isConcurrentDetach(node: Node): boolean {
  if (!('AlterTableCmd' in node)) return false
  const cmd = node.AlterTableCmd
  return cmd.subtype === 'AT_DetachPartition' && partitionCommandOf(cmd)?.concurrent === true
}
