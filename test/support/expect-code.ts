/** Asserts that something fails with a MeshError of one code: `throws(run, code('audio.empty'))`. */
import { equal, ok } from 'node:assert/strict'
import { type ErrorCode, MeshError } from '#contracts'

export function code(expected: ErrorCode): (error: unknown) => true {
  return (error) => {
    ok(error instanceof MeshError, `a MeshError, not ${error}`)
    equal(error.code, expected)
    return true
  }
}
