import type { Readable } from 'node:stream'
import { nameLeaves } from './errors.ts'

/** Where files are kept: a folder, or a bucket. Names are those of files, without a folder. */
export interface Store {
  /** For people, and to open it again: the folder, or the bucket's address. Without secrets. */
  readonly place: string
  /** Resolves once it is safely there; rejects where there is something of this name. */
  write(name: string, content: Readable): Promise<void>
  /** The stream fails where there is nothing of this name. */
  read(name: string): Readable
}

/** A name that stays within its place: what is read elsewhere, as in a manifest, may say another. @throws HF_STORAGE_NAME */
export function fileName(name: string): string {
  if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) throw nameLeaves(name)
  return name
}
