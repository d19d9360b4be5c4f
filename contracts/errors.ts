/**
 * The two kinds of failure: a peer's or a user's fault is a `MeshError` with a stable code,
 * facts and what to do next; our own mistake is an `AssertionFailure`, which nobody catches
 * to carry on. Codes are visible on the wire and in scripts: add, never rename or reuse.
 */

/** What may be done about a failure: try again here, with another peer, later, or not at all. */
export type Retry = 'here' | 'elsewhere' | 'later' | 'never'

interface ErrorEntry {
  readonly retry: Retry
  /** One sentence that says what to do next. */
  readonly hint: string
}

/** Every code the project can emit, sorted by area and name. */
export const ERROR_CODES = {
  'contracts.cbor_malformed': {
    retry: 'never',
    hint: 'Send well-formed CBOR: one value, definite lengths, text that is UTF-8, no undefined.'
  },
  'contracts.cbor_not_canonical': {
    retry: 'never',
    hint: 'Encode the value again in RFC 8949 deterministic form and send those bytes.'
  },
  'contracts.cid_malformed': {
    retry: 'never',
    hint: 'Give a CIDv1 in base32 with codec raw or dag-cbor and a sha2-256 digest.'
  },
  'contracts.key_malformed': {
    retry: 'never',
    hint: 'Give an Ed25519 seed or public key of exactly 32 bytes.'
  },
  'contracts.message_malformed': {
    retry: 'never',
    hint: 'Send a tagged COSE_Sign1 with the protected header that the protocol names.'
  },
  'contracts.peer_id_malformed': {
    retry: 'never',
    hint: 'Give a libp2p Ed25519 peer id, which begins with 12D3KooW.'
  },
  'contracts.signature_invalid': {
    retry: 'elsewhere',
    hint: 'Discard the bytes and ask another peer; the sender did not sign them for this mesh.'
  },
  'contracts.too_large': {
    retry: 'never',
    hint: 'Send less at once, or hand the bytes over by content hash.'
  },
  'contracts.typ_mismatch': {
    retry: 'never',
    hint: 'Send the message on the protocol its typ belongs to.'
  }
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERROR_CODES

/** Facts are data for logs and programs, not prose. */
export type ErrorFacts = Readonly<Record<string, string | number | boolean | null>>

/** One fault among several: where it is, which rule it breaks, and what would be right. */
export interface Issue {
  readonly path: string
  readonly rule: string
  readonly message: string
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
