/**
 * When two results of one unit say the same. Levels, cheapest first: `exact`,
 * `class_exact`, `label`, `numeric`. Compares values only: who ran them, and what follows from a
 * difference, is decided by verification and trust.
 */
import { z } from 'zod'
import { readTensorNumbers } from './tensor-numbers.ts'
import { isValueList, isValueMap, Tensor, type Value } from './value.ts'

export const AGREEMENT_LEVELS = ['exact', 'class_exact', 'label', 'numeric'] as const

export const Agreement = z.discriminatedUnion('level', [
  z.strictObject({ level: z.literal('exact') }),
  z.strictObject({ level: z.literal('class_exact') }),
  /** Decoded text, labels, counts and the argmax of tensors are equal; scores are not compared. */
  z.strictObject({ level: z.literal('label') }),
  z.strictObject({
    level: z.literal('numeric'),
    rtol: z.number().min(0).max(1),
    atol: z.number().min(0),
    cosine_min: z.number().min(-1).max(1).optional()
  })
])
export type Agreement = z.infer<typeof Agreement>

/** A result to compare: its content id, its value, and the class of backend that made it. */
export interface Comparable {
  readonly cid: string
  readonly value: Value
  readonly backendClass: string
}

/** `incomparable`: the declared level says nothing about these two (different backend classes). */
export type AgreementVerdict = 'agree' | 'disagree' | 'incomparable'

/** Compares two results as the unit declares. Symmetric. */
export function agree(agreement: Agreement, left: Comparable, right: Comparable): AgreementVerdict {
  if (left.cid === right.cid) return 'agree'
  switch (agreement.level) {
    case 'exact':
      return 'disagree'
    case 'class_exact':
      return left.backendClass === right.backendClass ? 'disagree' : 'incomparable'
    case 'label':
      return sameLabels(left.value, right.value) ? 'agree' : 'disagree'
    case 'numeric':
      return sameNumbers(agreement, left.value, right.value) ? 'agree' : 'disagree'
  }
}

/**
 * Groups results that agree with the first of their group, in the order given. Groups come largest
 * first; equal sizes keep the order of their first member, so equal inputs give equal groups.
 */
export function agreementGroups(agreement: Agreement, results: readonly Comparable[]): number[][] {
  const groups: number[][] = []
  results.forEach((result, index) => {
    const home = groups.find((group) => {
      const first = results[group[0] ?? -1]
      return first !== undefined && agree(agreement, first, result) === 'agree'
    })
    if (home === undefined) groups.push([index])
    else home.push(index)
  })
  return groups.sort((a, b) => b.length - a.length || (a[0] ?? 0) - (b[0] ?? 0))
}

type Numeric = Extract<Agreement, { level: 'numeric' }>

function sameLabels(left: Value, right: Value): boolean {
  if (left instanceof Tensor || right instanceof Tensor) {
    if (!(left instanceof Tensor && right instanceof Tensor) || !sameShape(left, right))
      return false
    const wholes = left.dtype.includes('int') || left.dtype === 'bool' || left.dtype === 'string'
    return wholes
      ? equalData(left.data, right.data)
      : equalLists(argmaxRows(left), argmaxRows(right))
  }
  return sameStructure(
    left,
    right,
    sameLabels,
    (a, b) => a === b || !(Number.isInteger(a) && Number.isInteger(b))
  )
}

function sameNumbers(rule: Numeric, left: Value, right: Value): boolean {
  if (left instanceof Tensor || right instanceof Tensor) {
    if (!(left instanceof Tensor && right instanceof Tensor) || !sameShape(left, right))
      return false
    if (left.dtype === 'string') return equalData(left.data, right.data)
    return closeNumbers(rule, readTensorNumbers(left), readTensorNumbers(right))
  }
  return sameStructure(
    left,
    right,
    (a, b) => sameNumbers(rule, a, b),
    (a, b) => closeNumbers(rule, [a], [b])
  )
}

/** Walks two values of one shape; leaves that are numbers go to `number`, the rest must be equal. */
function sameStructure(
  left: Value,
  right: Value,
  inner: (a: Value, b: Value) => boolean,
  number: (a: number, b: number) => boolean
): boolean {
  if (typeof left === 'number' && typeof right === 'number') return number(left, right)
  if (left instanceof Uint8Array && right instanceof Uint8Array) return equalData(left, right)
  if (isValueList(left) && isValueList(right)) {
    return (
      left.length === right.length && left.every((item, index) => inner(item, right[index] ?? null))
    )
  }
  if (isValueMap(left) && isValueMap(right)) {
    const keys = Object.keys(left)
    return (
      keys.length === Object.keys(right).length &&
      keys.every((key) => Object.hasOwn(right, key) && inner(left[key] ?? null, right[key] ?? null))
    )
  }
  return left === right
}

/**
 * |a − b| ≤ atol + rtol · max|b| over the whole tensor: never purely relative. The
 * maximum is over finite numbers; NaN and the infinities agree with themselves alone.
 */
function closeNumbers(rule: Numeric, left: ArrayLike<number>, right: ArrayLike<number>): boolean {
  if (left.length !== right.length) return false
  const largest = Math.max(largestFinite(left), largestFinite(right))
  const bound = rule.atol + rule.rtol * largest
  for (let index = 0; index < left.length; index++) {
    const a = left[index] ?? 0
    const b = right[index] ?? 0
    const finite = Number.isFinite(a) && Number.isFinite(b)
    if (!(Object.is(a, b) || a === b || (finite && Math.abs(a - b) <= bound))) return false
  }
  return rule.cosine_min === undefined || cosine(left, right, largest) >= rule.cosine_min
}

function largestFinite(numbers: ArrayLike<number>): number {
  let largest = 0
  for (let index = 0; index < numbers.length; index++) {
    const size = Math.abs(numbers[index] ?? 0)
    if (size > largest && size < Number.POSITIVE_INFINITY) largest = size
  }
  return largest
}

/** Of the finite numbers, scaled so that no square overflows; 1 where one side is all zero. */
function cosine(left: ArrayLike<number>, right: ArrayLike<number>, largest: number): number {
  let dot = 0
  let leftSquares = 0
  let rightSquares = 0
  for (let index = 0; index < left.length; index++) {
    const a = (left[index] ?? 0) / largest
    const b = (right[index] ?? 0) / largest
    if (!Number.isFinite(a) || !Number.isFinite(b)) continue
    dot += a * b
    leftSquares += a * a
    rightSquares += b * b
  }
  if (leftSquares === 0 || rightSquares === 0) return 1
  return dot / Math.sqrt(leftSquares * rightSquares)
}

/** A row that holds NaN has no largest number. */
const NO_LABEL = -1

/** Index of the largest number of each row along the last axis; the first of equals. */
function argmaxRows(tensor: Tensor): number[] {
  const numbers = readTensorNumbers(tensor)
  const width = tensor.shape.at(-1) ?? 1
  const rows: number[] = []
  for (let start = 0; start < numbers.length && width > 0; start += width) {
    let best = start
    let holdsNaN = false
    for (let index = start; index < start + width; index++) {
      const number = numbers[index] ?? 0
      if (Number.isNaN(number)) holdsNaN = true
      else if (number > (numbers[best] ?? 0)) best = index
    }
    rows.push(holdsNaN ? NO_LABEL : best - start)
  }
  return rows
}

const sameShape = (a: Tensor, b: Tensor): boolean =>
  a.dtype === b.dtype && equalLists(a.shape, b.shape)
const equalLists = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index])
const equalData = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, index) => byte === b[index])
