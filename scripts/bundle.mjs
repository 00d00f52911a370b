// Joins the files of each room into one: Node takes a third of a millisecond and some seventy kilobytes of memory for every
// module, and a service loads hundreds. Rooms see each other's faces and options only, so each can be joined by itself; the
// declarations stay as the compiler wrote them.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const dist = join(dirname(fileURLToPath(import.meta.url)), '..', 'dist')

/** What finds its files by where it lies, or loads its parts one by one as they are asked for. */
const AS_COMPILED = new Set(['', 'admin', 'cli', 'dashboard'])
const IMPORT = /(?:from |import\()'(\.[^']+\.js)'/g

const scripts = readdirSync(dist, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.js'),
)
const roomOf = (name) => (name.includes(sep) ? name.split(sep)[0] : '')
const rooms = new Set(scripts.map(roomOf))

/** What others load of each room: its face, and its options, which the configuration composes. */
const faces = new Map([...rooms].map((room) => [room, new Set([join(room, 'index.js')])]))
for (const name of scripts)
  for (const [, path] of readFileSync(join(dist, name), 'utf8').matchAll(IMPORT)) {
    const imported = relative(dist, join(dist, dirname(name), path))
    if (roomOf(imported) !== roomOf(name)) faces.get(roomOf(imported)).add(imported)
  }

for (const room of rooms) {
  if (AS_COMPILED.has(room)) continue
  const folder = join(dist, room)
  const bundle = await rolldown({
    cwd: dist,
    platform: 'node',
    input: Object.fromEntries(
      [...faces.get(room)].map((face) => [relative(room, face).replace(/\.js$/, ''), join(dist, face)]),
    ),
    external: (id) => !id.startsWith('.') && !id.startsWith(folder + sep),
  })
  const { output } = await bundle.generate({ chunkFileNames: 'shared.js' })
  await bundle.close()
  for (const name of scripts) if (roomOf(name) === room) rmSync(join(dist, name))
  for (const { fileName, code } of output) writeFileSync(join(folder, fileName), code)
}
