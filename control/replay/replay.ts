/**
 * Replay: the same conductor over the history of a session in place of nodes. Equal state hashes show
 * that outputs, trace and stop reason follow from the graph, the inputs and the log alone. Runs
 * handlers again and no model, and writes nothing but the state that it came to.
 */
import {
  assert,
  cidOfBlobDigest,
  decodeCanonical,
  type EventDraft,
  hexToBytes,
  MeshError,
  type SessionHistory,
  type SessionId,
  type StopReason
} from '#contracts'
import type { Failure } from '../conductor/messages.ts'
import type { SessionOptions, SessionPorts } from '../session/ports.ts'
import { runSession } from '../session/session-driver.ts'
import { ReplayFabric } from './replay-fabric.ts'
import { endsOfHistory, type UnitEnds, unitEnds } from './unit-ends.ts'

export interface ReplayOptions extends Pick<SessionOptions, 'graph' | 'inputs' | 'requestId'> {
  readonly history: SessionHistory
}

/** The session's ports, less the fabric. `cache` answers for units that the log does not hold. */
export type ReplayPorts = Omit<SessionPorts, 'fabric' | 'freshId'>

export interface ReplayReport {
  readonly session: SessionId
  /** As the log has it. */
  readonly stateHash: string
  readonly replayHash: string
  readonly stopReason: StopReason
  readonly equal: boolean
  /** The first difference found; null where there is none. */
  readonly difference: string | null
  /**
   * As the ledger and the conductor tell them again; of a session that did not succeed those of the
   * fabric's units alone, since how far KORA's own work had come by then depends on time.
   */
  readonly unitEnds: UnitEnds
}

/** Reasons that come from outside the graph: the replay must be told when they struck. */
const FROM_OUTSIDE: ReadonlySet<StopReason> = new Set([
  'cancelled',
  'budget_exhausted',
  'admission_rejected'
])
/** How long a replay that is quiet waits before it takes a log for incomplete. */
const PAUSE_MS = 1_000
/** A state has 100,000 units at most, at some 200 bytes each. */
const STATE_BYTES_MAX = 64 * 1024 * 1024

/** Throws `replay.not_recorded` for a session that has not ended. */
export async function replaySession(
  { history, ...options }: ReplayOptions,
  ports: ReplayPorts
): Promise<ReplayReport> {
  const { closed, session } = history
  if (closed === null) throw new MeshError('replay.not_recorded', { session, reason: 'not ended' })
  const stop = new AbortController()
  let fabric: ReplayFabric | undefined
  const events: EventDraft[] = []
  const result = await runSession(
    {
      ...options,
      signal: stop.signal,
      stopsWith: stopOf(closed.stopReason),
      onEvent: (event) => void events.push(event)
    },
    {
      ...ports,
      cache: cacheBeside(history, ports.cache),
      freshId: () => '',
      fabric: (emit) => {
        fabric = new ReplayFabric({
          history,
          blobs: ports.blobs,
          judge: ports.judge.judge,
          emit,
          onUnended: () => {
            if (FROM_OUTSIDE.has(closed.stopReason)) stop.abort()
            return !FROM_OUTSIDE.has(closed.stopReason) && closed.stopReason !== 'success'
          },
          afterPause: (fire) => ports.clock.after(PAUSE_MS, fire)
        })
        return fabric
      }
    }
  )
  assert(fabric !== undefined, 'a session that ran had a fabric')
  const sameSession = result.session === session
  const equal = sameSession && result.state_hash === closed.stateHash
  const found = equal ? null : await firstDifference(closed, result, ports, fabric)
  const own = closed.stopReason === 'success' ? unitEnds(events) : []
  return {
    session,
    stateHash: closed.stateHash,
    replayHash: result.state_hash,
    stopReason: result.stop_reason,
    equal,
    difference: sameSession
      ? found
      : `graph, inputs and request make session ${result.session}, not ${session}`,
    unitEnds: new Map([...own, ...endsOfHistory(history)])
  }
}

/** The cache, for units that the log does not hold; nothing is written to it. */
function cacheBeside({ units }: SessionHistory, cache: ReplayPorts['cache']): ReplayPorts['cache'] {
  if (cache === null) return null
  return {
    has: () => false,
    get: (key, unit) => (units.has(unit) ? Promise.resolve(null) : cache.get(key, unit)),
    set: () => Promise.resolve(),
    drop: () => Promise.resolve()
  }
}

const stopOf = (stopReason: StopReason): Failure => ({
  stopReason,
  failureClass: null,
  code: 'session.cancelled',
  detail: 'as recorded'
})

/** The log and the graph first; then the two states part by part, where the recorded one is kept. */
async function firstDifference(
  closed: NonNullable<SessionHistory['closed']>,
  result: { readonly state_hash: string; readonly stop_reason: StopReason },
  ports: ReplayPorts,
  fabric: ReplayFabric
): Promise<string> {
  const [note] = fabric.notes()
  if (note !== undefined) return note
  if (result.stop_reason !== closed.stopReason)
    return `stop reason ${closed.stopReason} recorded, ${result.stop_reason} replayed`
  const [recorded, replayed] = await Promise.all([
    stateOf(closed.stateHash, ports),
    stateOf(result.state_hash, ports)
  ])
  if (recorded === undefined || replayed === undefined)
    return 'the state hashes differ, and the recorded state is not in the store'
  return differenceAt(recorded, replayed, '') ?? 'the state hashes differ'
}

/** A state is a blob whose digest is the state hash. */
async function stateOf(stateHash: string, { blobs }: ReplayPorts): Promise<unknown> {
  const bytes = await blobs.get(cidOfBlobDigest(hexToBytes(stateHash)))
  return bytes === null ? undefined : decodeCanonical(bytes, { bytesMax: STATE_BYTES_MAX })
}

/** States are a few levels deep: lists of tuples under named keys. */
function differenceAt(left: unknown, right: unknown, path: string): string | null {
  if (isBranch(left) && isBranch(right)) {
    const keys = new Set([...Object.keys(left), ...Object.keys(right)])
    for (const key of keys) {
      const inner = differenceAt(Reflect.get(left, key), Reflect.get(right, key), `${path}/${key}`)
      if (inner !== null) return inner
    }
    return null
  }
  if (left === right) return null
  return `${path}: ${show(left)} recorded, ${show(right)} replayed`
}

const isBranch = (value: unknown): value is object => typeof value === 'object' && value !== null
const show = (value: unknown): string => (JSON.stringify(value) ?? 'nothing').slice(0, 120)
