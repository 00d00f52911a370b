import { HoldfastError } from '../core/index.ts'

export function bucketUnreadable(address: string, why: string): HoldfastError {
  // Where a key may be, nothing of it is shown.
  const shown = address.includes('@') || address.includes('?') ? `${address.slice(0, 5)}***` : address
  return new HoldfastError({
    code: 'HF_STORAGE_ADDRESS',
    message: `"${shown}" is no place to keep files: ${why}. A folder, or s3://bucket/prefix?region=...&endpoint=....`,
    details: { address: shown },
  })
}

export function packageMissing(cause: unknown): HoldfastError {
  return new HoldfastError({
    code: 'HF_STORAGE_PACKAGE_MISSING',
    message:
      'Keeping files in S3 needs the packages of AWS, which are not installed. Run "npm install @aws-sdk/client-s3 @aws-sdk/lib-storage".',
    cause,
  })
}

export function nameLeaves(name: string): HoldfastError {
  return new HoldfastError({
    code: 'HF_STORAGE_NAME',
    message: `${JSON.stringify(name)} is not the name of a file within its place: nothing was read or written. Names have no /, no \\ and no NUL.`,
    details: { name },
  })
}
