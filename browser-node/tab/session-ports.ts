/** What a session in a mesh is given, and what it tells. Types alone. */
import type { Cid, MeshId, SignedGenesis } from '#contracts'
import type { AgentReport, MeshNetwork, TrafficMeter, TrialRecord } from '#mesh-node/portable'
import type { TabLimits } from '../tab-contract.ts'
import type { GateNews } from './gated-engine.ts'
import type { Profile } from './profile.ts'

export interface SessionOptions {
  readonly mesh: MeshId
  readonly peers: readonly string[]
  readonly limits: TabLimits
  readonly profile: Profile
  readonly trials: TrialRecord
}

/** What the tab hears of it. */
export interface SessionNews extends GateNews {
  readonly report: (report: AgentReport) => void
  readonly changed: () => void
  readonly traffic: TrafficMeter
  /** Whether the agent knows a model of this id. */
  readonly isModel: (cid: Cid) => boolean
  readonly guardFetch: () => void
  readonly fetching: (cid: Cid, bytes: number) => void
  readonly genesis: (genesis: SignedGenesis) => void
  readonly network: (network: MeshNetwork) => void
}
