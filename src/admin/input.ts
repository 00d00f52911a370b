import { Ajv } from 'ajv'
import formats from 'ajv-formats'
import type { FastifyInstance } from 'fastify'
import { requestInvalid } from './errors.ts'

interface PartSchema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, PartSchema>>
  readonly items?: PartSchema
}

/**
 * What may be asked: exactly what the reference says. A name that it does not know is refused, so that what is misspelt does not fall
 * back to a default and do something else; a body's values are of their type, and only addresses, which have nothing but text, are read
 * as numbers.
 */
export function addInputRules(app: FastifyInstance): void {
  const ajv = new Ajv({ useDefaults: true, allErrors: false, strict: false })
  formats.default(ajv)
  // RFC 3339 has leap seconds and JavaScript has none: what passes can be worked with.
  const { validate } = ajv.formats['date-time'] as { readonly validate: (text: string) => boolean }
  ajv.addFormat('date-time', (text: string) => validate(text) && Number.isFinite(Date.parse(text)))
  app.setValidatorCompiler(({ schema }) => ajv.compile(schema as object))
  app.addHook('preValidation', async (request) => {
    const { schema, config } = request.routeOptions
    if (request.is404 || schema === undefined) return
    const { body, querystring, params } = schema as Record<string, PartSchema>
    const query = request.query as Record<string, unknown>
    // Pages have addresses of their own, and a probe may have something added to it that defeats caches.
    if (config.access !== 'public') refuseOthers('querystring', query, querystring)
    refuseOthers('body', request.body, body)
    if (body === undefined) refuseBody(request.body)
    for (const [part, value] of [
      ['querystring', query],
      ['params', request.params],
      ['body', request.body],
    ] as const)
      refuseWhatIsNoText(part, value)
    readNumbers(query, querystring)
    readNumbers(request.params as Record<string, unknown>, params)
  })
}

function refuseOthers(part: string, given: unknown, schema: PartSchema | undefined): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return
  const known = schema?.properties ?? {}
  const others = Object.keys(given).filter((name) => !Object.hasOwn(known, name))
  if (others.length > 0)
    throw requestInvalid(
      others.map((name) => ({
        path: part === 'body' ? `/${name}` : `${part}/${name}`,
        message: 'is no field of this request',
      })),
    )
}

/** Of a request that has none: an empty object says nothing, either. */
function refuseBody(given: unknown): void {
  const isNothing =
    given === undefined || given === null || (typeof given === 'object' && !Array.isArray(given))
  if (!isNothing) throw requestInvalid([{ path: 'body', message: 'is more than this request takes' }])
}

/** Nothing that is asked for is nested more deeply. */
const DEEPEST = 8

/** PostgreSQL keeps no NUL, and no half of a character. */
function refuseWhatIsNoText(path: string, value: unknown, depth = 0): void {
  if (depth > DEEPEST) throw requestInvalid([{ path: path.slice(0, 100), message: 'is nested too deeply' }])
  if (typeof value === 'string' && (value.includes('\0') || !value.isWellFormed()))
    throw requestInvalid([{ path, message: 'is not text' }])
  if (typeof value === 'object' && value !== null)
    for (const [name, part] of Object.entries(value)) refuseWhatIsNoText(`${path}/${name}`, part, depth + 1)
}

/** What does not read as its type stays a text, which is refused for not being one. */
function readNumbers(given: Record<string, unknown>, schema: PartSchema | undefined): void {
  for (const [name, { type, items }] of Object.entries(schema?.properties ?? {})) {
    const value = given[name]
    if (type === 'array' && typeof value === 'string') given[name] = [readAs(items?.type, value)]
    else if (type === 'array' && Array.isArray(value))
      given[name] = value.map((one) => (typeof one === 'string' ? readAs(items?.type, one) : one))
    else if (typeof value === 'string') given[name] = readAs(type, value)
  }
}

function readAs(type: string | undefined, text: string): unknown {
  if (type === 'integer' && /^-?\d{1,15}$/.test(text)) return Number(text)
  if (type === 'number' && /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text)
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true'
  return text
}
