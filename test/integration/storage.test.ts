/** Files in a folder and in a bucket: what was written is read, nothing is replaced or half there. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openStore, wholePlace } from '../../src/storage/index.ts'
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
    const parts = Array.from({ length: 130 }, (_, at) => Buffer.alloc(100_000, at))
    await store().write('big', Readable.from(parts))
    expect((await buffer(store().read('big'))).equals(Buffer.concat(parts))).toBe(true)
    await store().write('empty', Readable.from([]))
    expect(await text(store().read('empty'))).toBe('')
  })
  test('what is not there fails', async () => {
    await expect(text(store().read('nothing'))).rejects.toThrow(/NoSuchKey|specified key|ENOENT/)
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

test('an address says what is wrong with it, and never a key', () => {
  expect(() => openStore('s3://')).toThrow(/has no bucket/)
  expect(() => openStore('s3://id:secret@files/x')).toThrow(/AWS_SECRET_ACCESS_KEY/)
  try {
    openStore('s3://id:secret@files/x')
  } catch (error) {
    expect(String(error) + JSON.stringify(error)).not.toContain('secret@')
  }
  expect(wholePlace('archives')).toBe(join(process.cwd(), 'archives'))
  expect(wholePlace('s3://files/x')).toBe('s3://files/x')
})
