/**
 * Invariant 2: a budget never increases, along any path, retry, escalation or fan-out. From the graph
 * to its units, from a unit to each of its leases, and from one line of the log to the next.
 */
import type { GraphBudgets, PackedUnit, TaskBudget, TaskGraph, UnitSubmission } from '#contracts'
import {
  allowedUnits,
  attestedIn,
  type Fault,
  type LogLine,
  logLines,
  postedMicro,
  type RunRecord
} from './run-record.ts'

/** What units were made with, against what the graph gives them. */
export function unitBudgetFaults(
  graph: TaskGraph,
  submissions: readonly UnitSubmission[]
): Fault[] {
  const faults: Fault[] = []
  const spent = { cost: 0, tokens: 0, calls: 0 }
  for (const { unit, edges } of submissions) {
    const task = graph.tasks.find(({ id }) => id === unit.unit.task_id)
    if (task?.budget === undefined) {
      faults.push(`unit ${unit.id}: its task has no budget`)
      continue
    }
    faults.push(...overFaults(unit, task.budget))
    edges.forEach((edge, place) => {
      const declared = task.escalation[place]
      if (declared === undefined) faults.push(`unit ${edge.unit.id}: its edge is not declared`)
      else faults.push(...overFaults(edge.unit, declared.budget))
    })
    for (const one of [unit, ...edges.map((edge) => edge.unit)]) {
      const { replicas } = one.unit.verification
      spent.cost += replicas * one.unit.budget.max_cost_micro
      spent.tokens += replicas * one.unit.budget.max_tokens
      spent.calls += replicas
    }
  }
  const { max_cost_micro, max_tokens, max_model_calls } = graph.budgets
  if (spent.cost > max_cost_micro)
    faults.push(`all units: ${spent.cost} of ${max_cost_micro} micro`)
  if (spent.tokens > max_tokens) faults.push(`all units: ${spent.tokens} of ${max_tokens} tokens`)
  if (spent.calls > max_model_calls) faults.push(`all units: ${spent.calls} calls`)
  return faults
}

function overFaults({ id, unit }: PackedUnit, budget: TaskBudget): Fault[] {
  const pairs = [
    ['max_cost_micro', unit.budget.max_cost_micro, budget.max_cost_micro],
    ['max_tokens', unit.budget.max_tokens, budget.max_tokens],
    ['max_time_ms', unit.budget.max_time_ms, budget.max_time_ms],
    ['run_ms', unit.timeouts.run_ms, budget.max_time_ms],
    ['max_attempts', unit.retries.max_attempts, budget.max_retries + 1]
  ] as const
  return pairs.flatMap(([name, got, most]) =>
    got > most ? [`unit ${id}: ${name} ${got}, its task gives ${most}`] : []
  )
}

/** A row of amounts that may only fall. */
export const risingFaults = (left: readonly number[], what: string): Fault[] =>
  left.flatMap((amount, place) => {
    const before = left[place - 1] ?? amount
    return amount > before ? [`${what} rose from ${before} to ${amount}`] : []
  })

interface Held {
  reserved: number
  posted: number
  tokens: number
  readonly calls: Set<string>
}

/** What the fabric reserved, posted and spent, line by line. */
export function budgetFaults(record: RunRecord): Fault[] {
  const walk = new BudgetWalk(record)
  for (const entry of record.entries) {
    if (entry.kind !== 'session.opened') continue
    const { session, max_cost_micro } = entry.body
    const given = record.budgets.get(session)?.max_cost_micro ?? 0
    if (max_cost_micro > given)
      walk.faults.push(`session ${session}: opened with ${max_cost_micro}, given ${given}`)
  }
  for (const line of logLines(record.entries)) walk.see(line)
  return walk.faults
}

class BudgetWalk {
  readonly faults: Fault[] = []
  readonly #record: RunRecord
  readonly #units: ReturnType<typeof allowedUnits>
  readonly #posted: ReadonlyMap<string, number>
  readonly #sessions = new Map<string, Held>()
  readonly #leases = new Map<string, number>()
  /** What the unit's earlier attempts reserved. */
  readonly #before = new Map<string, number>()
  readonly #failures = new Map<string, number>()

  constructor(record: RunRecord) {
    this.#record = record
    this.#units = allowedUnits(record)
    this.#posted = postedMicro(record.events)
  }

  see({ kind, session, item }: LogLine): void {
    const held = this.#held(session)
    const unit = this.#units.get(item.unit)
    if (kind === 'reserved') {
      const { max_micro, lease } = item
      const before = this.#before.get(item.unit) ?? unit?.unit.budget.max_cost_micro ?? 0
      if (max_micro > before)
        this.#name(item.unit, `attempt ${item.attempt} reserves ${max_micro}, had ${before}`)
      this.#before.set(item.unit, Math.min(before, max_micro))
      this.#leases.set(lease, max_micro)
      held.reserved += max_micro
      if (item.model !== null) held.calls.add(item.unit)
      this.#within(session, held, this.#record.budgets.get(session))
      return
    }
    const reserved = this.#leases.get(item.lease) ?? 0
    held.reserved -= reserved
    if (kind === 'voided') this.#failed(item, unit)
    else {
      const posted = this.#posted.get(item.lease) ?? reserved
      if (posted > reserved) this.#name(item.unit, `posts ${posted} of ${reserved} reserved`)
      held.posted += posted
      const { tokens_in, tokens_out } = attestedIn(item.receipt).usage
      if (tokens_out > (unit?.unit.budget.max_tokens ?? 0))
        this.#name(item.unit, `${tokens_out} tokens accepted`)
      if (item.canonical) held.tokens += tokens_in + tokens_out
      this.#within(session, held, this.#record.budgets.get(session))
    }
  }

  /** Failed rounds are bounded by what the unit was given; quorums ask for more than one at a time, checks for two. */
  #failed(item: Extract<LogLine, { kind: 'voided' }>['item'], unit: PackedUnit | undefined): void {
    const isFailure = ['failed', 'timeout', 'rejected'].includes(item.reason)
    const mode = unit?.unit.verification.mode
    if (!isFailure || (mode !== 'schema' && mode !== 'none')) return
    const failures = (this.#failures.get(item.unit) ?? 0) + 1
    this.#failures.set(item.unit, failures)
    const most = (unit?.unit.retries.max_attempts ?? 0) * (this.#record.checksNodes ? 2 : 1)
    if (failures > most) this.#name(item.unit, `${failures} failed attempts of ${most}`)
  }

  #within(session: string, held: Held, budgets: GraphBudgets | undefined): void {
    const most = budgets?.max_cost_micro ?? 0
    const sum = held.reserved + held.posted
    if (sum > most) this.faults.push(`session ${session}: ${sum} held of ${most} micro`)
    if (held.tokens > (budgets?.max_tokens ?? 0))
      this.faults.push(`session ${session}: ${held.tokens} tokens`)
    if (held.calls.size > (budgets?.max_model_calls ?? 0))
      this.faults.push(`session ${session}: ${held.calls.size} model calls`)
  }

  #held(session: string): Held {
    const known = this.#sessions.get(session)
    if (known !== undefined) return known
    const made = { reserved: 0, posted: 0, tokens: 0, calls: new Set<string>() }
    this.#sessions.set(session, made)
    return made
  }

  #name(unit: string, what: string): void {
    this.faults.push(`unit ${unit}: ${what}`)
  }
}
