/**
 * What a session may still ask for. Every unit commits its worst case before it is submitted, and
 * nothing is ever given back: what is left only falls (invariant 2), and whether a unit fits does not
 * depend on the order in which others ended.
 */
import type { GraphBudgets } from '#contracts'
import type { WorstCase } from './unit-maker.ts'

export class SessionBudget {
  readonly #budgets: GraphBudgets
  #committed: WorstCase = { costMicro: 0, tokens: 0, calls: 0 }
  #spentMicro = 0

  constructor(budgets: GraphBudgets) {
    this.#budgets = budgets
  }

  get committed(): WorstCase {
    return this.#committed
  }

  get spentMicro(): number {
    return this.#spentMicro
  }

  /** Commits the worst case; else says which budget it would break, and commits nothing. */
  commit(worst: WorstCase): string | null {
    const next = {
      costMicro: this.#committed.costMicro + worst.costMicro,
      tokens: this.#committed.tokens + worst.tokens,
      calls: this.#committed.calls + worst.calls
    }
    const { max_cost_micro, max_tokens, max_model_calls } = this.#budgets
    if (next.costMicro > max_cost_micro) return `max_cost_micro ${next.costMicro}/${max_cost_micro}`
    if (next.tokens > max_tokens) return `max_tokens ${next.tokens}/${max_tokens}`
    if (next.calls > max_model_calls) return `max_model_calls ${next.calls}/${max_model_calls}`
    this.#committed = next
    return null
  }

  spend(micro: number): void {
    this.#spentMicro += micro
  }
}
