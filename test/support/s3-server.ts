import S3rver from 's3rver'
import { scratch } from './scratch.ts'

/** A server that speaks the protocol of S3, with one empty bucket, and the keys of whoever may use it. */
export async function startS3(bucket: string): Promise<{ endpoint: string; stop: () => Promise<void> }> {
  const server = new S3rver({
    address: '127.0.0.1',
    port: 0,
    silent: true,
    directory: scratch('s3'),
    configureBuckets: [{ name: bucket, configs: [] }],
  })
  const { port } = await server.run()
  const keys = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' }
  Object.assign(process.env, keys)
  return {
    endpoint: `http://127.0.0.1:${port}`,
    async stop() {
      for (const name of Object.keys(keys)) delete process.env[name]
      await server.close()
    },
  }
}
