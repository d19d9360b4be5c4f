/**
 * Branded identifiers. An id is text that a parser here has seen, so a session id cannot be passed
 * where a unit id is meant. Holds no bytes, no hashing of documents: `cid.ts` makes content ids.
 */
import { MeshError } from './errors.ts'

declare const brand: unique symbol
type Id<Name extends string> = string & { readonly [brand]: Name }

/** Content id of a WorkUnit's canonical bytes (CIDv1 text). */
export type UnitId = Id<'UnitId'>
/** 's' and 32 lowercase hex digits: derived one to one from a graph's trace id. */
export type SessionId = Id<'SessionId'>
/** 'l' and 32 lowercase hex digits: H(unit, attempt, node). */
export type LeaseId = Id<'LeaseId'>
/** 64 lowercase hex digits: SHA-256 of the signed genesis document. */
export type MeshId = Id<'MeshId'>
/** 64 lowercase hex digits: SHA-256 of public key and incarnation. */
export type LogId = Id<'LogId'>

const SESSION_ID = /^s[0-9a-f]{32}$/
const LEASE_ID = /^l[0-9a-f]{32}$/
const HEX_32_BYTES = /^[0-9a-f]{64}$/
/** 58 characters of base32 hold 290 bits of which a content id has 288: the rest must be zero. */
const UNIT_ID = /^bafyrei[a-h][a-z2-7]{50}[aeimquy4]$/

function parse<T extends string>(rule: RegExp, kind: string, text: string): T {
  if (!rule.test(text)) {
    throw new MeshError('contracts.id_malformed', { kind, text: text.slice(0, 80) })
  }
  return text as T
}

export const parseUnitId = (text: string): UnitId => parse<UnitId>(UNIT_ID, 'unit', text)
export const parseSessionId = (text: string): SessionId =>
  parse<SessionId>(SESSION_ID, 'session', text)
export const parseLeaseId = (text: string): LeaseId => parse<LeaseId>(LEASE_ID, 'lease', text)
export const parseMeshId = (text: string): MeshId => parse<MeshId>(HEX_32_BYTES, 'mesh', text)
export const parseLogId = (text: string): LogId => parse<LogId>(HEX_32_BYTES, 'log', text)

export const isSessionId = (text: string): text is SessionId => SESSION_ID.test(text)
export const isUnitId = (text: string): text is UnitId => UNIT_ID.test(text)
export const isLeaseId = (text: string): text is LeaseId => LEASE_ID.test(text)
export const isHex32 = (text: string): boolean => HEX_32_BYTES.test(text)
