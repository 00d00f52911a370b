import type { FastifyInstance } from 'fastify'
import { requestInvalid } from './errors.ts'

/** Refuses fields that a route does not know: what is misspelt must not fall back to a default and do something else. */
export function refuseStrayFields(app: FastifyInstance): void {
  app.addHook('preValidation', async (request) => {
    const schema = request.routeOptions.schema?.body as { readonly properties?: object } | undefined
    const known = Object.keys(schema?.properties ?? {})
    const stray = Object.keys((request.body ?? {}) as object).filter((key) => !known.includes(key))
    if (stray.length > 0)
      throw requestInvalid(stray.map((key) => ({ path: `/${key}`, message: 'is no field of this request' })))
  })
}
