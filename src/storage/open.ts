import { resolve } from 'node:path'
import { folderStore } from './folder.ts'
import { s3Store } from './s3.ts'
import type { Store } from './store.ts'

const isBucket = (place: string): boolean => /^s3:/i.test(place)

/** The place as it is written down: a folder in full, whatever folder the process is in; a bucket's address as it is. */
export const wholePlace = (place: string): string => (isBucket(place) ? place : resolve(place))

/** A folder's path, or `s3://bucket/prefix`. @throws HF_STORAGE_ADDRESS */
export const openStore = (place: string): Store =>
  isBucket(place) ? s3Store(place) : folderStore(wholePlace(place))
