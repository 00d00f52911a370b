import { basename, dirname, join, resolve } from 'node:path'
import { folderStore } from './folder.ts'
import { addressIn, placeOf, s3Store } from './s3.ts'
import type { Store } from './store.ts'

/** Whether a place is a bucket, and no folder. */
export const isBucket = (place: string): boolean => /^s3:/i.test(place)

/** The place as it is written down: a folder in full, whatever folder the process is in; a bucket's address as it is. */
export const wholePlace = (place: string, cwd = '.'): string =>
  isBucket(place) ? place : resolve(cwd, place)

/** A folder's path, or `s3://bucket/prefix`. @throws HF_STORAGE_ADDRESS */
export const openStore = (place: string): Store =>
  isBucket(place) ? s3Store(place) : folderStore(wholePlace(place))

/** Where a file lies: the path, or the address, by which it is found again. */
export const fileIn = (place: string, name: string): string =>
  isBucket(place) ? addressIn(place, name) : join(place, name)

/** The place in which a file lies, and its name there. */
export const splitFile = (file: string): [place: string, name: string] =>
  isBucket(file) ? placeOf(file) : [dirname(file), basename(file)]
