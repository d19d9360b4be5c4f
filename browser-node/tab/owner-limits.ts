/** What an owner's limits may be, as they are kept and as a page sets them: within the contract's bounds. */
import { z } from 'zod'
import { LIMIT_BOUNDS, type TabLimits } from '../tab-contract.ts'

const minute = z.int().min(0).max(1_439)

export const StoredLimits = z.strictObject({
  intensityPercent: z.number(),
  cpu: z.boolean(),
  gpu: z.boolean(),
  largeModels: z.boolean(),
  memoryMb: z.number(),
  downloadMbPerDay: z.number(),
  cacheMb: z.number(),
  pauseOnBattery: z.boolean(),
  pauseOnMetered: z.boolean(),
  schedule: z.strictObject({ fromMin: minute, toMin: minute }).nullable(),
  stopAfterUnits: z.number().nullable()
})

/** Half of a small machine, on mains and on a line that costs nothing. */
export const DEFAULT_LIMITS: TabLimits = {
  intensityPercent: 100,
  cpu: true,
  gpu: true,
  largeModels: true,
  memoryMb: 1_024,
  downloadMbPerDay: 1_000,
  cacheMb: 500,
  pauseOnBattery: true,
  pauseOnMetered: true,
  schedule: null,
  stopAfterUnits: null
}

export function readLimits(limits: TabLimits): TabLimits {
  const { intensityPercent, memoryMb, downloadMbPerDay, cacheMb, stopAfterUnits } = limits
  const bounds = LIMIT_BOUNDS
  return {
    ...limits,
    intensityPercent: within(intensityPercent, bounds.intensityPercent),
    memoryMb: within(memoryMb, bounds.memoryMb),
    downloadMbPerDay: within(downloadMbPerDay, bounds.downloadMbPerDay),
    cacheMb: within(cacheMb, bounds.cacheMb),
    stopAfterUnits: stopAfterUnits === null ? null : within(stopAfterUnits, bounds.stopAfterUnits)
  }
}

const within = (value: number, { min, max }: { min: number; max: number }): number =>
  Number.isFinite(value) ? Math.min(max, Math.max(min, Math.round(value))) : min
