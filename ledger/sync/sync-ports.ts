/** What sync needs of the house around it: links, topics, a ledger and time. Types alone. */
import type { MeshError, PeerId, Verifier } from '#contracts'
import type { ForkBook } from '../fork-book.ts'
import type { Ledger } from '../ledger.ts'

/** The part of a mesh link that sync uses. */
export interface SyncLink {
  readonly peer: PeerId
  /** False: full, wait for `drained` before the next. */
  send(frame: Uint8Array): boolean
  drained(): Promise<void>
  onFrame(listener: (frame: Uint8Array) => void): void
  onClose(listener: (fault: MeshError | null) => void): void
  close(): Promise<void>
}

/** The part of a ledger's book of forks that sync uses. */
export type SyncedForks = Pick<
  ForkBook,
  'logs' | 'provable' | 'isProvable' | 'has' | 'concerns' | 'proof' | 'open' | 'take' | 'onFork'
>

/** The part of a ledger that sync uses. */
export type SyncedLedger = Pick<
  Ledger,
  'genesis' | 'sequencerLog' | 'heads' | 'head' | 'onEntries' | 'receive' | 'bundle'
> & { readonly forks: SyncedForks }

/** News of logs, and what shows that an author said two things. */
export type SyncTopic = 'ledger' | 'fork'

export interface SyncPorts {
  readonly ledger: SyncedLedger
  readonly verifier: Verifier
  /** Gossips one message on a topic of the mesh. */
  readonly publish: (topic: SyncTopic, bytes: Uint8Array) => Promise<void>
  readonly nowMs: () => number
  /** Calls back once at or after `atMs`; gives the way to cancel. */
  readonly setTimer: (atMs: number, fire: () => void) => () => void
  readonly onRefused?: (refused: { readonly peer: PeerId; readonly error: MeshError }) => void
  /** Nothing that this peer holds is missing here. */
  readonly onSynced?: (peer: PeerId) => void
}

export type NewsVerdict = 'accept' | 'reject' | 'ignore'
