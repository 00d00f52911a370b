/** Files in a folder and in a bucket: what was written is read, nothing is replaced or half there. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fileIn, openStore, splitFile, wholePlace } from '../../src/storage/index.ts'
import { startS3 } from '../support/s3-server.ts'
import { removeScratchAfterwards, scratch } from '../support/scratch.ts'

removeScratchAfterwards()
let s3: Awaited<ReturnType<typeof startS3>>
let folder: string
beforeAll(async () => {
  s3 = await startS3('files')
  folder = join(scratch('store'), 'deep')
})
afterAll(() => s3.stop())

describe.each(['a folder', 'a bucket'])('%s', (kind) => {
  const store = () =>
    openStore(kind === 'a folder' ? folder : `s3://files/some/where?endpoint=${s3.endpoint}`)

  test('what is written is read, also when it is bigger than one part', async () => {
    await store().write('small', Readable.from(['hello ', 'world']))
    expect(await text(store().read('small'))).toBe('hello world')
    const parts = Array.from({ length: 60 }, (_, at) => Buffer.alloc(100_000, at))
    await store().write('big', Readable.from(parts))
    expect((await buffer(store().read('big'))).equals(Buffer.concat(parts))).toBe(true)
    await store().write('empty', Readable.from([]))
    expect(await text(store().read('empty'))).toBe('')
  })
  test('what is not there fails', async () => {
    await expect(text(store().read('nothing'))).rejects.toThrow(/NoSuchKey|specified key|ENOENT/)
  })
  test('no name leads out of it', async () => {
    for (const name of ['../other', 'a/b', '..', '.', '', 'a\\b', 'a\0b']) {
      await expect(store().write(name, Readable.from(['x'])), name).rejects.toMatchObject({
        code: 'HF_STORAGE_NAME',
      })
      await expect((async () => text(store().read(name)))(), name).rejects.toMatchObject({
        code: 'HF_STORAGE_NAME',
      })
    }
  })
  test('a source that fails leaves nothing', async () => {
    const failing = Readable.from(
      (async function* () {
        yield 'half'
        throw new Error('cut off')
      })(),
    )
    await expect(store().write('cut', failing)).rejects.toThrow('cut off')
    await expect(text(store().read('cut'))).rejects.toThrow()
  })
})

test('a folder keeps what it has, and nothing unfinished', async () => {
  const store = openStore(folder)
  await expect(store.write('small', Readable.from(['other']))).rejects.toMatchObject({ code: 'EEXIST' })
  expect(await text(store.read('small'))).toBe('hello world')
  expect(readdirSync(folder).toSorted()).toEqual(['big', 'empty', 'small'])
})

test.each([
  ['s3://', /no bucket/],
  ['s3://id:secret@files/x', /AWS_SECRET_ACCESS_KEY/],
  ['s3://id:se/cret@files/x', /AWS_SECRET_ACCESS_KEY/],
  ['s3://files:9000/x', /no bucket/],
  ['s3://files/x?secret_access_key=secret', /knows no secret_access_key/],
  ['s3://files/x?endpoint=https://id:secret@minio:9000', /endpoint/],
  ['s3://files/x?endpoint=nonsense', /endpoint/],
  ['s3://files/%zz', /no bucket/],
  ['s3://files/a#b', /no bucket/],
])('%s is refused, and no key of it is shown', (address, why) => {
  const opening = (): unknown => openStore(address)
  expect(opening).toThrow(why)
  try {
    opening()
  } catch (error) {
    expect(error).toMatchObject({ code: 'HF_STORAGE_ADDRESS' })
    expect(String(error) + JSON.stringify(error)).not.toMatch(/secret@|cret@|=secret/)
  }
})

test('places and files in them have one way of being written', () => {
  expect(wholePlace('archives')).toBe(join(process.cwd(), 'archives'))
  expect(wholePlace('s3://files/x')).toBe('s3://files/x')
  const place = 's3://files/x?endpoint=http://localhost:1/?a'
  expect(splitFile(fileIn(place, 'one.json'))).toEqual([place, 'one.json'])
  expect(splitFile(fileIn('/var/x', 'one.json'))).toEqual(['/var/x', 'one.json'])
})
