import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Comments } from '../../src/pool/comments.ts'

test('tags stand in order, percent-encoded', () => {
  const comments = new Comments({ route: '/users/:id', application: "bob's shop" }, true)
  expect(comments.of(undefined)).toBe(` /*application='bob%27s%20shop',route='%2Fusers%2F%3Aid'*/`)
  expect(comments.of('GET /')).toBe(
    ` /*application='bob%27s%20shop',label='GET%20%2F',route='%2Fusers%2F%3Aid'*/`,
  )
})

test('nothing to tell is no comment, and labels without end get none', () => {
  expect(new Comments({}, true).of(undefined)).toBe('')
  expect(new Comments({}, false).of('GET /')).toBe('')
  const comments = new Comments({}, true)
  const made = Array.from({ length: 500 }, (_, index) => comments.of(`job ${index}`))
  expect(made.filter((comment) => comment !== undefined)).toHaveLength(200)
})

test('no tag can end its comment or open a string', () => {
  const anyText = fc.string({
    unit: fc.integer({ min: 0, max: 0x10ffff }).map((code) => String.fromCodePoint(code)),
  })
  fc.assert(
    fc.property(anyText, anyText, (key, value) => {
      const comment = new Comments({ [key]: value }, false).of(undefined) as string
      expect(comment).toMatch(/^ \/\*[\w%.~!()-]*='[\w%.~!()-]*'\*\/$/)
    }),
  )
})
