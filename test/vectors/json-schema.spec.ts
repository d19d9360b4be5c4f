/**
 * The JSON Schema suite, draft 2020-12, through the judge's own compiler. Schemas with a remote
 * reference are refused, for nothing is ever fetched, and so are those that name `__proto__`;
 * everything else must come out as the suite says.
 */
import { equal, ok } from 'node:assert/strict'
import { z } from 'zod'
import { JsonSchema } from '#contracts'
import { compile } from '../../control/verify/schema.ts'
import { readVectors } from '../support/vector-data.ts'

const Group = z.strictObject({
  file: z.string(),
  group: z.string(),
  schema: z.unknown(),
  tests: z.array(z.strictObject({ name: z.string(), data: z.unknown(), valid: z.boolean() }))
})
const groups = readVectors('json-schema-2020-12', Group)

describe('JSON Schema, draft 2020-12', () => {
  it('has all its cases', () => {
    ok(groups.reduce((sum, { tests }) => sum + tests.length, 0) >= 650)
  })

  for (const { file, group, schema, tests } of groups) {
    it(`${file}: ${group}`, () => {
      if (JSON.stringify(schema).includes('"__proto__":')) {
        equal(JsonSchema.safeParse(schema).success, false)
        return
      }
      const check = compile(JsonSchema.parse(schema))
      if (file === 'refRemote') {
        equal(typeof check, 'string', 'a remote reference is not followed')
        return
      }
      ok(typeof check !== 'string', String(check))
      for (const { name, data, valid } of tests) equal(check(data).length === 0, valid, name)
    })
  }
})
