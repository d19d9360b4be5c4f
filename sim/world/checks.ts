/**
 * The rules that hold in every run, whatever goes wrong in it, looked at as things happen. Each keeps
 * its own books from what the machines say, and believes none of them.
 */
import {
  AssertionFailure,
  assert,
  type EntryContent,
  type LeaseId,
  type UnitId,
  type UnitOutcome
} from '#contracts'
import type { LedgerFold } from '#ledger'
import type { Violation } from './report.ts'

/** Violations that are kept: one is enough to fail, and a flood tells no more. */
const KEPT_MAX = 100

/** What an attempt of a unit holds of the tenant's money. */
type Hold = 'reserved' | 'accepted' | 'voided'

export class Checks {
  readonly violations: Violation[] = []
  readonly #nowMs: () => number
  readonly #outcomes = new Map<UnitId, UnitOutcome>()
  /** Since the control node began anew: it says each end again, and only once. */
  readonly #said = new Set<UnitId>()
  readonly #executed = new Set<LeaseId>()
  readonly #holds = new Map<string, Hold>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  get ended(): number {
    return this.#said.size
  }
  outcomes(): Iterable<UnitOutcome> {
    return this.#outcomes.values()
  }

  /** Each unit ends once; a control node that began anew says the same of it again. */
  outcome(outcome: UnitOutcome): void {
    const { unitId, status, outputCid } = outcome
    const before = this.#outcomes.get(unitId)
    const isSame = before?.status === status && before.outputCid === outputCid
    if (this.#said.has(unitId)) this.#broken('one_end', unitId)
    else if (before !== undefined && !isSame) {
      this.#broken('one_end', `${unitId}: ${before.status}, and ${status} after a restart`)
    }
    this.#said.add(unitId)
    this.#outcomes.set(unitId, outcome)
  }

  /** Damage is told by the product before it goes on from it; null: it was not. */
  damaged(damage: string, code: string | null): void {
    if (code === null) this.#broken('damage_told', damage)
  }

  /** What is folded from the disk is what was in memory. */
  reopened(isSame: boolean): void {
    if (!isSame) this.#broken('same_from_disk', 'the disk gives another state')
    this.#said.clear()
  }

  /** No lease runs twice. */
  executed(lease: LeaseId): void {
    if (this.#executed.has(lease)) this.#broken('one_execution', lease)
    this.#executed.add(lease)
  }

  /** An attempt reserves once, and is then paid once or given back once. */
  recorded(content: EntryContent): void {
    switch (content.kind) {
      case 'units.reserved':
        for (const item of content.body.items) this.#move(item, undefined, 'reserved')
        break
      case 'units.accepted':
        for (const item of content.body.items) this.#move(item, 'reserved', 'accepted')
        break
      case 'units.voided':
        for (const item of content.body.items) this.#move(item, 'reserved', 'voided')
        break
      default:
        break
    }
  }

  /** Credits sum to zero, and the fold takes all that the gateway records. */
  folded(fold: LedgerFold): void {
    try {
      fold.assertBalanced()
    } catch (error) {
      if (!(error instanceof AssertionFailure)) throw error
      this.#broken('sum_zero', error.message)
    }
    const refused = fold.rejections()
    const latest = refused.at(-1)
    if (latest !== undefined) this.#broken('fold_takes_all', JSON.stringify(latest))
  }

  /** At the end: every unit has ended, and nothing is held for any. */
  finished(units: number): void {
    if (this.#said.size !== units) {
      this.#broken('all_end', `${this.#said.size} of ${units} units have ended`)
    }
    let open = 0
    for (const hold of this.#holds.values()) if (hold === 'reserved') open += 1
    if (open > 0) this.#broken('nothing_held', `${open} attempts still hold credit`)
  }

  #move(
    item: { readonly unit: UnitId; readonly attempt: number },
    from: Hold | undefined,
    to: Hold
  ): void {
    const key = `${item.unit} ${item.attempt}`
    const was = this.#holds.get(key)
    if (was !== from) this.#broken('one_payment', `${key}: ${was ?? 'nothing'} became ${to}`)
    this.#holds.set(key, to)
  }

  #broken(rule: string, detail: string): void {
    assert(rule.length > 0, 'a rule has a name')
    if (this.violations.length >= KEPT_MAX) return
    this.violations.push({ rule, at_ms: this.#nowMs(), detail })
  }
}
