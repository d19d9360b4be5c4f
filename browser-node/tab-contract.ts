/**
 * What the page knows of the tab's node, and the node of the page: one view to draw, one set of
 * commands, plain data throughout. The node never touches the document; the page holds no protocol
 * state and computes no money.
 */
import type { Cid, LeaseId, PeerId, UnitId } from '#contracts'

/** Where the tab stands. `waiting` joins and has no unit; `blocked` cannot work here, `detail` says why. */
export const TAB_PHASES = [
  'consent',
  'joining',
  'waiting',
  'working',
  'paused',
  'finishing',
  'blocked',
  'elsewhere'
] as const
export type TabPhase = (typeof TAB_PHASES)[number]

/** Why the tab does not take work although it was started. Each but `owner` is lifted by override(). */
export const HOLD_RULES = [
  'owner',
  'battery',
  'metered',
  'schedule',
  'unit_limit',
  'download_cap',
  'offline',
  'hidden'
] as const
export type HoldRule = (typeof HOLD_RULES)[number]

/**
 * Why the tab is idle or cannot work, each with a sentence in `page/strings.ts` that says what to
 * do. In braces: the facts that the sentence names, already written for people.
 */
export const DETAIL_KEYS = [
  /** Joining: no peer has answered so far. */
  'joining.dialling',
  /** Joining: the connection was lost, next try {in_s} seconds from now. */
  'joining.reconnecting',
  'waiting.no_work',
  /** Model {model} is being fetched. */
  'waiting.fetching_model',
  /** Model {model} is being tried on this device. */
  'waiting.checking_model',
  /** No backend passed for {model}. */
  'waiting.no_backend',
  /** A unit wants {needed} of memory, {allowed} is allowed. */
  'waiting.memory',
  /** CPU and GPU are both switched off. */
  'waiting.all_off',
  /** The mesh does not give this node work: {reason}. */
  'waiting.not_trusted',
  /** The address of the page names no mesh. */
  'blocked.no_link',
  /** It names one that cannot be read: {fault}. */
  'blocked.bad_link',
  /** Who answers there belongs to another mesh: {found}. */
  'blocked.other_mesh',
  /** Not https and not localhost. */
  'blocked.insecure',
  'blocked.no_wasm',
  /** Nothing that hashes and encrypts. */
  'blocked.no_crypto',
  'blocked.no_workers',
  /** Neither WebRTC nor WebSocket. */
  'blocked.no_transport',
  /** The browser keeps nothing for this page: {fault}. */
  'blocked.no_storage',
  'blocked.storage_full',
  /** What was kept was cleared under the tab. */
  'blocked.cleared',
  /** The clock of this machine is off by {off}. */
  'blocked.clock',
  /** Anything else: {fault}. */
  'blocked.failed',
  'elsewhere.other_tab'
] as const
export type DetailKey = (typeof DETAIL_KEYS)[number]

export interface Hold {
  readonly rule: HoldRule
  /** When the hold ends by itself, where that is known. */
  readonly untilMs: number | null
}

/** Minutes of the local day; `from` after `to` runs over midnight. */
export interface DailyHours {
  readonly fromMin: number
  readonly toMin: number
}

/** What the owner of the machine allows. Kept from visit to visit. */
export interface TabLimits {
  /** Share of the time in which units may run, per cent, 10 to 100. */
  readonly intensityPercent: number
  readonly cpu: boolean
  readonly gpu: boolean
  /** Serve as a pod: take the models of the higher tiers too, where the memory suffices. */
  readonly largeModels: boolean
  readonly memoryMb: number
  /** Bytes fetched in one calendar day, MiB. */
  readonly downloadMbPerDay: number
  /** Models and blobs kept in this browser, MiB. */
  readonly cacheMb: number
  readonly pauseOnBattery: boolean
  readonly pauseOnMetered: boolean
  readonly schedule: DailyHours | null
  /** Pause by itself after so many units; null: go on. */
  readonly stopAfterUnits: number | null
}

/** The widest limits that make sense; the page offers no others and the tab takes no others. */
export const LIMIT_BOUNDS = {
  /** Below a tenth a unit takes so long that its lease ends. */
  intensityPercent: { min: 10, max: 100 },
  /** A browser tab is ended by its browser not far above 4 GiB; the smallest model needs some 200 MiB. */
  memoryMb: { min: 256, max: 4096 },
  downloadMbPerDay: { min: 50, max: 100_000 },
  cacheMb: { min: 50, max: 20_000 },
  stopAfterUnits: { min: 1, max: 100_000 }
} as const

export interface BackendView {
  readonly provider: 'wasm' | 'webgpu'
  readonly state: 'ready' | 'unavailable' | 'off' | 'checking'
  /** Adapter or threads where ready; else why not. */
  readonly detail: string
}

export interface ModelView {
  readonly cid: Cid
  readonly name: string
  readonly bytes: number
  /** Bytes here so far; equal to `bytes` where it is all here. */
  readonly bytesHeld: number
  readonly state: 'fetching' | 'checking' | 'ready' | 'refused'
  /** The provider that passed the golden vectors on this device; null before that. */
  readonly provider: 'wasm' | 'webgpu' | null
  /** Why a provider, or the whole model, was refused; empty where none was. */
  readonly reason: string
}

/** A model that the mesh names to whoever is asked to help; nothing of it is here yet. */
export interface OfferedModel {
  readonly cid: Cid
  readonly name: string
  readonly licence: string
  readonly bytes: number
}

export interface CurrentUnit {
  readonly lease: LeaseId
  readonly unit: UnitId
  readonly task: string
  readonly tenant: string
  readonly purpose: string
  readonly model: string | null
  readonly provider: 'wasm' | 'webgpu' | null
  /** From 0 to 1; null where the runner does not tell. */
  readonly progress: number | null
  readonly startedMs: number
}

/** One finished unit; `credit` follows it through the ledger. */
export interface UnitLine {
  readonly unit: UnitId
  readonly lease: LeaseId
  readonly task: string
  readonly model: string | null
  readonly endedMs: number
  readonly ranMs: number
  readonly state: 'in_verification' | 'escrow' | 'cleared' | 'rejected' | 'lost'
  readonly creditMicro: number
  /** Why it was rejected or lost; empty otherwise. */
  readonly reason: string
  readonly hasReceipt: boolean
}

export interface TrustView {
  readonly scorePermille: number
  readonly state: string
  /** The score at which something changes, and what changes there; null at the top. */
  readonly next: { readonly scorePermille: number; readonly what: string } | null
  readonly changes: readonly {
    readonly atMs: number
    readonly deltaPermille: number
    readonly reason: string
  }[]
}

/** A minute of work, for the plot. */
export interface HistoryPoint {
  readonly atMs: number
  readonly units: number
  readonly creditMicro: number
  readonly downBytes: number
  readonly upBytes: number
}

export interface TabView {
  readonly phase: TabPhase
  /** The sentence's key and facts behind the phase: why idle, what blocks. See strings.ts. */
  readonly detail: {
    readonly key: DetailKey
    readonly facts: Readonly<Record<string, string>>
  } | null
  readonly holds: readonly Hold[]
  readonly mesh: {
    readonly id: string
    readonly name: string
    readonly operator: string
    /** What the mesh is for, in its operator's words; empty where it does not say. */
    readonly purpose: string
    /** What its work needs, as far as its operator says before anybody joins. */
    readonly models: readonly OfferedModel[]
  }
  readonly peerId: PeerId | null
  readonly peers: number
  /** How the tab reaches the mesh now, e.g. `webrtc-direct`. */
  readonly transports: readonly string[]
  readonly backends: readonly BackendView[]
  readonly models: readonly ModelView[]
  readonly current: readonly CurrentUnit[]
  readonly counts: {
    readonly done: number
    readonly rejected: number
    readonly waiting: number
    readonly lost: number
  }
  /** Units per minute after the first of each model; null before that. */
  readonly unitsPerMinute: number | null
  readonly traffic: {
    readonly downBytes: number
    readonly upBytes: number
    readonly downToday: number
  }
  readonly creditMicro: {
    readonly inVerification: number
    readonly escrow: number
    readonly cleared: number
  }
  readonly lines: readonly UnitLine[]
  readonly trust: TrustView | null
  readonly history: readonly HistoryPoint[]
  readonly limits: TabLimits
  readonly cacheBytes: number
}

export interface DonateTab {
  view(): TabView
  /** Calls back after a change, a few times a second at most; gives a way to end it. */
  subscribe(listener: (view: TabView) => void): () => void
  /** The owner's consent: joins the mesh and takes work. */
  start(): Promise<void>
  /** No work within 250 ms: running units are handed back. The connection stays. */
  pause(): Promise<void>
  /** Finishes what runs, takes nothing new, then pauses. */
  finishThenPause(): void
  /** Lifts this hold until it would begin anew. */
  override(rule: HoldRule): void
  setLimits(change: Partial<TabLimits>): Promise<void>
  /** The signed receipt of an accepted unit, as a file; throws `receipt.*` where there is none. */
  receipt(unit: UnitId): Promise<Uint8Array>
  /** Leaves the mesh and closes what it holds. */
  close(): Promise<void>
}

/** `openDonateTab` of `tab/main.ts`: reads the link in the page's address; its faults are in the view. */
export type OpenDonateTab = (href: string) => Promise<DonateTab>

/** What a receipt file is held to, in this order; a failed rule ends the check. */
export const RECEIPT_RULES = [
  /** The file is a receipt, in a version that is known, in canonical bytes. */
  'file',
  /** The genesis in it is signed by its operator and makes the mesh id that the receipt names. */
  'mesh',
  /** The node's signature over the batch of results is right. */
  'signature',
  /** This very result is in the signed batch. */
  'path',
  /** What was attested has the shape that the rules of the mesh ask for. */
  'attestation',
  /** The node that is named is the one that signed. */
  'signer',
  /** A gateway's signed record says that the result was accepted. */
  'acceptance'
] as const
export type ReceiptRule = (typeof RECEIPT_RULES)[number]

/** What `verifyReceipt(bytes)` of `tab/receipt.ts` finds; it asks nobody and throws at no file. */
export interface ReceiptReport {
  /** The rule that failed and the error code behind it; null for a genuine receipt. */
  readonly failed: { readonly rule: ReceiptRule; readonly code: string } | null
  /** What the receipt says; null where it could not be read that far. Believe it only if none failed. */
  readonly facts: {
    readonly meshId: string
    readonly meshName: string
    readonly node: PeerId
    readonly unit: UnitId
    readonly lease: LeaseId
    readonly model: Cid | null
    readonly output: Cid
    readonly runtime: string
    readonly startedMs: number
    readonly finishedMs: number
  } | null
}
