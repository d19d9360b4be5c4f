/** The schemas that editors use are those of the code, and take what the code takes. */
import { deepEqual, equal } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { JsonSchema } from '#contracts'
import { compile } from '../../control/verify/schema.ts'
import { editorSchemas } from '../support/editor-schemas.ts'

describe('the schemas for editors', () => {
  for (const { path, text } of editorSchemas()) {
    it(`are up to date: ${path.pathname.split('/').at(-1)}`, () => {
      equal(readFileSync(path, 'utf8'), text, 'run `npx node scripts/make-schemas.ts`')
    })
  }

  const check = compile(JsonSchema.parse(JSON.parse(editorSchemas()[0]?.text ?? '')))
  for (const example of ['transcribe', 'read-page', 'any-onnx']) {
    it(`take examples/${example}`, () => {
      const text = readFileSync(
        new URL(`../../examples/${example}/graph.yaml`, import.meta.url),
        'utf8'
      )
      const graph: unknown = parse(text)
      deepEqual(typeof check === 'string' ? check : check(graph), [])
    })
  }

  it('refuse a key that the code does not know', () => {
    const faults = typeof check === 'string' ? [] : check({ schema_version: 1, extra: 1 })
    equal(faults.length > 0, true)
  })
})
