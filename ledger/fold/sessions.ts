/**
 * Sessions as the ledger knows them: whose they are, what they may cost, what they hold and spent,
 * and how they ended. Which entries speak of a session is kept, so that its history can be read
 * from the log again; the units themselves are not held here.
 */
import {
  assert,
  type EntryBody,
  moveSession,
  type SessionId,
  type SessionState,
  type StopReason
} from '#contracts'

export interface SessionSummary {
  readonly session: SessionId
  readonly tenant: string
  readonly requestId: string
  readonly graphCid: string
  readonly inputsCid: string
  readonly maxCostMicro: number
  readonly openedAtMs: number
  readonly state: SessionState
  readonly stopReason: StopReason | null
  readonly stateHash: string | null
  readonly reservedMicro: number
  readonly postedMicro: number
  /** Paid once, and taken back from escrow since. */
  readonly returnedMicro: number
  /** Attempts by what became of them. */
  readonly attempts: {
    readonly reserved: number
    readonly posted: number
    readonly voided: number
  }
}

export interface SessionRow {
  readonly index: number
  readonly body: EntryBody<'session.opened'>
  readonly tenantAccount: number
  state: SessionState
  stopReason: StopReason | null
  stateHash: string | null
  reservedMicro: number
  postedMicro: number
  /** Paid once, and taken back from escrow since. */
  returnedMicro: number
  reserved: number
  posted: number
  voided: number
  /** Rows of the attempt table. */
  readonly rows: number[]
  /** Entries of the sequencer's log that speak of this session. */
  readonly seqs: number[]
}

const stateOfStop = (reason: StopReason): SessionState =>
  reason === 'success' ? 'completed' : reason === 'cancelled' ? 'cancelled' : 'failed'

export class Sessions {
  readonly #rows: SessionRow[] = []
  readonly #indices = new Map<SessionId, number>()

  open(body: EntryBody<'session.opened'>, tenantAccount: number): SessionRow {
    assert(!this.#indices.has(body.session), 'a session opens once')
    const row: SessionRow = {
      index: this.#rows.length,
      body,
      tenantAccount,
      state: moveSession('initialized', 'running'),
      stopReason: null,
      stateHash: null,
      reservedMicro: 0,
      postedMicro: 0,
      returnedMicro: 0,
      reserved: 0,
      posted: 0,
      voided: 0,
      rows: [],
      seqs: []
    }
    this.#indices.set(body.session, row.index)
    this.#rows.push(row)
    return row
  }

  close(row: SessionRow, { stop_reason, state_hash }: EntryBody<'session.closed'>): void {
    row.state = moveSession(row.state, stateOfStop(stop_reason))
    row.stopReason = stop_reason
    row.stateHash = state_hash
  }

  find(session: SessionId): SessionRow | undefined {
    const index = this.#indices.get(session)
    return index === undefined ? undefined : this.#rows[index]
  }

  /** By the index that attempts name. */
  at(index: number): SessionRow {
    const row = this.#rows[index]
    assert(row !== undefined, 'an attempt is of a session that was opened')
    return row
  }

  /** In the order in which they were opened. */
  summaries(): readonly SessionSummary[] {
    return this.#rows.map(summaryOf)
  }
}

export function summaryOf(row: SessionRow): SessionSummary {
  const { body } = row
  return {
    session: body.session,
    tenant: body.tenant,
    requestId: body.request_id,
    graphCid: body.graph_cid,
    inputsCid: body.inputs_cid,
    maxCostMicro: body.max_cost_micro,
    openedAtMs: body.opened_at_ms,
    state: row.state,
    stopReason: row.stopReason,
    stateHash: row.stateHash,
    reservedMicro: row.reservedMicro,
    postedMicro: row.postedMicro,
    returnedMicro: row.returnedMicro,
    attempts: { reserved: row.reserved, posted: row.posted, voided: row.voided }
  }
}
