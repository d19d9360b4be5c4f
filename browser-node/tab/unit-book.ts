/**
 * What became of each unit in this tab, from the grant to the verdict: told by the agent's reports,
 * kept as one line each. Knows no credit: that is the ledger's to say.
 */
import { z } from 'zod'
import {
  AGENT_RESULTS_MAX,
  type Cid,
  isCid,
  type LeaseId,
  NAME_CHARS_MAX,
  parseLeaseId,
  parseUnitId,
  type UnitId
} from '#contracts'
import type { AgentOffer, RunResult, Verdicts } from '#mesh-node/core'

export const UNIT_STAGES = ['delivered', 'accepted', 'rejected', 'lost'] as const
export type UnitStage = (typeof UNIT_STAGES)[number]

/** Lines of finished units; the page shows the newest. */
export const UNIT_LINES_MAX = 500

export interface UnitRecord {
  readonly lease: LeaseId
  readonly unit: UnitId
  readonly attempt: number
  readonly task: string
  readonly tenant: string
  readonly model: Cid | null
  readonly stage: UnitStage
  readonly endedMs: number
  readonly ranMs: number
  readonly reason: string
}

const name = z.string().max(NAME_CHARS_MAX)
/** As it is kept from visit to visit. */
export const StoredRecord = z.strictObject({
  lease: name.transform(parseLeaseId),
  unit: name.transform(parseUnitId),
  attempt: z.int(),
  task: name,
  tenant: name,
  model: name.nullable().transform((cid) => (cid !== null && isCid(cid) ? cid : null)),
  stage: z.enum(UNIT_STAGES),
  endedMs: z.number(),
  ranMs: z.number(),
  reason: name
})

export interface HeldUnit {
  readonly lease: LeaseId
  readonly unit: UnitId
  readonly attempt: number
  readonly task: string
  readonly tenant: string
  readonly graph: string
  readonly model: Cid | null
  /** Null until it runs. */
  startedMs: number | null
  failure: string
}

export class UnitBook {
  /** Leased and not over; a few that the agent did not take are among them until they are pushed out. */
  readonly #held = new Map<LeaseId, HeldUnit>()
  /** Over, or waiting for a verdict, the oldest first. */
  readonly #records = new Map<LeaseId, UnitRecord>()
  readonly #changed: (record: UnitRecord) => void
  readonly #dropped: (record: UnitRecord) => void

  constructor(
    kept: readonly UnitRecord[],
    on: {
      readonly changed: (record: UnitRecord) => void
      readonly dropped: (record: UnitRecord) => void
    }
  ) {
    this.#changed = on.changed
    this.#dropped = on.dropped
    for (const record of kept) this.#records.set(record.lease, record)
  }

  offered(offers: readonly AgentOffer[]): void {
    for (const { lease, attempt, unit } of offers) {
      if (this.#held.has(lease)) continue
      const { task_id: task, tenant_id: tenant, graph_id: graph, model } = unit.unit
      const oldest = this.#held.keys().next()
      if (this.#held.size >= AGENT_RESULTS_MAX && !oldest.done) this.#held.delete(oldest.value)
      this.#held.set(lease, {
        ...{ lease, unit: unit.id, attempt, task, tenant, graph, model: model.cid },
        startedMs: null,
        failure: ''
      })
    }
  }

  started(unit: UnitId, attempt: number, nowMs: number): void {
    for (const held of this.#held.values()) {
      if (held.unit === unit && held.attempt === attempt) held.startedMs ??= nowMs
    }
  }

  ran(results: readonly RunResult[], nowMs: number): void {
    for (const { lease, usage } of results) {
      const held = this.#held.get(lease)
      if (held === undefined) continue
      this.#held.delete(lease)
      this.#record(held, { stage: 'delivered', endedMs: nowMs, ranMs: usage.wall_ms, reason: '' })
    }
  }

  failed(lease: LeaseId, code: string): void {
    const held = this.#held.get(lease)
    if (held !== undefined) held.failure = code
  }

  judged(verdicts: Verdicts, nowMs: number): void {
    for (const { lease_id: lease, verdict, reason } of verdicts) {
      const record = this.#records.get(lease)
      if (record?.stage !== 'delivered') continue
      const stage = verdict === 'redundant' ? 'lost' : verdict
      const why = verdict === 'accepted' ? '' : reason
      this.#put({ ...record, stage, reason: why, endedMs: nowMs })
    }
  }

  /** Over on this node; what had no verdict until now gets none. `why` is said of what was handed back. */
  ended(leases: readonly LeaseId[], { nowMs, why }: { nowMs: number; why: string }): void {
    for (const lease of leases) {
      const record = this.#records.get(lease)
      if (record?.stage === 'delivered')
        this.#put({ ...record, stage: 'lost', reason: 'no_verdict' })
      const held = this.#held.get(lease)
      this.#held.delete(lease)
      if (held === undefined || (held.startedMs === null && held.failure === '')) continue
      const ranMs = nowMs - (held.startedMs ?? nowMs)
      const reason = held.failure === '' ? why : held.failure
      this.#record(held, { stage: 'lost', endedMs: nowMs, ranMs, reason })
    }
  }

  modelOf(lease: LeaseId): Cid | null {
    return this.#held.get(lease)?.model ?? null
  }

  /** What runs now. */
  running(): readonly (HeldUnit & { readonly startedMs: number })[] {
    return [...this.#held.values()].flatMap((held) =>
      held.startedMs === null ? [] : [{ ...held, startedMs: held.startedMs }]
    )
  }

  find(unit: UnitId): UnitRecord | undefined {
    return this.lines().find((record) => record.unit === unit && record.stage !== 'lost')
  }

  /** The newest first. */
  lines(): readonly UnitRecord[] {
    return [...this.#records.values()].reverse()
  }

  #record(held: HeldUnit, end: Pick<UnitRecord, 'stage' | 'endedMs' | 'ranMs' | 'reason'>): void {
    const { lease, unit, attempt, task, tenant, model } = held
    this.#put({ lease, unit, attempt, task, tenant, model, ...end })
  }

  #put(record: UnitRecord): void {
    this.#records.set(record.lease, record)
    this.#changed(record)
    const oldest = this.#records.values().next()
    if (this.#records.size <= UNIT_LINES_MAX || oldest.done) return
    this.#records.delete(oldest.value.lease)
    this.#dropped(oldest.value)
  }
}
