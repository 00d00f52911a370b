import { createReadStream, createWriteStream } from 'node:fs'
import { link, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileName, type Store } from './store.ts'

/** A folder of this machine, made where it is missing. Readable by its owner alone. */
export function folderStore(folder: string): Store {
  const pathOf = (name: string): string => join(folder, fileName(name))
  return {
    place: folder,
    async write(name, content) {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const path = pathOf(name)
      const unfinished = `${path}.unfinished`
      try {
        await pipeline(content, createWriteStream(unfinished, { mode: 0o600, flush: true }))
        // Not by renaming: that would replace what is there.
        await link(unfinished, path)
        // The name, too, has to be on the disk before anything is dropped.
        const directory = await open(folder)
        await directory.sync().finally(() => directory.close())
      } finally {
        await rm(unfinished, { force: true })
      }
    },
    read: (name) => createReadStream(pathOf(name)),
  }
}
