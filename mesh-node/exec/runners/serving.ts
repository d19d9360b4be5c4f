/**
 * What every executor does alike, in a child process and in a page's worker: it tells how far a run
 * is, and turns outputs into bytes. It knows neither the way an answer takes nor a clock.
 */
import { encodeValue, MeshError, VALUE_BYTES_MAX, type Value } from '#contracts'
import type { OnProgress } from './runner.ts'

/** Progress is for people: ten messages a second are enough. */
const PROGRESS_EVERY_MS = 100

/** Tells a share at most ten times a second; undefined where nobody wants to know. */
export function progressReporter(
  isWanted: boolean,
  now: () => number,
  tell: OnProgress
): OnProgress | undefined {
  if (!isWanted) return undefined
  let lastMs = now()
  return (share) => {
    const nowMs = now()
    if (nowMs - lastMs < PROGRESS_EVERY_MS) return
    lastMs = nowMs
    tell(share)
  }
}

/** Throws model.output_too_large where a unit may not return so much. */
export function encodeOutputs(outputs: Value): Uint8Array {
  try {
    return encodeValue(outputs)
  } catch (error) {
    if (error instanceof MeshError && error.code === 'contracts.too_large') {
      throw new MeshError('model.output_too_large', { bytes_max: VALUE_BYTES_MAX })
    }
    throw error
  }
}
