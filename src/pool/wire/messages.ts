/** Messages of the backend, by their code. */
export const MESSAGE = {
  parseComplete: 0x31,
  bindComplete: 0x32,
  closeComplete: 0x33,
  notification: 0x41,
  commandComplete: 0x43,
  dataRow: 0x44,
  error: 0x45,
  emptyQuery: 0x49,
  notice: 0x4e,
  parameterStatus: 0x53,
  rowDescription: 0x54,
  parameterDescription: 0x74,
  readyForQuery: 0x5a,
  noData: 0x6e,
} as const

/** Messages that may come at any time and belong to no statement. */
export function isAside(code: number): boolean {
  return code === MESSAGE.notice || code === MESSAGE.parameterStatus || code === MESSAGE.notification
}
