/**
 * PostgreSQL's error codes that Holdfast decides by, under their names in the manual
 * (https://www.postgresql.org/docs/18/errcodes-appendix.html).
 */
export const SQLSTATE = {
  connectionException: '08000',
  connectionDoesNotExist: '08003',
  connectionFailure: '08006',
  protocolViolation: '08P01',
  featureNotSupported: '0A000',
  numericValueOutOfRange: '22003',
  invalidDatetimeFormat: '22007',
  datetimeFieldOverflow: '22008',
  invalidTextRepresentation: '22P02',
  uniqueViolation: '23505',
  activeSqlTransaction: '25001',
  readOnlySqlTransaction: '25006',
  inFailedSqlTransaction: '25P02',
  invalidTransactionTermination: '2D000',
  idleInTransactionSessionTimeout: '25P03',
  transactionTimeout: '25P04',
  invalidSqlStatementName: '26000',
  invalidAuthorizationSpecification: '28000',
  invalidPassword: '28P01',
  invalidCatalogName: '3D000',
  invalidSchemaName: '3F000',
  serializationFailure: '40001',
  deadlockDetected: '40P01',
  insufficientPrivilege: '42501',
  syntaxError: '42601',
  invalidName: '42602',
  undefinedColumn: '42703',
  ambiguousFunction: '42725',
  datatypeMismatch: '42804',
  cannotCoerce: '42846',
  undefinedFunction: '42883',
  undefinedTable: '42P01',
  invalidObjectDefinition: '42P17',
  duplicateDatabase: '42P04',
  duplicateSchema: '42P06',
  duplicateTable: '42P07',
  indeterminateDatatype: '42P18',
  duplicateObject: '42710',
  tooManyConnections: '53300',
  objectNotInPrerequisiteState: '55000',
  objectInUse: '55006',
  lockNotAvailable: '55P03',
  queryCanceled: '57014',
  adminShutdown: '57P01',
  crashShutdown: '57P02',
  cannotConnectNow: '57P03',
  idleSessionTimeout: '57P05',
} as const

/** The SQLSTATE of an error that the server reported; undefined for anything else (sockets, our own). */
export function sqlstateOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && hasSeverity(error) ? code : undefined
}

/** Node's system errors have short codes too (`EPIPE`); only the server's errors carry a severity. */
function hasSeverity(error: unknown): boolean {
  return typeof (error as { severity?: unknown }).severity === 'string'
}

/** Whether the server refused the way to it, by whatever cause: not a statement. */
export function refusesConnection(error: unknown): boolean {
  return /^(08|28|3D|53|57P)/.test(sqlstateOf(error) ?? '')
}

/** True when after this error the session behind the connection is gone or going. */
export function endsSession(sqlstate: string): boolean {
  return (
    // A message that makes no sense (parameters that do not fit) is a mistake, and the session goes on.
    (sqlstate.startsWith('08') && sqlstate !== SQLSTATE.protocolViolation) ||
    sqlstate === SQLSTATE.adminShutdown ||
    sqlstate === SQLSTATE.crashShutdown ||
    sqlstate === SQLSTATE.cannotConnectNow ||
    sqlstate === SQLSTATE.idleSessionTimeout
  )
}

/** Whether the server found that a text is the name of nothing: none at all, of too many parts, or in another database. */
export const isNoName = (error: unknown): boolean =>
  [SQLSTATE.invalidName, SQLSTATE.syntaxError, SQLSTATE.featureNotSupported].some(
    (code) => code === sqlstateOf(error),
  )
