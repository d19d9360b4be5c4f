/**
 * Fixed keys and mesh ids for tests of signed bytes: the same in every run, worth nothing.
 */

import { type MeshError, parseMeshId } from '#contracts'

export const TYP = 'application/vnd.kora.test.v1+cbor'
export const OTHER_TYP = 'application/vnd.kora.other-test.v1+cbor'
export const MESH = parseMeshId('11'.repeat(32))
export const OTHER_MESH = parseMeshId('22'.repeat(32))

export const seed = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)

/** A predicate for `throws`: this code and no other. */
export const withCode = (code: MeshError['code']) => (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === code
