/**
 * The state hash: what a session came to, in 32 bytes. Nothing of time, node, attempt, cache or order
 * is in it, so a replay, a run that was cut off and goes on, and Studio all come to the same hash.
 *
 * A session that stopped early (a failure under fail_fast, a cancellation, a spent budget) is its
 * reason alone: how far it had come by then depends on time.
 */
import {
  bytesToHex,
  type Cid,
  encodeCanonical,
  type StageRecord,
  type StopReason,
  sha256,
  type ValueMap
} from '#contracts'
import type { PartReport } from './messages.ts'
import { cidOfValue } from './resolve.ts'

export interface SessionState {
  readonly graphCid: Cid
  readonly inputsCid: Cid
  readonly stopReason: StopReason
  readonly stoppedEarly: boolean
  readonly outputs: ValueMap
  /** In canonical order. */
  readonly stages: readonly StageRecord[]
  /** Of model tasks, in canonical order. */
  readonly units: readonly PartReport[]
}

export function hashState(state: SessionState): { bytes: Uint8Array; hash: string } {
  const { stoppedEarly } = state
  const outputs = Object.entries(stoppedEarly ? {} : state.outputs)
  const bytes = encodeCanonical({
    v: 1,
    graph_cid: state.graphCid,
    inputs_cid: state.inputsCid,
    stop_reason: state.stopReason,
    outputs: Object.fromEntries(outputs.map(([name, value]) => [name, cidOfValue(value)])),
    trace: (stoppedEarly ? [] : state.stages).map(({ stage, task_id, index, outcome }) => [
      stage,
      task_id,
      index,
      outcome === 'cached' ? 'success' : outcome
    ]),
    units: (stoppedEarly ? [] : state.units).map(({ unit, outputCid, status }) => [
      unit,
      outputCid,
      status === 'cached' ? 'success' : status
    ])
  })
  return { bytes, hash: bytesToHex(sha256(bytes)) }
}
