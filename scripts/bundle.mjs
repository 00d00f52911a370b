// Joins the files of the rooms that everybody loads into one each: Node takes a third of a millisecond for every
// module, and `import 'holdfast/pool'` is to take no longer than it must. Rooms see each other's faces only, so each can
// be joined by itself; the declarations stay as the compiler wrote them.
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist')

/** What is imported from outside the room: its face, and its options, which the configuration composes. */
const ROOMS = { core: ['index'], pool: ['index', 'options'] }

for (const [room, entries] of Object.entries(ROOMS)) {
  const folder = join(dist, room)
  const bundle = await rolldown({
    cwd: dist,
    platform: 'node',
    input: Object.fromEntries(entries.map((name) => [name, join(folder, `${name}.js`)])),
    external: (id) => !id.startsWith('.') && !id.startsWith(`${folder}/`),
  })
  const { output } = await bundle.generate({ chunkFileNames: 'shared.js' })
  await bundle.close()
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
    if (name.endsWith('.js')) rmSync(join(folder, name))
  for (const { fileName, code } of output) writeFileSync(join(folder, fileName), code)
}
