/** What a run is told and what it needs of the machine, whatever kind of run it is. */

import type { SignerKind } from '../kernel/signing.ts'
import type { MatrixOf } from './places.ts'
import type { Scenario } from './scenario.ts'
import type { PacedWorkflow } from './workload.ts'

export interface RunProgress {
  readonly events: number
  readonly virtual_ms: number
  readonly ended: number
  readonly units: number
}

export interface RunPorts {
  /** Between slices: shows how far it is; false ends the run. */
  readonly goesOn: (progress: RunProgress) => Promise<boolean>
  /** Measured round trips, where a scenario asks for them. */
  readonly matrixOf: MatrixOf
  /** Of the machine, for speed alone. */
  readonly wallMs: () => number
  readonly rssMb: () => number
  /** What the run may take of the machine's memory; absent: nobody knows. */
  readonly memoryMb?: () => number
}

export interface RunOptions {
  readonly name: string
  readonly scenario: Scenario
  readonly seed: number
  /** `hash` where absent. */
  readonly signer?: SignerKind
  /** Its tasks are the units: as many as the scenario says. */
  readonly workflow?: PacedWorkflow
  /** The report has how it went over its time. */
  readonly withSeries?: boolean
}
