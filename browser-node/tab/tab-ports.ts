/**
 * What a tab's node needs of its browser. `main.ts` gives it the real ones; tests may give others.
 * Types alone.
 */
import type { Cid, MeshId, Verifier } from '#contracts'
import type { LevelPort } from '#ledger'
import type {
  AgentClock,
  BlobShelf,
  ExecutionEngine,
  MeshNetwork,
  NetworkOptions
} from '#mesh-node/portable'
import type { BackendView, DetailKey, TabLimits } from '../tab-contract.ts'
import type { Sensed } from './limits-machine.ts'

export interface Detail {
  readonly key: DetailKey
  readonly facts: Readonly<Record<string, string>>
}

export type EngineLimits = Pick<TabLimits, 'cpu' | 'gpu' | 'memoryMb'>

/** Runs models in this browser, on what its owner left switched on. */
export interface TabEngine extends ExecutionEngine {
  /** What of this device units may ask for and cost more on; a program that plays a GPU is none. */
  readonly accelerators: readonly string[]
  setLimits(limits: EngineLimits): Promise<void>
  status(): readonly BackendView[]
  /** Calls back when `backends`, `accelerators` or `status()` may have changed; gives a way to end it. */
  subscribe(listener: () => void): () => void
}

export interface OpenShelf {
  readonly shelf: BlobShelf
  close(): void
}

/** A blob from `offset` on, as the page's host sends it. */
export interface HostBlob {
  readonly size: number
  readonly parts: AsyncIterable<Uint8Array>
}

/** The server that the page came from; it may know nothing of any mesh. */
export interface PageHost {
  genesis(mesh: MeshId): Promise<Uint8Array | null>
  /** What the mesh is for and which models it needs, signed. */
  notice(mesh: MeshId): Promise<Uint8Array | null>
  blob(cid: Cid, offset: number, signal: AbortSignal): Promise<HostBlob | null>
}

/** One tab of an origin works: the others wait for its place. */
export interface WorkPlace {
  /** Null where another tab has it; else the way to give it back. */
  claim(): Promise<(() => void) | null>
  /** Resolves when the place may be free. */
  whenFree(): Promise<void>
}

export interface TabPorts {
  readonly clock: AgentClock
  readonly verifier: Verifier
  readonly random: (bytes: number) => Uint8Array
  /** Minutes to add to get the owner's own clock. */
  readonly utcOffsetMin: () => number
  /** What this browser lacks to take part at all; null where it has all. */
  readonly lacks: () => Detail | null
  readonly openLedgerLevel: (mesh: MeshId) => LevelPort
  readonly openShelf: (bytesMax: number) => Promise<OpenShelf>
  readonly openNetwork: (options: NetworkOptions) => Promise<MeshNetwork>
  readonly openEngine: (limits: EngineLimits) => Promise<TabEngine>
  readonly host: PageHost
  readonly place: WorkPlace
  /** Calls back at once and whenever a reading changes; gives a way to end it. */
  readonly sense: (listener: (sensed: Sensed) => void) => () => void
  /** Leaves all that the page holds behind, and opens it as on a first visit. */
  readonly beginAnew: () => void
  /** Our own mistake, found where nobody waits for an answer. */
  readonly fatal: (error: unknown) => void
}
