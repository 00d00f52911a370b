import { Readable } from 'node:stream'
import type { S3Client } from '@aws-sdk/client-s3'
import { bucketUnreadable, packageMissing } from './errors.ts'
import { fileName, type Store } from './store.ts'

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
  const keyOf = (name: string): string => bucket.prefix + fileName(name)
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

const PARAMETERS: ReadonlySet<string> = new Set(['region', 'endpoint'])

/** @throws HF_STORAGE_ADDRESS */
function parseBucket(address: string): Bucket {
  const [way = '', search = ''] = cut(address)
  // Also where it does not parse: what has an @ in it may hold a key.
  if (way.includes('@'))
    throw bucketUnreadable(
      address,
      'keys do not belong there: they are read from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    )
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([^#%]*))?$/i.exec(way)
  if (!match)
    throw bucketUnreadable(address, 'it has no bucket, or characters that no bucket and no prefix has')
  const parameters = new URLSearchParams(search)
  const strange = [...parameters.keys()].filter((name) => !PARAMETERS.has(name))
  if (strange.length > 0) throw bucketUnreadable(address, `it knows no ${strange.join(', ')}`)
  const endpoint = parameters.get('endpoint') ?? undefined
  const server = endpoint === undefined ? undefined : URL.parse(endpoint)
  if (
    endpoint !== undefined &&
    (!server || !/^https?:$/.test(server.protocol) || server.username + server.password !== '')
  )
    throw bucketUnreadable(address, 'its endpoint is no http or https address, or has keys in it')
  const folder = (match[2] ?? '').replace(/^\/+|\/+$/g, '')
  return {
    name: match[1] as string,
    prefix: folder === '' ? '' : `${folder}/`,
    region: parameters.get('region') ?? undefined,
    endpoint,
  }
}

function cut(address: string): [way: string, search: string] {
  const at = address.indexOf('?')
  return at < 0 ? [address, ''] : [address.slice(0, at), address.slice(at)]
}

/** The address of a file in a place: what stands behind the question mark stays at the end. */
export function addressIn(place: string, name: string): string {
  const [way, search] = cut(place)
  return `${way.replace(/\/+$/, '')}/${name}${search}`
}

/** The place of a file's address, and its name. */
export function placeOf(address: string): [place: string, name: string] {
  const [way, search] = cut(address)
  const slash = way.lastIndexOf('/')
  return [way.slice(0, slash) + search, way.slice(slash + 1)]
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
