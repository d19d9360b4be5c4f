/** The simulator's door. */
export { type Page, pageHtml } from './report/page.ts'
export { comparisonPage, sweepPage } from './report/sabotage.ts'
export { type Column, columnsNamed } from './trust/columns.ts'
export { compareCase, type Mean, type SabotageRow, seedsUpTo } from './trust/compare.ts'
export { type EarningsRow, earningsOf, PATIENCES } from './trust/earnings.ts'
export { POLICY_NAMES, policyNamed } from './trust/policies.ts'
export { type SweepPoint, sweep, withFrontier } from './trust/sweep.ts'
