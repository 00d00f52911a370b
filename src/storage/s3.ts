import { Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import { bucketUnreadable, packageMissing } from './errors.ts'
import type { Store } from './store.ts'

/** What a bucket's address says. */
interface Bucket {
  readonly name: string
  /** Before each name; empty, or ending with a slash. */
  readonly prefix: string
  readonly region: string | undefined
  readonly endpoint: string | undefined
}

/**
 * A bucket of S3, or of what speaks its protocol: `s3://bucket/prefix`, `s3://bucket/prefix?region=eu-central-1`, or
 * `s3://bucket/prefix?endpoint=https://minio.internal:9000`. Who is asking comes from where the AWS SDK looks: AWS_ACCESS_KEY_ID and
 * AWS_SECRET_ACCESS_KEY, profiles, roles; region and endpoint from AWS_REGION and AWS_ENDPOINT_URL_S3, too. Needs the packages
 * `@aws-sdk/client-s3` and `@aws-sdk/lib-storage`.
 *
 * @throws HF_STORAGE_ADDRESS
 */
export function s3Store(address: string): Store {
  const bucket = parseBucket(address)
  const keyOf = (name: string): string => bucket.prefix + name
  let opening: ReturnType<typeof openBucket> | undefined
  const opened = (): ReturnType<typeof openBucket> => (opening ??= openBucket(bucket))
  return {
    place: address,
    async write(name, content) {
      const { client, Upload } = await opened()
      // In parts: how long it is going to be is not known. Two at once are refused where the service knows how.
      const params = { Bucket: bucket.name, Key: keyOf(name), Body: content, IfNoneMatch: '*' }
      await new Upload({ client, params }).done()
    },
    read: (name) =>
      Readable.from(
        (async function* () {
          const { client, GetObjectCommand } = await opened()
          const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket.name, Key: keyOf(name) }))
          yield* Body as Readable
        })(),
      ),
  }
}

/** @throws HF_STORAGE_ADDRESS */
function parseBucket(address: string): Bucket {
  const url = URL.parse(address)
  if (url?.protocol !== 's3:' || url.hostname === '') throw bucketUnreadable(address, 'it has no bucket')
  if (url.username !== '' || url.password !== '')
    throw bucketUnreadable(
      address,
      'keys do not belong there: they are read from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    )
  const folder = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '')
  return {
    name: url.hostname,
    prefix: folder === '' ? '' : `${folder}/`,
    region: url.searchParams.get('region') ?? undefined,
    endpoint: url.searchParams.get('endpoint') ?? undefined,
  }
}

async function openBucket({ region, endpoint }: Bucket) {
  const [s3, { Upload }] = await Promise.all([
    import('@aws-sdk/client-s3'),
    import('@aws-sdk/lib-storage'),
  ]).catch((error: unknown) => {
    throw packageMissing(error)
  })
  const ownEndpoint = endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL
  const client: S3Client = new s3.S3Client({
    // What is not AWS has no regions, and the protocol wants one.
    ...(region === undefined && ownEndpoint !== undefined && process.env.AWS_REGION === undefined
      ? { region: 'us-east-1' }
      : region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    // Others than AWS have no name for each bucket, and do not all know its newer checksums; ours is compared anyhow.
    forcePathStyle: ownEndpoint !== undefined,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
  return { client, Upload, GetObjectCommand: s3.GetObjectCommand }
}
