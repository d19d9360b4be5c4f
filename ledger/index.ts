export { type AccountBalance, balancesSumToZero } from './fold/accounts.ts'
export type { AttemptFacts, BillLine, LineItem, SessionBill } from './fold/bill.ts'
export { creditOf, type NodeCredit } from './fold/credit.ts'
export type { JoinedHead } from './fold/digest.ts'
export type { Reopening, ReturnedPay } from './fold/escrow.ts'
export { LedgerFold } from './fold/fold.ts'
export { historyOf } from './fold/history.ts'
export { escrowAccount, nodeAccount, TREASURY, tenantAccount } from './fold/money.ts'
export { type PreparedEntry, prepareCheckedEntry, prepareEntry } from './fold/prepared.ts'
export { type ModelCost, type Price, type PriceInput, priceOf } from './fold/price.ts'
export {
  PROBATION_DEFAULTS,
  type ProbationSettings,
  type ProbationStage,
  probationSettingsOf,
  STAGES,
  type Stage,
  trustSettingsOf
} from './fold/probation.ts'
export type { ProbationView } from './fold/probation-book.ts'
export { type CheckedReceipt, ReceiptChecker, type ReceiptFacts } from './fold/receipts.ts'
export type { Rejection, RejectionRule } from './fold/rejections.ts'
export type { SessionSummary } from './fold/sessions.ts'
export { Standings } from './fold/standing.ts'
export {
  DEFAULT_TRUST_POLICY,
  type NodeTrust,
  PROBATION,
  TRUST_POLICIES,
  type TrustChange,
  type TrustOutcome,
  type TrustPolicy,
  type TrustReason
} from './fold/trust.ts'
export type { ForkBook, KnownFork } from './fork-book.ts'
export { type ForkProof, openForkProof } from './fork-proof.ts'
export { Ledger, type LedgerBatch, type LedgerOptions, type LogHead } from './ledger.ts'
export type { LevelPort } from './store/level-port.ts'
export { type Bundle, LogStore } from './store/log-store.ts'
export { LedgerSync } from './sync/sync-driver.ts'
export { SyncMachine } from './sync/sync-machine.ts'
export type {
  NewsVerdict,
  SyncedLedger,
  SyncLink,
  SyncPorts,
  SyncTopic
} from './sync/sync-ports.ts'
export type { VerifyFault, VerifyReport } from './verify.ts'
