/** When two results say the same, level by level, and what no level may forgive. */

import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import {
  AGREEMENT_LEVELS,
  type Agreement,
  type AgreementVerdict,
  agree,
  agreementGroups,
  type Comparable,
  cidOfBytes,
  encodeValue,
  float32Tensor,
  Tensor,
  type Value
} from '#contracts'

const EXACT: Agreement = { level: 'exact' }
const CLASS_EXACT: Agreement = { level: 'class_exact' }
const LABEL: Agreement = { level: 'label' }
const numeric = (rtol: number, atol: number, cosine_min?: number): Agreement =>
  cosine_min === undefined
    ? { level: 'numeric', rtol, atol }
    : { level: 'numeric', rtol, atol, cosine_min }

const result = (value: Value, backendClass = 'cpu'): Comparable => ({
  cid: cidOfBytes(encodeValue(value)),
  value,
  backendClass
})
/** Both ways round: whoever is named first must not matter. */
function verdict(rule: Agreement, left: Value, right: Value): AgreementVerdict {
  const one = agree(rule, result(left), result(right))
  equal(agree(rule, result(right), result(left)), one, 'symmetric')
  return one
}
const floats = (...numbers: number[]): Tensor => float32Tensor([numbers.length], numbers)
const doubles = (...numbers: number[]): Tensor =>
  new Tensor('float64', [numbers.length], new Uint8Array(Float64Array.from(numbers).buffer))
const ints = (...numbers: number[]): Tensor =>
  new Tensor('int32', [numbers.length], new Uint8Array(Int32Array.from(numbers).buffer))
const longs = (...numbers: bigint[]): Tensor =>
  new Tensor('int64', [numbers.length], new Uint8Array(BigInt64Array.from(numbers).buffer))

describe('exact agreement', () => {
  it('takes equal content ids and nothing else', () => {
    equal(verdict(EXACT, { a: 1, b: 2 }, { b: 2, a: 1 }), 'agree')
    equal(verdict(EXACT, { a: 1 }, { a: 1.0000001 }), 'disagree')
    equal(verdict(EXACT, floats(1), floats(1 + 2 ** -23)), 'disagree')
  })
})

describe('agreement within a class of backends', () => {
  it('is exact within the class', () => {
    equal(verdict(CLASS_EXACT, 'a', 'a'), 'agree')
    equal(verdict(CLASS_EXACT, 'a', 'b'), 'disagree')
  })

  it('says nothing across classes, unless the bytes are equal', () => {
    equal(agree(CLASS_EXACT, result('a', 'cpu'), result('b', 'webgpu')), 'incomparable')
    equal(agree(CLASS_EXACT, result('b', 'webgpu'), result('a', 'cpu')), 'incomparable')
    equal(agree(CLASS_EXACT, result('a', 'cpu'), result('a', 'webgpu')), 'agree')
    deepEqual(
      agreementGroups(CLASS_EXACT, [result('a', 'cpu'), result('b', 'gpu'), result('a', 'cpu')]),
      [[0, 2], [1]]
    )
  })
})

describe('label agreement', () => {
  it('compares text, counts and structure, and not scores', () => {
    equal(verdict(LABEL, { text: 'hi', score: 0.9 }, { text: 'hi', score: 0.8 }), 'agree')
    equal(verdict(LABEL, { text: 'hi' }, { text: 'ho' }), 'disagree')
    equal(verdict(LABEL, { count: 3 }, { count: 4 }), 'disagree')
    equal(verdict(LABEL, [true], [false]), 'disagree')
    equal(verdict(LABEL, [1, 2], [1, 2, 2]), 'disagree')
    equal(verdict(LABEL, { a: 1 }, { b: 1 }), 'disagree')
    equal(verdict(LABEL, { a: null }, { b: null }), 'disagree')
    equal(verdict(LABEL, Uint8Array.of(1), Uint8Array.of(2)), 'disagree')
    equal(verdict(LABEL, null, { a: 1 }), 'disagree')
    equal(verdict(LABEL, 2n ** 60n, 2n ** 60n + 1n), 'disagree')
  })

  it('lets a score of exactly 1 stand beside one of 0.9999', () => {
    equal(verdict(LABEL, { label: 'x', score: 1 }, { label: 'x', score: 0.9999 }), 'agree')
  })

  it('compares the argmax of every row of a float tensor', () => {
    const rows = (...numbers: number[]) => float32Tensor([2, 3], numbers)
    equal(verdict(LABEL, rows(0, 1, 2, 5, 1, 2), rows(0.1, 0.2, 9, 3, 1, 2)), 'agree')
    equal(verdict(LABEL, rows(0, 1, 2, 5, 1, 2), rows(0.1, 0.2, 9, 3, 4, 2)), 'disagree')
    equal(verdict(LABEL, rows(7, 7, 0, 1, 1, 1), rows(8, 1, 0, 2, 1, 1)), 'agree')
    equal(verdict(LABEL, rows(7, 7, 0, 1, 1, 1), rows(1, 8, 0, 2, 1, 1)), 'disagree')
  })

  it('gives a row with NaN no label: it agrees with no number, wherever the NaN stands', () => {
    const good = floats(3, 2, 1)
    const { NaN: none } = Number
    for (const bad of [floats(none, none, none), floats(none, 2, 1), floats(3, 2, none)]) {
      equal(verdict(LABEL, good, bad), 'disagree')
    }
    equal(verdict(LABEL, floats(none, 1), floats(1, none)), 'agree')
    const masked = floats(Number.NEGATIVE_INFINITY, 2, Number.NEGATIVE_INFINITY)
    equal(verdict(LABEL, masked, floats(0, 2, 1)), 'agree')
  })

  it('compares integer tensors exactly, 64-bit ones beyond 2^53 too', () => {
    equal(verdict(LABEL, ints(1, 2, 3), ints(1, 2, 3)), 'agree')
    equal(verdict(LABEL, ints(1, 2, 9), ints(1, 2, 8)), 'disagree')
    equal(verdict(LABEL, longs(2n ** 60n), longs(2n ** 60n + 1n)), 'disagree')
    const bools = (...bits: number[]) => new Tensor('bool', [bits.length], Uint8Array.from(bits))
    equal(verdict(LABEL, bools(0, 1), bools(1, 1)), 'disagree')
  })

  it('never compares tensors of other dtype or shape, or a tensor with a list', () => {
    equal(verdict(LABEL, floats(1, 2), doubles(1, 2)), 'disagree')
    equal(verdict(LABEL, float32Tensor([2, 1], [1, 2]), float32Tensor([1, 2], [1, 2])), 'disagree')
    equal(verdict(LABEL, floats(1, 2), [1, 2]), 'disagree')
    equal(verdict(LABEL, floats(1), Uint8Array.of(0, 0, 0x80, 0x3f)), 'disagree')
  })

  it('has no rows in an empty tensor', () => {
    equal(verdict(LABEL, float32Tensor([0, 3], []), float32Tensor([0, 3], [])), 'agree')
    equal(verdict(LABEL, float32Tensor([3, 0], []), float32Tensor([0, 3], [])), 'disagree')
  })
})

describe('numeric agreement', () => {
  it('is never purely relative: near zero the scale of the whole tensor counts', () => {
    const rule = numeric(0.0001, 0)
    equal(verdict(rule, floats(1, 1e-9), floats(1, 3e-9)), 'agree')
    equal(verdict(rule, floats(1, 0), floats(1, 0.00005)), 'agree')
    equal(verdict(rule, floats(1, 0), floats(1, 0.0002)), 'disagree')
    equal(verdict(numeric(0, 0.001), floats(0, 0), floats(0.0005, 0)), 'agree')
  })

  it('with no tolerance takes equal numbers alone', () => {
    equal(verdict(numeric(0, 0), floats(0.5, 2), floats(0.5, 2)), 'agree')
    equal(verdict(numeric(0, 0), floats(0.5), floats(0.5 + 2 ** -24)), 'disagree')
    equal(verdict(numeric(0, 0), floats(0, 1), floats(-0, 1)), 'agree')
  })

  it('takes NaN beside NaN and an infinity beside the same one, and nothing else for them', () => {
    const { NaN: none, POSITIVE_INFINITY: high, NEGATIVE_INFINITY: low } = Number
    const loose = numeric(1, 1e300)
    equal(verdict(loose, floats(none, 1), floats(none, 1.5)), 'agree')
    equal(verdict(loose, floats(high, low), floats(high, low)), 'agree')
    for (const [left, right] of [
      [none, 0],
      [none, high],
      [high, low],
      [high, 3e38],
      [low, 0]
    ] as const) {
      equal(verdict(loose, floats(left), floats(right)), 'disagree', `${left} ${right}`)
      equal(verdict(loose, left, right), 'disagree', `${left} ${right}`)
    }
    equal(verdict(numeric(1, 1.7e308), doubles(1.7e308, 0), doubles(1.7e308, high)), 'disagree')
  })

  it('keeps its relative bound and its cosine beside masked entries', () => {
    const { NEGATIVE_INFINITY: low } = Number
    const rule = numeric(0.001, 0, 0.999)
    equal(verdict(rule, floats(low, 100, 50), floats(low, 100.05, 50)), 'agree')
    equal(verdict(rule, floats(low, 100, 50), floats(low, 101, 50)), 'disagree')
  })

  it('asks for the cosine where it is declared, at any scale', () => {
    const rule = (cosine_min: number) => numeric(1, 1e308, cosine_min)
    equal(verdict(rule(0.99), doubles(1, 0), doubles(0, 1)), 'disagree')
    equal(verdict(rule(-1), doubles(1, 0), doubles(-1, 0)), 'agree')
    equal(verdict(rule(1), doubles(3, 4), doubles(6, 8)), 'agree')
    equal(verdict(rule(1), doubles(1e200, 2e200), doubles(2e200, 4e200)), 'agree')
    equal(verdict(rule(0.99), doubles(1e200, 0), doubles(0, 1e200)), 'disagree')
    equal(verdict(rule(0.99), doubles(1e-200, 0), doubles(0, 1e-200)), 'disagree')
  })

  it('walks into lists and maps, and compares all but numbers exactly', () => {
    const rule = numeric(0, 0.1)
    equal(verdict(rule, { a: [1, 2.05] }, { a: [1.05, 2] }), 'agree')
    equal(verdict(rule, { a: [1, 2] }, { a: [1, 2.2] }), 'disagree')
    equal(verdict(rule, { a: 'x', b: 1 }, { a: 'y', b: 1 }), 'disagree')
    equal(verdict(rule, [1], [1, 1]), 'disagree')
    equal(verdict(rule, { a: 1 }, { a: 1, b: 1 }), 'disagree')
    equal(verdict(rule, 1, '1'), 'disagree')
    equal(verdict(rule, true, 1), 'disagree')
  })
})

const number = fc.oneof(
  fc.double(),
  fc.float(),
  fc.integer({ min: -3, max: 3 }),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0)
)
const leaf: fc.Arbitrary<Value> = fc.oneof(
  fc.constantFrom(null, true, false, 'a', 'b', 2n ** 60n),
  number.map((one) => (Object.is(one, -0) ? 0 : one)),
  fc.uint8Array({ maxLength: 2 }),
  fc.array(number, { minLength: 2, maxLength: 2 }).map((numbers) => floats(...numbers)),
  fc.array(number, { minLength: 2, maxLength: 2 }).map((numbers) => doubles(...numbers)),
  fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 2 }).map((numbers) => ints(...numbers))
)
const value = fc.oneof(
  leaf,
  fc.array(leaf, { maxLength: 3 }),
  fc.dictionary(fc.constantFrom('a', 'b'), leaf, { noNullPrototype: true })
)
const comparable = fc
  .tuple(value, fc.constantFrom('cpu', 'webgpu'))
  .map(([one, backendClass]) => result(one, backendClass))
const tolerance = fc.constantFrom(0, 0.001, 0.5, 1)
const agreement = fc.oneof(
  fc.constantFrom(EXACT, CLASS_EXACT, LABEL),
  fc
    .tuple(tolerance, tolerance, fc.option(fc.constantFrom(-1, 0.5, 1), { nil: undefined }))
    .map(([rtol, atol, cosine_min]) => numeric(rtol, atol, cosine_min))
)

describe('agreement, for all results', () => {
  it('is symmetric', () => {
    fc.assert(
      fc.property(agreement, comparable, comparable, (rule, left, right) => {
        equal(agree(rule, left, right), agree(rule, right, left))
      }),
      { numRuns: 2_000 }
    )
  })

  it('is reflexive, of the value and not only of its id', () => {
    fc.assert(
      fc.property(agreement, comparable, (rule, one) => {
        equal(agree(rule, one, one), 'agree')
        const renamed = { ...one, cid: 'another id' }
        const byValue = rule.level === 'label' || rule.level === 'numeric'
        if (byValue) equal(agree(rule, one, renamed), 'agree')
      }),
      { numRuns: 1_000 }
    )
  })

  it('loosens with its tolerances and never tightens', () => {
    fc.assert(
      fc.property(comparable, comparable, tolerance, tolerance, (left, right, rtol, atol) => {
        if (agree(numeric(rtol, atol), left, right) !== 'agree') return
        equal(agree(numeric(1, atol), left, right), 'agree')
        equal(agree(numeric(rtol, atol + 1), left, right), 'agree')
      }),
      { numRuns: 1_000 }
    )
  })

  it('forms groups that are a partition, largest first, the same every time', () => {
    fc.assert(
      fc.property(agreement, fc.array(comparable, { maxLength: 8 }), (rule, results) => {
        const groups = agreementGroups(rule, results)
        deepEqual(agreementGroups(rule, [...results]), groups)
        deepEqual(
          groups.flat().sort((a, b) => a - b),
          results.map((_, index) => index)
        )
        groups.forEach((group, place) => {
          ok(group.length > 0 && group.length <= (groups[place - 1]?.length ?? group.length))
          deepEqual(
            group,
            [...group].sort((a, b) => a - b)
          )
        })
      }),
      { numRuns: 500 }
    )
  })

  it('puts in one group only what agrees with its first, and no first agrees with another', () => {
    fc.assert(
      fc.property(agreement, fc.array(comparable, { maxLength: 8 }), (rule, results) => {
        const groups = agreementGroups(rule, results).map((group) =>
          group.flatMap((index) => results[index] ?? [])
        )
        for (const [first, ...rest] of groups) {
          ok(first !== undefined)
          for (const other of rest) equal(agree(rule, first, other), 'agree')
        }
        const firsts = groups.flatMap(([first]) => first ?? [])
        for (const one of firsts) {
          for (const other of firsts) if (one !== other) ok(agree(rule, one, other) !== 'agree')
        }
      }),
      { numRuns: 500 }
    )
  })

  it('has four levels', () => {
    deepEqual([...AGREEMENT_LEVELS], ['exact', 'class_exact', 'label', 'numeric'])
  })
})
