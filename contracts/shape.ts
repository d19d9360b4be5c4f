/**
 * Reading untrusted values through a zod shape: unknown keys, wrong types and oversize are refused,
 * every fault is reported with its path. Does not decode bytes (`cbor.ts`) or judge meaning.
 */
import { z } from 'zod'
import { type ErrorCode, type Issue, MeshError } from './errors.ts'
import {
  isHex32,
  isLeaseId,
  isSessionId,
  isUnitId,
  type LeaseId,
  type SessionId,
  type UnitId
} from './ids.ts'
import { CBOR_DEPTH_MAX } from './limits.ts'

/** At most this many faults are listed: a hostile document could have millions. */
export const ISSUES_MAX = 100

/** Reads `value` as `schema` says, or throws a MeshError that lists every fault. */
export function readShape<S extends z.ZodType>(
  schema: S,
  value: unknown,
  code: ErrorCode
): z.output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issues = shapeIssues(result.error)
  throw new MeshError(
    code,
    { faults: issues.length, first: `${issues[0]?.path} ${issues[0]?.message}` },
    { issues }
  )
}

/** The faults of a failed parse as (path, rule, message), paths written as JSON pointers. */
export function shapeIssues(error: z.ZodError): Issue[] {
  const issues: Issue[] = []
  for (const issue of error.issues) {
    if (issues.length >= ISSUES_MAX) break
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys.slice(0, ISSUES_MAX)) {
        issues.push({
          path: pointerOf([...issue.path, key]),
          rule: 'unknown_key',
          message: `unknown key "${key}"`
        })
      }
    } else {
      issues.push({ path: pointerOf(issue.path), rule: issue.code, message: issue.message })
    }
  }
  return issues
}

/** RFC 6901 JSON pointer of a path; the root is the empty string. */
export function pointerOf(path: readonly PropertyKey[]): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** Bounded text: nothing from outside is of unknown length. */
export const text = (charsMax: number) => z.string().min(1).max(charsMax)
/** Unsigned integer that a JSON number and a CBOR integer both carry exactly. */
export const uint = (max: number = Number.MAX_SAFE_INTEGER) => z.int().min(0).max(max)
export const bytes = (bytesMax: number) =>
  z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length <= bytesMax,
    `bytes, at most ${bytesMax}`
  )
/** A SHA-256 digest, or as many bytes: a shorter one is another spelling, not the same. */
export const bytes32 = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length === 32,
  '32 bytes'
)
/**
 * A map with keys from outside. zod drops the key `__proto__` without a word, and what opens would
 * differ from what was signed: such a map is refused.
 */
export function record<Key extends z.ZodString, Item extends z.ZodType>(key: Key, item: Item) {
  const shape = z.record(key, item)
  return z
    .custom<z.input<typeof shape>>((value) => !hasPrototypeKey(value), 'no key "__proto__"')
    .pipe(shape)
}

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }
/** Any JSON value, as it is and not copied. */
export const json = z.custom<Json>(
  (value) => isJson(value),
  'a JSON value without the key "__proto__", nested 128 deep at most'
)

export const hex32 = z.string().refine(isHex32, '64 lowercase hex digits')
export const unitId = z.custom<UnitId>(
  (value) => typeof value === 'string' && isUnitId(value),
  'a unit id'
)
export const sessionId = z.custom<SessionId>(
  (value) => typeof value === 'string' && isSessionId(value),
  'a session id'
)
export const leaseId = z.custom<LeaseId>(
  (value) => typeof value === 'string' && isLeaseId(value),
  'a lease id'
)

const hasPrototypeKey = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')

export function isJson(value: unknown, depth = 0): boolean {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || !isPlain(value) || hasPrototypeKey(value)) return false
  if (depth >= CBOR_DEPTH_MAX) return false
  for (const key of Object.keys(value)) {
    if (!isJson(Reflect.get(value, key), depth + 1)) return false
  }
  return true
}

function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}
