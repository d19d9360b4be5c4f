/** JSON torture through the graph reader: what is not JSON is refused as text, what is JSON as a graph. */
import { equal, notEqual, ok } from 'node:assert/strict'
import { z } from 'zod'
import { MeshError } from '#contracts'
import { readGraph } from '#control'
import { fromHex, readVectors } from '../support/vector-data.ts'

const cases = readVectors('json-parsing', z.strictObject({ name: z.string(), hex: z.string() }))
/** Faults of the text itself, as opposed to those of a text that is fine and no graph. */
const TEXT_RULES = new Set([
  'json_malformed',
  'not_utf8',
  'duplicate_key',
  'not_unicode',
  'too_deep'
])

function ruleOf(bytes: Uint8Array): string {
  try {
    readGraph(bytes, { format: 'json' })
  } catch (error) {
    ok(error instanceof MeshError && error.code === 'graph.invalid', String(error))
    return error.issues?.[0]?.rule ?? ''
  }
  return 'taken'
}

describe('JSON torture through the graph reader', () => {
  for (const { name, hex } of cases) {
    const bytes = fromHex(hex)
    if (name.startsWith('n_')) {
      it(`refuses ${name} as text`, () => equal(TEXT_RULES.has(ruleOf(bytes)), true, ruleOf(bytes)))
    } else if (name.startsWith('y_')) {
      it(`reads ${name}, which is no graph`, () => notEqual(ruleOf(bytes), 'json_malformed'))
    } else {
      it(`answers ${name} with a fault, one way or the other`, () =>
        notEqual(ruleOf(bytes), 'taken'))
    }
    it(`does not fall over ${name} as YAML`, () => {
      try {
        readGraph(bytes, { format: 'yaml' })
      } catch (error) {
        ok(error instanceof MeshError && error.code === 'graph.invalid', String(error))
      }
    })
  }
})
