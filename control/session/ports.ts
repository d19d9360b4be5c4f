/**
 * What a session's driver may touch. A fabric is made for its listener, so that a gateway that serves
 * many sessions and the engine of Studio fit alike.
 */
import type {
  Blobs,
  Cid,
  EventDraft,
  Fabric,
  FabricSignal,
  StageRecord,
  TaskGraph,
  Value,
  ValueMap
} from '#contracts'
import type { ResultCache } from '../cache/result-cache.ts'
import type { Failure } from '../conductor/messages.ts'
import type { ModelTable } from '../registry/model-table.ts'
import type { SessionJudge } from '../verify/judge.ts'
import type { SessionProgress } from './progress.ts'
import type { SessionNames } from './session-ids.ts'

export interface Clock {
  nowMs(): number
  /** Calls back once after that time; the function given back calls it off. */
  after(ms: number, fire: () => void): () => void
  /** Lets everything that waits have its turn. */
  turn(): Promise<void>
}

/** `putVolatile`, where there is one, keeps inputs that could be made again after a crash. */
export interface SessionBlobs extends Blobs {
  putVolatile?(bytes: Uint8Array, cid?: Cid): Promise<Cid>
}

export interface SessionPorts {
  readonly fabric: (listener: (signal: FabricSignal) => void) => Fabric | Promise<Fabric>
  readonly blobs: SessionBlobs
  /** null: every unit is run. */
  readonly cache: ResultCache | null
  /** Runs a deterministic handler by name. */
  readonly handle: (handler: string, args: Value) => Value
  readonly models: ModelTable
  readonly judge: SessionJudge
  readonly clock: Clock
  /** A request id that nobody has used; asked for where neither graph nor caller name one. */
  readonly freshId: () => string
}

export interface SessionOptions {
  readonly graph: TaskGraph
  /** By name, as the graph declares them: bytes of files, JSON values. */
  readonly inputs: ValueMap
  readonly requestId?: string
  /** Where the caller has named the session already: it takes a hash of all inputs. */
  readonly names?: SessionNames
  readonly onProgress?: (progress: SessionProgress) => void
  readonly onEvent?: (event: EventDraft) => void
  readonly onStage?: (record: StageRecord) => void
  /** Nodes that are ready to work, for progress; 1 where absent. */
  readonly nodes?: () => number
  readonly signal?: AbortSignal
  /** What an abort of `signal` stands for; cancelled by the caller where absent. */
  readonly stopsWith?: Failure
  /** What a session waits for last words after it was stopped. */
  readonly graceMs?: number
}
