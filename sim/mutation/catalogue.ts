/** All planted bugs, by name. */
import { AGENT_MUTANTS } from './agent-mutants.ts'
import { GATEWAY_MUTANTS } from './gateway-mutants.ts'
import { LEDGER_MUTANTS } from './ledger-mutants.ts'
import type { Mutant } from './mutant.ts'
import { ORDER_MUTANTS } from './order-mutants.ts'
import { SYNC_MUTANTS } from './sync-mutants.ts'
import { TRUST_MUTANTS } from './trust-mutants.ts'

export const MUTANTS: readonly Mutant[] = [
  ...GATEWAY_MUTANTS,
  ...AGENT_MUTANTS,
  ...LEDGER_MUTANTS,
  ...ORDER_MUTANTS,
  ...SYNC_MUTANTS,
  ...TRUST_MUTANTS
]
