/**
 * What a control node does for whoever asks: the same for the process it runs in, over HTTP on this
 * machine, and over a link from another operator's machine.
 * Everything here is plain JSON data, as `--json` prints it; names are the contract's snake_case.
 */
import type { ExecutionRecord, SessionId } from '#contracts'
import type { SessionProgress } from '../session/progress.ts'
import type { SessionResult, SessionUnitRow } from '../session/session-result.ts'

export interface BillLine {
  readonly unit: string
  readonly attempt: number
  readonly node: string
  readonly item: string
  readonly micro: number
}

export interface BillDocument {
  readonly session: string | null
  readonly lines: readonly BillLine[]
  readonly total_micro: number
  /** Every account's posted balance; they sum to zero. */
  readonly balances: Readonly<Record<string, number>>
  readonly sum_micro: number
  /** Pay that checks may still take back, of nodes that have such; documents of before lack it. */
  readonly escrow?: readonly EscrowDocument[] | undefined
}
export type BalancesDocument = Pick<BillDocument, 'balances' | 'sum_micro' | 'escrow'>

/** What a node has in escrow, and how many of its results must be checked until it is final. */
export interface EscrowDocument {
  readonly node: string
  readonly micro: number
  readonly checks_first: number
  readonly checks_all: number
}

/** A session as it ended: KORA's own result, its outputs as JSON, and what the ledger says of it. */
export interface SessionDocument extends Omit<SessionResult, 'outputs'> {
  readonly mesh: string | null
  readonly status: 'completed' | 'failed' | 'cancelled'
  readonly outputs: Readonly<Record<string, unknown>>
  /** Outputs as files, whole: path by file name. */
  readonly files: Readonly<Record<string, string>>
  /** Receipts in the ledger whose signature and path were checked. */
  readonly receipts_checked: number
  readonly bill: BillDocument | null
}

export type UnitRow = SessionUnitRow

export interface SessionRowDocument {
  readonly session: string
  readonly graph_id: string
  readonly status: string
  readonly units_done: number
  readonly units_total: number
  readonly spent_micro: number
}

export interface ReplayDocument {
  readonly session: string
  readonly state_hash: string
  readonly replay_hash: string
  readonly ledger_digest: string
  readonly replay_ledger_digest: string
  /** Every unit ended as it was told. */
  readonly telemetry_equal: boolean
  readonly equal: boolean
  readonly difference: string | null
}

export const NODE_STANDINGS = [
  'forked',
  'own',
  'believed',
  'proving',
  'suspect',
  'convicted',
  'scored'
] as const
export type NodeStandingName = (typeof NODE_STANDINGS)[number]

export interface NodeDocument {
  readonly node: string
  readonly owner: string
  readonly state: string
  readonly health_milli: number
  readonly trust_milli: number
  /** Of a mesh on probation; `scored` elsewhere. */
  readonly standing: NodeStandingName
  /** Checked results until its word is taken. */
  readonly checks_needed: number
  readonly running: number
  readonly slots: number
  readonly models: number
}

export interface StatusDocument {
  readonly mesh: string
  readonly peer_id: string
  readonly addresses: readonly string[]
  readonly sessions: readonly SessionRowDocument[]
  readonly nodes: readonly NodeDocument[]
}

export interface ExplainDocument {
  readonly unit: string
  readonly state: string
  readonly attempts: readonly ExecutionRecord[]
  /** Which rule keeps which node from running it. */
  readonly refusals: readonly {
    readonly node: string
    readonly rule: string
    readonly detail: string
  }[]
  readonly next: string
}

/** A graph and its inputs as text and bytes, so that both sides read them with the same parser. */
export interface Submission {
  readonly graph: Uint8Array
  /** Bytes of files, or JSON text, by input name; which it is, the graph says. */
  readonly inputs: Readonly<Record<string, Uint8Array>>
  readonly useCache: boolean
  /** Where the graph names none: the same request again is the same session. Drawn where absent. */
  readonly requestId?: string
}

/** Sessions: what a tenant may ask of a control node. */
export interface SessionService {
  submit(submission: Submission): Promise<SessionId>
  /** Progress until the session ends or `signal` is aborted; nothing where it does not run. */
  follow(session: SessionId, signal?: AbortSignal): AsyncIterable<SessionProgress>
  /** Resolves when the session has ended. */
  result(session: SessionId): Promise<SessionDocument>
  cancel(session: SessionId): Promise<void>
  status(): Promise<StatusDocument>
  explain(unit: string): Promise<ExplainDocument>
  replay(session: SessionId): Promise<ReplayDocument>
  /** Of one session; of all where none is named. */
  bill(session: SessionId | null): Promise<BillDocument>
}

/** And the ledger: what only the operator asks. */
export interface ControlService extends SessionService {
  verifyLedger(): Promise<LedgerReportDocument>
  balances(): Promise<BalancesDocument>
  /** Every entry in the order of the fold, as JSON text, one at a time. */
  exportLedger(): AsyncIterable<string>
}

export interface LedgerReportDocument {
  readonly ok: boolean
  readonly mesh: string
  readonly logs: number
  readonly heads: number
  readonly entries: number
  readonly digest: string
  readonly sum_micro: number
  readonly rejections: readonly { readonly rule: string; readonly count: number }[]
  readonly faults: readonly { readonly log: string; readonly seq: number; readonly what: string }[]
}
