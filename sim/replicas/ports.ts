/** What replicas need of the mesh around them: its time, and whose log it is that they keep. */
import type { EntryContent, PeerId, SignedGenesis } from '#contracts'
import type { Keys } from '../kernel/signing.ts'

/** Kinds of events that are theirs, as they stand in the trace. */
export type ReplicaEvent = 'disk' | 'timer' | 'link' | 'fault' | 'sync'

export interface ReplicaTime {
  readonly nowUs: number
  /** `digest`: what it is about, for the trace. */
  readonly after: (
    us: number,
    host: number,
    event: ReplicaEvent,
    digest: number,
    act: () => void
  ) => void
}

/** The log that the control node writes. */
export interface WrittenLog {
  readonly gateway: PeerId
  readonly genesis: SignedGenesis
  readonly keys: Keys
  readonly incarnation: Uint8Array
  onAppend: ((contents: readonly EntryContent[]) => void) | null
}
