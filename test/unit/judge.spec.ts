/** The judge: what it refuses, what a hostile schema may cost, and that nothing is fetched. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import {
  encodeValue,
  float32Tensor,
  type JsonSchema,
  packUnit,
  SCHEMAS_COMPILED_MAX,
  type Value
} from '#contracts'
import { SessionJudge } from '#control'
import { strictSchema } from '../../control/conductor/strict-schema.ts'
import { compile, schemaFaults } from '../../control/verify/schema.ts'
import { conduct, graphOf, TASK_BUDGET } from '../support/conduct.ts'

function unitWith(schema: JsonSchema) {
  const graph = graphOf([
    {
      id: 'a',
      type: 'model',
      model: 'small-one',
      tier: 'small',
      budget: TASK_BUDGET,
      input: { x: 1 }
    }
  ])
  const { effects } = conduct(graph)
  const [unit] = effects.flatMap((effect) => (effect.type === 'submit' ? effect.units : []))
  ok(unit !== undefined)
  return packUnit({ ...unit.unit.unit, output_schema: schema })
}

const judged = (schema: JsonSchema, value: Value) =>
  new SessionJudge().judge(unitWith(schema), encodeValue(value))

const TEXT: JsonSchema = {
  type: 'object',
  required: ['text'],
  properties: { text: { type: 'string' } }
}

describe('the judge', () => {
  it('takes what fits the schema, and refuses the rest with the place of the fault', () => {
    deepEqual(judged(TEXT, { text: 'a' }), { ok: true, issues: [], trigger: null })
    const refused = judged(TEXT, { text: 1 })
    equal(refused.trigger, 'schema_mismatch')
    equal(refused.issues[0]?.path, '/text')
  })

  it('sees tensors as dtype and shape', () => {
    const tensor = float32Tensor([2], [1, 2])
    const shape = { const: { dtype: 'float32', shape: [2] } }
    equal(judged({ properties: { x: shape } }, { x: tensor }).ok, true)
    equal(judged({ properties: { x: shape } }, { x: float32Tensor([1], [1]) }).ok, false)
  })

  it('refuses bytes that are no canonical value', () => {
    const refused = new SessionJudge().judge(unitWith(true), Uint8Array.of(0x18, 0x01))
    equal(refused.issues[0]?.rule, 'contracts.cbor_not_canonical')
  })

  it('refuses further properties unless the schema says otherwise', () => {
    equal(judged(strictSchema(TEXT), { text: 'a', more: 1 }).ok, false)
    equal(
      judged(strictSchema({ ...TEXT, additionalProperties: true }), { text: 'a', more: 1 }).ok,
      true
    )
    const combined = { allOf: [TEXT, { properties: { more: true } }] }
    equal(judged(strictSchema(combined), { text: 'a', more: 1 }).ok, true)
  })

  it('asks for the declared confidence, and takes a missing one for none', () => {
    const judge = new SessionJudge()
    const unit = unitWith(true)
    const rules = new Map([[unit.id, [{ select: '/score', below: 0.5 }]]])
    judge.expect(rules)
    const trigger = (value: Value) => judge.judge(unit, encodeValue(value)).trigger
    equal(trigger({ score: 0.5 }), null)
    equal(trigger({ score: 0.4 }), 'confidence_below')
    equal(trigger({}), 'confidence_below')
    judge.forget(rules)
    equal(trigger({ score: 0.4 }), null)
  })

  it('never fetches a remote reference', () => {
    const before = globalThis.fetch
    let fetched = 0
    globalThis.fetch = () => {
      fetched++
      return Promise.reject(new Error('no network here'))
    }
    try {
      equal(schemaFaults({ $ref: 'https://example.com/schema.json' }).length, 1)
      equal(fetched, 0)
    } finally {
      globalThis.fetch = before
    }
  })

  it('keeps the ids of one schema from standing for another', () => {
    const named = (type: string): JsonSchema => ({ $id: 'https://example.com/same', type })
    equal(judged(named('string'), 'a').ok, true)
    equal(judged(named('number'), 1).ok, true)
    equal(judged(named('number'), 'a').ok, false)
  })

  const double = (place: number) => ({
    allOf: [{ $ref: `#/$defs/d${place}` }, { $ref: `#/$defs/d${place}` }]
  })
  const HOSTILE: Readonly<Record<string, readonly [JsonSchema, Value]>> = {
    'a pattern that backtracks for ever': [
      { properties: { text: { pattern: '^(a+)+$' } } },
      { text: `${'a'.repeat(60)}b` }
    ],
    'references that double forty times': [
      {
        $ref: '#/$defs/d39',
        $defs: Object.fromEntries([
          ['d0', { type: 'object' }],
          ...Array.from({ length: 39 }, (_, place) => [`d${place + 1}`, double(place)])
        ])
      },
      {}
    ],
    'a schema that only names itself': [{ allOf: [{ $ref: '#' }] }, {}]
  }
  for (const [what, [schema, value]] of Object.entries(HOSTILE)) {
    it(`refuses, in bounded time, ${what}`, () => {
      const before = process.cpuUsage()
      const check = compile(schema)
      const faults = typeof check === 'string' ? [check] : check(value)
      // the processor's time, as the bound itself is kept: the clock's grows with whatever else runs
      const { user, system } = process.cpuUsage(before)
      const tookMs = (user + system) / 1_000
      equal(faults.length > 0, true)
      ok(tookMs < 2_000, `${tookMs} ms`)
    })
  }

  it('refuses schemas that are too large, asynchronous or none', () => {
    const large = { enum: Array.from({ length: 5_000 }, (_, place) => `value ${place}`) }
    equal(schemaFaults(large).length, 1)
    equal(schemaFaults({ $async: true }).length, 1)
    equal(schemaFaults({ type: 'soup' }).length, 1)
    equal(schemaFaults({ pattern: '(' }).length, 1)
  })

  it('takes everything by the schema true, and nothing by the schema false', () => {
    equal(judged(true, { any: 1 }).ok, true)
    const refused = judged(false, { any: 1 })
    equal(refused.ok, false)
    equal(refused.issues[0]?.rule, 'false schema')
  })

  it('judges the same after more schemas than it keeps', () => {
    const first = compile(TEXT)
    for (let number = 0; number <= SCHEMAS_COMPILED_MAX; number++) {
      compile({ type: 'object', required: [`member-${number}`] })
    }
    const again = compile({ ...TEXT })
    ok(typeof first === 'function' && typeof again === 'function')
    deepEqual(again({ text: 1 }), first({ text: 1 }))
    deepEqual(again({ text: 'a' }), [])
  })

  it('stops at a value that is nested deeper than a recursive schema can follow', () => {
    const tree: JsonSchema = {
      $defs: { tree: { type: 'array', items: { $ref: '#/$defs/tree' } } },
      $ref: '#/$defs/tree'
    }
    let deep: unknown = []
    for (let depth = 0; depth < 50_000; depth++) deep = [deep]
    const check = compile(tree)
    ok(typeof check === 'function')
    deepEqual(
      check(deep).map(({ rule }) => rule),
      ['too_costly']
    )
    deepEqual(check([[[]], []]), [])
  })
})
