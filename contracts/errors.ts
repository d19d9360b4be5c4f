/**
 * The two kinds of failure: a peer's or a user's fault is a `MeshError` with a stable code,
 * facts and what to do next; our own mistake is an `AssertionFailure`, which nobody catches
 * to carry on. Codes are visible on the wire and in scripts: add, never rename or reuse.
 */

import { ERROR_CODES, type Retry } from './error-codes.data.ts'

export type ErrorCode = keyof typeof ERROR_CODES

/** Facts are data for logs and programs, not prose. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean | null>>

/** One fault among several: where it is, which rule it breaks, and what would be right. */
export interface Issue {
  readonly path: string
  readonly rule: string
  readonly message: string
  /** Where it stands in a text, both from 1; absent where there is no text. */
  readonly at?: { readonly line: number; readonly column: number }
}

export interface MeshErrorOptions extends ErrorOptions {
  readonly issues?: readonly Issue[]
}

/** An expected failure. Broken invariants are not MeshErrors: they fail `assert`. */
export class MeshError extends Error {
  override readonly name = 'MeshError'
  readonly code: ErrorCode
  readonly facts: ErrorFacts
  readonly issues?: readonly Issue[]

  constructor(code: ErrorCode, facts: ErrorFacts = {}, options: MeshErrorOptions = {}) {
    super(`${code} ${JSON.stringify(facts)}`, options)
    this.code = code
    this.facts = facts
    if (options.issues !== undefined) this.issues = options.issues
  }

  get retry(): Retry {
    return ERROR_CODES[this.code].retry
  }

  get hint(): string {
    return ERROR_CODES[this.code].hint
  }
}

/** Whoever meets one of these stops: nothing that comes after it could be kept. */
const DISK_FAULTS: ReadonlySet<ErrorCode> = new Set([
  'ledger.store_failed',
  'store.disk_full',
  'store.unwritable'
])
/** The disk itself refuses: neither the peer's fault nor the user's input's, and no defect. */
export const isDiskFault = (error: unknown): boolean =>
  error instanceof MeshError && DISK_FAULTS.has(error.code)

/** Our own mistake: a state that the code promised could not be. */
export class AssertionFailure extends Error {
  override readonly name = 'AssertionFailure'
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionFailure(message)
}

/** Ends every `switch` over a union, so that a new member does not compile until handled. */
export function assertNever(value: never): never {
  throw new AssertionFailure(`unexpected value: ${JSON.stringify(value)}`)
}
