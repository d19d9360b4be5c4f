/** The failures that the conductor itself names. A MeshError is somebody's fault; all else is ours. */
import { MeshError, type UnitOutcome } from '#contracts'
import type { Failure } from './messages.ts'

const VALIDATION = { stopReason: 'validation_failed', failureClass: 'validation' } as const

/** A fault of the graph or its data that shows only at run time; our own mistakes are thrown on. */
export function validation(error: unknown): Failure {
  if (!(error instanceof MeshError)) throw error
  return { ...VALIDATION, code: error.code, detail: error.message }
}

export const outputInvalid = (detail: string): Failure => ({
  ...VALIDATION,
  code: 'graph.output_invalid',
  detail
})

export const tooManyUnits = (units: number, unitsMax: number): Failure => ({
  ...VALIDATION,
  code: 'graph.too_many_units',
  detail: `${units} units of ${unitsMax}`
})

export const overBudget = (breach: string): Failure => ({
  stopReason: 'budget_exhausted',
  failureClass: 'budget',
  code: 'budget.exceeded',
  detail: `the next unit would break ${breach}`
})

export const CANCELLED: Failure = {
  stopReason: 'cancelled',
  failureClass: null,
  code: 'session.cancelled',
  detail: 'the session ended first'
}

export const failureOf = (outcome: UnitOutcome): Failure => ({
  stopReason: outcome.stopReason,
  failureClass: outcome.failureClass,
  code: outcome.error?.code ?? outcome.stopReason,
  detail: outcome.error?.detail ?? ''
})
