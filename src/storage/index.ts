/**
 * Where files are kept that outlive the database: a folder, or a bucket of S3 and what speaks its protocol.
 *
 * @example
 * import { openStore } from 'holdfast/storage'
 * const store = openStore('s3://archives/production?region=eu-central-1')
 */
export { folderStore } from './folder.ts'
export { fileIn, isBucket, openStore, splitFile, wholePlace } from './open.ts'
export { s3Store } from './s3.ts'
export type { Store } from './store.ts'
