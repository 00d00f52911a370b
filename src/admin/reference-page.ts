/** The part of an OpenAPI document that the page shows. */
interface Reference {
  readonly info?: { readonly title?: string; readonly version?: string; readonly description?: string }
  readonly paths?: Readonly<Record<string, unknown>>
}

interface ShownOperation {
  readonly summary?: string
  readonly description?: string
  readonly tags?: readonly string[]
  readonly responses?: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { schema?: Schema }>> }>
  >
}

interface Schema {
  readonly type?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly anyOf?: readonly Schema[]
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ESCAPES[character] as string)
}

/**
 * The reference as one page: no script, one stylesheet of our own, so that the strictest policy lets it through.
 * Its links are relative, so that they hold under any prefix.
 */
export function renderReference(document: Reference): string {
  const { title = '', version = '', description = '' } = document.info ?? {}
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Record<string, ShownOperation>).map(([method, operation]) => ({
      path,
      method,
      operation,
    })),
  )
  const groups = Map.groupBy(operations, ({ operation }) => operation.tags?.[0] ?? 'other')
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<link rel="stylesheet" href="docs/style.css">
</head>
<body>
<main>
<h1>${escape(title)} <small>${escape(version)}</small></h1>
<p>${escape(description)} The same for programs: <a href="openapi.json">openapi.json</a>. <a href="./">To the console</a>.</p>
${[...groups].map(([tag, list]) => `<h2>${escape(tag)}</h2>\n${list.map(renderOperation).join('\n')}`).join('\n')}
</main>
</body>
</html>
`
}

function renderOperation({
  path,
  method,
  operation,
}: {
  path: string
  method: string
  operation: ShownOperation
}): string {
  const success = Object.entries(operation.responses ?? {}).find(([status]) => status.startsWith('2'))
  const schema = Object.values(success?.[1].content ?? {})[0]?.schema
  return `<details>
<summary><b>${escape(method.toUpperCase())}</b> <code>${escape(path)}</code> <span>${escape(operation.summary ?? '')}</span></summary>
${operation.description === undefined ? '' : `<p>${escape(operation.description)}</p>`}
${schema?.properties ? renderProperties(schema.properties) : '<p>No body.</p>'}
</details>`
}

function renderProperties(properties: Readonly<Record<string, Schema>>): string {
  const rows = Object.entries(properties).map(([name, schema]) => {
    const inner = schema.properties ?? schema.items?.properties
    return `<dt><code>${escape(name)}</code> <i>${escape(typeName(schema))}</i></dt>
${schema.description === undefined && !inner ? '' : `<dd>${escape(schema.description ?? '')}${inner ? renderProperties(inner) : ''}</dd>`}`
  })
  return `<dl>${rows.join('\n')}</dl>`
}

function typeName(schema: Schema): string {
  if (schema.anyOf) return schema.anyOf.map(typeName).join(' | ')
  if (schema.const !== undefined) return String(schema.const)
  if (schema.enum) return schema.enum.join(' | ')
  if (schema.items) return `list of ${typeName(schema.items)}`
  return schema.type ?? ''
}

export const referenceStyle = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem; }
h1 small { font-size: 0.5em; font-weight: normal; }
h2 { margin-top: 2rem; text-transform: capitalize; }
details { border-top: 1px solid color-mix(in oklch, currentColor 20%, transparent); padding: 0.5rem 0; }
summary { cursor: pointer; }
summary b { display: inline-block; min-width: 4rem; }
summary span { display: block; padding-left: 4.3rem; }
summary:focus-visible, a:focus-visible { outline: 2px solid; outline-offset: 2px; }
dl { margin: 0.3rem 0 0.3rem 1.5rem; }
dd { margin-left: 1.5rem; }
`
