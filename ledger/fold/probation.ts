/**
 * The settings of the probation policy, all integers. They say how long a record a node needs before
 * its word alone is taken, what a wrong result weighs, and what checking may cost. Each default was
 * found by `kora sim sweep sabotage`; docs/trust.md gives the measurements behind it.
 */
import type { TrustSettings } from '#contracts'

/** What holds while the mesh is in one mood. */
export interface ProbationStage {
  /** Confirmed results before a node's word is taken. */
  readonly passesFirst: number
  /** Confirmed results for each thousand that were taken on its word. */
  readonly passesPerMille: number
  /** More than so many are never asked for. */
  readonly passesMax: number
  /** Evidence at which a node is convicted. */
  readonly convictAt: number
  /** A result is final, and its credit leaves escrow, once its node passed so many checks after it. */
  readonly clearAfter: number
  /** Of a proven node's results, the share that is checked all the same. */
  readonly residualPerMille: number
  /** Extra executions that may be spent: a sum for each known node, and a share of the units. */
  readonly extrasPerNode: number
  readonly extrasPerMille: number
}

export const STAGES = ['calm', 'hostile', 'infiltrated'] as const
export type Stage = (typeof STAGES)[number]

export interface ProbationSettings extends Readonly<Record<Stage, ProbationStage>> {
  /** Evidence of one wrong result, where a right one takes 1 away: ln(0.10 / 0.01) / ln(0.99 / 0.90). */
  readonly faultWeight: number
  /** A suspect is cleared at minus this much evidence; no record counts for more than `faultWeight`. */
  readonly clearAt: number
  /** A conviction adds four to the alarm, a suspect that is cleared takes one away. */
  readonly hostileAt: number
  /** The same for nodes that had a long record: sleepers, of whom records say nothing. */
  readonly infiltratedAt: number
  readonly longRecord: number
  /** The share of its record that a node keeps when the mesh turns out to be infiltrated. */
  readonly keptPerMille: number
  /** Passed checks, in the whole mesh, until an alarm is over. */
  readonly alarmPasses: number
}

export const CONVICTION_ALARM = 4

/** As a genesis carries them. */
export function probationSettingsOf(told: TrustSettings): ProbationSettings {
  return {
    calm: stageOf(told.calm),
    hostile: stageOf(told.hostile),
    infiltrated: stageOf(told.infiltrated),
    faultWeight: told.fault_weight,
    clearAt: told.clear_at,
    hostileAt: told.hostile_at,
    infiltratedAt: told.infiltrated_at,
    longRecord: told.long_record,
    keptPerMille: told.kept_per_mille,
    alarmPasses: told.alarm_passes
  }
}

const stageOf = (told: TrustSettings[Stage]): ProbationStage => ({
  passesFirst: told.passes_first,
  passesPerMille: told.passes_per_mille,
  passesMax: told.passes_max,
  convictAt: told.convict_at,
  clearAfter: told.clear_after,
  residualPerMille: told.residual_per_mille,
  extrasPerNode: told.extras_per_node,
  extrasPerMille: told.extras_per_mille
})

/** The way back, for a genesis that is made. */
export function trustSettingsOf(settings: ProbationSettings): TrustSettings {
  return {
    calm: toldStage(settings.calm),
    hostile: toldStage(settings.hostile),
    infiltrated: toldStage(settings.infiltrated),
    fault_weight: settings.faultWeight,
    clear_at: settings.clearAt,
    hostile_at: settings.hostileAt,
    infiltrated_at: settings.infiltratedAt,
    long_record: settings.longRecord,
    kept_per_mille: settings.keptPerMille,
    alarm_passes: settings.alarmPasses
  }
}

const toldStage = (stage: ProbationStage): TrustSettings[Stage] => ({
  passes_first: stage.passesFirst,
  passes_per_mille: stage.passesPerMille,
  passes_max: stage.passesMax,
  convict_at: stage.convictAt,
  clear_after: stage.clearAfter,
  residual_per_mille: stage.residualPerMille,
  extras_per_node: stage.extrasPerNode,
  extras_per_mille: stage.extrasPerMille
})

export const PROBATION_DEFAULTS: ProbationSettings = {
  calm: {
    passesFirst: 10,
    passesPerMille: 400,
    passesMax: 40,
    convictAt: 40,
    clearAfter: 40,
    residualPerMille: 5,
    extrasPerNode: 15,
    extrasPerMille: 7
  },
  hostile: {
    passesFirst: 50,
    passesPerMille: 150,
    passesMax: 120,
    convictAt: 4,
    clearAfter: 100,
    residualPerMille: 30,
    extrasPerNode: 1,
    extrasPerMille: 186
  },
  infiltrated: {
    passesFirst: 65,
    passesPerMille: 400,
    passesMax: 90,
    convictAt: 8,
    clearAfter: 100,
    residualPerMille: 100,
    extrasPerNode: 1,
    extrasPerMille: 279
  },
  faultWeight: 24,
  clearAt: 20,
  hostileAt: 16,
  infiltratedAt: 24,
  longRecord: 26,
  keptPerMille: 750,
  alarmPasses: 20_000
}
