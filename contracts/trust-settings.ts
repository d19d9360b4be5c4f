/**
 * The settings of the trust policy `probation` as a genesis carries them: integers, all of them, so
 * that a mesh keeps the rules it began with whatever later defaults are. What they mean for a node
 * is the ledger's; their reasons are in docs/trust.md.
 */
import { z } from 'zod'
import { uint } from './shape.ts'

/** More checks, passes or points than this are no setting but a mistake. */
const COUNT_MAX = 1_000_000
const PER_MILLE_MAX = 1_000

const TrustStage = z.strictObject({
  passes_first: uint(COUNT_MAX),
  passes_per_mille: uint(COUNT_MAX),
  passes_max: uint(COUNT_MAX),
  convict_at: uint(COUNT_MAX),
  clear_after: uint(COUNT_MAX),
  residual_per_mille: uint(PER_MILLE_MAX),
  extras_per_node: uint(COUNT_MAX),
  extras_per_mille: uint(COUNT_MAX)
})

export const TrustSettings = z.strictObject({
  calm: TrustStage,
  hostile: TrustStage,
  infiltrated: TrustStage,
  fault_weight: uint(COUNT_MAX),
  clear_at: uint(COUNT_MAX),
  hostile_at: uint(COUNT_MAX),
  infiltrated_at: uint(COUNT_MAX),
  long_record: uint(COUNT_MAX),
  kept_per_mille: uint(PER_MILLE_MAX),
  alarm_passes: uint(COUNT_MAX)
})
export type TrustSettings = z.infer<typeof TrustSettings>
