/**
 * Quick answers to "is this surely of that shape?" for what arrives by the thousand. They may say no to
 * what is right, and then zod decides; they say yes only to what zod takes as it is. A property test
 * holds both to each other.
 */
import type { z } from 'zod'
import type { ErrorCode } from './errors.ts'
import { readShape } from './shape.ts'

export type Fields = Readonly<Record<string, unknown>>

/** As `readShape`, without zod where `isSurely` is content; the value itself is returned then. */
export function readQuickly<S extends z.ZodType>(
  schema: S,
  isSurely: (value: unknown) => boolean,
  value: unknown,
  code: ErrorCode
): z.output<S> {
  return isSurely(value) ? (value as z.output<S>) : readShape(schema, value, code)
}

/** A plain object with exactly so many fields; who asks checks each by its name. */
export function isFields(value: unknown, count: number): value is Fields {
  if (typeof value !== 'object' || value === null) return false
  return Object.getPrototypeOf(value) === Object.prototype && Object.keys(value).length === count
}

export const isText = (value: unknown, charsMax: number): boolean =>
  typeof value === 'string' && value.length > 0 && value.length <= charsMax

export const isTextOrNull = (value: unknown, charsMax: number): boolean =>
  value === null || isText(value, charsMax)

export const isUint = (value: unknown, max: number = Number.MAX_SAFE_INTEGER): boolean =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max

/** A number from 1. */
export const isCount = (value: unknown, max: number): boolean => isUint(value, max) && value !== 0

export const isAmount = (value: unknown): boolean =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0

export const isBytes = (value: unknown, bytesMax: number): boolean =>
  value instanceof Uint8Array && value.length <= bytesMax

export const isBytes32 = (value: unknown): boolean =>
  value instanceof Uint8Array && value.length === 32

export const isOneOf = (value: unknown, names: readonly string[]): boolean =>
  typeof value === 'string' && names.includes(value)

export function isListOf(
  value: unknown,
  itemsMax: number,
  isItem: (item: unknown) => boolean
): value is readonly unknown[] {
  if (!Array.isArray(value) || value.length > itemsMax) return false
  // `every` would pass over a hole
  for (let index = 0; index < value.length; index++) if (!isItem(value[index])) return false
  return true
}
