import { sep } from 'node:path'
import { fileIn, isBucket, splitFile, wholePlace } from '../../storage/index.ts'
import { archivePlaceUnknown } from '../errors.ts'

/** Where the configuration lets rows be written to and read from. */
export interface ArchivePlaces {
  /**
   * Folders, with those in them, and buckets (`s3://bucket/prefix`, as they are written) that archives may lie in, besides those that
   * a caller names. Default: none.
   */
  readonly archivePlaces?: readonly string[] | undefined
}

const isWithin = (place: string, known: string): boolean =>
  place === known || (!isBucket(known) && place.startsWith(known.endsWith(sep) ? known : known + sep))

/** What a table of ours says of a place is not enough to send rows there. @throws HF_PARTITION_ARCHIVE_PLACE */
export function requireKnownPlace({ archivePlaces = [] }: ArchivePlaces, place: string): void {
  const whole = wholePlace(place)
  if (!archivePlaces.some((one) => isWithin(whole, wholePlace(one)))) throw archivePlaceUnknown(place)
}

/** The same for the file of a manifest. @throws HF_PARTITION_ARCHIVE_PLACE */
export function requireKnownFile({ archivePlaces = [] }: ArchivePlaces, file: string): void {
  const [place, name] = splitFile(file)
  const isIn = (known: string): boolean =>
    isBucket(known) ? fileIn(known, name) === file : !isBucket(file) && isWithin(wholePlace(place), known)
  if (!archivePlaces.some((one) => isIn(wholePlace(one)))) throw archivePlaceUnknown(place)
}
