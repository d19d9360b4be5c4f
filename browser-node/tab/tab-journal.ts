/**
 * Writes down what the agent reports: units from the grant to the verdict, minutes, and how models
 * came out. Acts on nothing.
 */
import { assertNever } from '#contracts'
import type { Verdicts } from '#mesh-node/core'
import type { AgentReport } from '#mesh-node/portable'
import type { TabMemory } from './tab-memory.ts'
import type { TabModels } from './tab-models.ts'
import { UnitRate } from './unit-rate.ts'

export interface TabJournalParts {
  readonly memory: TabMemory
  readonly models: TabModels
  readonly nowMs: () => number
}

export class TabJournal {
  readonly #parts: TabJournalParts
  readonly #rate = new UnitRate()

  constructor(parts: TabJournalParts) {
    this.#parts = parts
  }

  get unitsPerMinute(): number | null {
    return this.#rate.perMinute()
  }

  /** `isLetGo`: units that end now were handed back by their owner. */
  report(report: AgentReport, { isLetGo }: { readonly isLetGo: boolean }): void {
    const { memory, models } = this.#parts
    const { units } = memory
    const nowMs = this.#parts.nowMs()
    switch (report.type) {
      case 'offered':
        units.offered(report.offers)
        return
      case 'event': {
        const { type, work_unit_id: unit, attempt } = report.event
        if (type !== 'workunit.started' || unit === null || attempt === null) return
        units.started(unit, attempt, nowMs)
        return
      }
      case 'ran':
        for (const { lease } of report.results) this.#rate.ran(units.modelOf(lease), nowMs)
        units.ran(report.results, nowMs)
        return
      case 'run-failed':
        units.failed(report.lease, report.code)
        return
      case 'judged':
        this.#judged(report.verdicts)
        return
      case 'leases-ended':
        units.ended(report.leases, { nowMs, why: isLetGo ? 'released' : 'expired' })
        return
      case 'model':
        models.tried(report.model, report.trials)
        return
      case 'gateway':
      case 'frame-refused':
      case 'ledger-refused':
      case 'forked':
      case 'record-failed':
        return
      default:
        assertNever(report)
    }
  }

  #judged(verdicts: Verdicts): void {
    const { memory } = this.#parts
    const nowMs = this.#parts.nowMs()
    memory.units.judged(verdicts, nowMs)
    for (const { verdict, earned_micro } of verdicts) {
      if (verdict === 'accepted') memory.traffic(nowMs, { units: 1, creditMicro: earned_micro })
    }
  }
}
