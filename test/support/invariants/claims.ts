/** How the invariant tests say what they found: nothing where all is well, and the fault where it was planted. */
import { deepEqual, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { playRun, runPlan } from './random-runs.ts'
import type { Fault, RunRecord } from './run-record.ts'

/** Random runs per invariant; `PROPERTY_RUNS` asks for more. */
const RUNS = Number(process.env['PROPERTY_RUNS'] ?? 40)

export const expectNone = (faults: readonly Fault[]): void => deepEqual(faults, [])

/** The checker names it: at least one fault, and one that says this. */
export function expectNamed(faults: readonly Fault[], what: RegExp): void {
  ok(
    faults.some((fault) => what.test(fault)),
    `${what} in ${JSON.stringify(faults.slice(0, 5))}`
  )
}

/** The checker finds nothing in any random run of the machines. */
export function holdsInRandomRuns(check: (record: RunRecord) => readonly Fault[]): void {
  fc.assert(
    fc.property(runPlan, (plan) => expectNone(check(playRun(plan).record))),
    { numRuns: RUNS }
  )
}
