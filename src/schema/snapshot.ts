import type { Catalog } from './catalog.ts'

/** A catalog as a file: an object to a line, so that a change of the structure is a change of few lines. */
export function renderSnapshot({ objects, dependencies, ...head }: Catalog): string {
  const lines = (list: readonly unknown[]): string =>
    list.map((one) => `    ${JSON.stringify(one)}`).join(',\n')
  const first = Object.entries(head).map(
    ([name, value]) => `  ${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  )
  return [
    '{',
    `${first.join(',\n')},`,
    `  "objects": [\n${lines(objects)}\n  ],`,
    `  "dependencies": [\n${lines(dependencies)}\n  ]`,
    '}\n',
  ].join('\n')
}
