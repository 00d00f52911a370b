/**
 * TypeScript types from our own OpenAPI document, for the console's client. Knows the part of JSON Schema that
 * TypeBox writes and refuses anything else: a type that is wrong would be worse than none.
 */
interface Schema {
  readonly type?: string
  readonly description?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: Schema | boolean
}

interface Operation {
  readonly parameters?: readonly { in: string; name: string; required?: boolean; schema: Schema }[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Schema }>> }
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { schema: Schema }>> }>
  >
}

interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> }
}

/** The file's text. */
export function renderApiTypes(document: object): string {
  const { paths, components } = document as OpenApi
  const events = Object.entries(components.schemas).map(
    ([name, schema]) => `export type ${name} = ${typeOf(schema, '')}\n`,
  )
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]) => `  '${method.toUpperCase()} ${path}': ${operationType(operation)}\n`,
    ),
  )
  return [
    '// Written by `npm run generate` from docs/reference/openapi.json. Not to be edited.\n\n',
    ...events.map((text) => `${text}\n`),
    '/** Every request of the API: what it takes and what it answers. */\nexport interface Operations {\n',
    ...operations,
    '}\n',
  ].join('')
}

function operationType({ parameters = [], requestBody, responses }: Operation): string {
  const query = parameters.filter(({ in: place }) => place === 'query')
  const success = Object.entries(responses).find(([status]) => status.startsWith('2'))
  const answer = success && Object.values(success[1].content ?? {})[0]?.schema
  const body = requestBody && Object.values(requestBody.content)[0]?.schema
  const fields = query.map(({ name, schema }) => `${key(name)}?: ${typeOf(schema, '      ')}`)
  return [
    '{',
    `    query: ${fields.length === 0 ? 'Record<never, never>' : `{ ${fields.join('; ')} }`}`,
    `    body: ${body ? typeOf(body, '    ') : 'undefined'}`,
    `    answer: ${answer ? typeOf(answer, '    ') : 'undefined'}`,
    '  }',
  ].join('\n')
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.anyOf) return schema.anyOf.map((one) => typeOf(one, indent)).join(' | ')
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ')
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  switch (schema.type) {
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type
    case 'integer':
    case 'number':
      return 'number'
    case 'array':
      return `(${typeOf(schema.items ?? {}, indent)})[]`
    case 'object':
      return objectType(schema, indent)
    case undefined:
      if (Object.keys(schema).every((name) => name === 'description')) return 'unknown'
  }
  throw new Error(`No TypeScript is known for this schema: ${JSON.stringify(schema)}`)
}

function objectType(schema: Schema, indent: string): string {
  const values = Object.values(schema.patternProperties ?? {})
  if (values.length > 0) return `Record<string, ${values.map((one) => typeOf(one, indent)).join(' | ')}>`
  if (typeof schema.additionalProperties === 'object')
    return `Record<string, ${typeOf(schema.additionalProperties, indent)}>`
  const deeper = `${indent}  `
  const lines = Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const comment = property.description === undefined ? '' : `${deeper}/** ${property.description} */\n`
    const mark = schema.required?.includes(name) ? '' : '?'
    return `${comment}${deeper}${key(name)}${mark}: ${typeOf(property, deeper)}`
  })
  return `{\n${lines.join('\n')}\n${indent}}`
}

function key(name: string): string {
  return /^[a-z_]\w*$/i.test(name) ? name : `'${name}'`
}
