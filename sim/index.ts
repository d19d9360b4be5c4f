/** The simulator's door. */
export type { SignerKind } from './kernel/signing.ts'
export { shippedMatrix } from './network/shipped-matrices.ts'
export {
  CALIBRATION_TARGETS,
  type CalibrationRow,
  calibrate
} from './real/calibrate.ts'
export { realOptionsOf } from './real/from-scenario.ts'
export { modelledGossip } from './real/modelled-gossip.ts'
export type { RealReport } from './real/report.ts'
export { runReal } from './real/run-driver.ts'
export { shippedGeography } from './report/geography.ts'
export { type Page, pageHtml } from './report/page.ts'
export { readRun } from './report/read-run.ts'
export { runPage } from './report/run.ts'
export { comparisonPage, sweepPage } from './report/sabotage.ts'
export { type Parting, partingOf } from './search/bisect.ts'
export { drawScenario } from './search/draw.ts'
export { type Shrunk, shrink } from './search/shrink.ts'
export {
  type Finding,
  runSeed,
  type SeedOutcome,
  type SeedResult,
  type SoakReport,
  seedScenario,
  soak
} from './search/soak.ts'
export { SoakThreads } from './search/soak-driver.ts'
export { type Column, columnsNamed } from './trust/columns.ts'
export { compareCase, type Mean, type SabotageRow, seedsFrom } from './trust/compare.ts'
export { type EarningsRow, earningsOf, PATIENCES } from './trust/earnings.ts'
export { POLICY_NAMES, policyNamed } from './trust/policies.ts'
export { type SweepPoint, sweep, withFrontier } from './trust/sweep.ts'
export { readWorkflow } from './workload/wf-format.ts'
export type { RunReport } from './world/report.ts'
export { runScenario } from './world/run.ts'
export { checkMemory } from './world/run-memory.ts'
export type { RunPorts } from './world/run-ports.ts'
export { readScenario, type Scenario, scenarioFolder } from './world/scenario.ts'
export type { ScenarioChanges } from './world/scenario-changes.ts'
