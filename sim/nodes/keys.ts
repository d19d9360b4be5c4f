/** The part of a scenario that is about nodes: actors, clocks, comings and goings, the control node's disk. */
import { z } from 'zod'
import { ACTOR_KEYS } from './role-names.ts'

const DAY_MS = 86_400_000
/** A tenth: no clock that anybody would call one is worse. */
const DRIFT_PPM_MAX = 100_000
/** A control node that dies oftener than this in a run is no control node. */
const CRASHES_MAX = 20

export const PAUSE_KINDS = ['pause', 'finish', 'drain'] as const

const perMille = z.int().min(0).max(1_000)
const ms = z.int().min(0).max(DAY_MS)

/** Who misbehaves, by shares of the nodes; all others are honest. `docs/simulation.md` says how. */
export const ActorKeys = z
  .strictObject({
    liars: perMille.default(0),
    colluders: perMille.default(0),
    sleepers: perMille.default(0),
    whitewashers: perMille.default(0),
    copiers: perMille.default(0),
    lazy: perMille.default(0),
    swappers: perMille.default(0),
    detectors: perMille.default(0),
    withholders: perMille.default(0),
    late: perMille.default(0),
    equivocators: perMille.default(0),
    replayers: perMille.default(0),
    sybils: perMille.default(0),
    inflators: perMille.default(0),
    flooders: perMille.default(0),
    thieves: perMille.default(0)
  })
  .refine((actors) => ACTOR_KEYS.reduce((sum, key) => sum + actors[key], 0) <= 1_000, {
    message: 'more actors than nodes'
  })

/**
 * Clocks of nodes are off by up to so much, all clocks too fast or too slow by up to so many
 * millionths, and some are set at a moment, ahead or back.
 */
export const ClockKeys = z.strictObject({
  off_ms: ms.default(0),
  drift_ppm: z.int().min(0).max(DRIFT_PPM_MAX).default(0),
  jumps: z
    .array(
      z.strictObject({
        at_ms: ms,
        by_ms: z.int().min(-DAY_MS).max(DAY_MS),
        who: z.enum(['nodes', 'gateway']).default('nodes'),
        share_per_mille: perMille.default(1_000)
      })
    )
    .max(100)
    .default([])
})

/**
 * The control node's process is gone at a moment and starts again from its disk. `keeps`: a write that
 * was under way is there; `forgets`: it is not. `tears`, `flips`, `rolls_back`: half of the last
 * write, one bit, or an older state is found; it must be refused, and an operator puts a copy back.
 */
export const CrashKeys = z
  .array(
    z.strictObject({
      at_ms: ms,
      down_ms: ms.default(2_000),
      disk: z.enum(['keeps', 'forgets', 'tears', 'flips', 'rolls_back']).default('keeps')
    })
  )
  .max(CRASHES_MAX)

/**
 * Owners want their machines back for a while. `pause`: all work is handed back at once; `finish`: what
 * runs goes on to its end; `drain`: the node leaves as one that is told to stop does, and comes back as
 * a new process.
 */
export const PauseKeys = z
  .array(
    z.strictObject({
      at_ms: ms,
      for_ms: ms,
      share_per_mille: perMille,
      how: z.enum(PAUSE_KINDS).default('pause')
    })
  )
  .max(100)
  .default([])

/**
 * Nodes come and go as published fits say of volunteers' machines: `combos`, those of SETI@home. A
 * second of the run stands for `speed` seconds of theirs. At `until_ms` all that are away are back.
 */
export const ChurnKeys = z.strictObject({
  fit: z.literal('combos').default('combos'),
  speed: z.int().min(1).max(100_000).default(1),
  until_ms: ms.default(DAY_MS)
})
export type Churn = z.infer<typeof ChurnKeys>

/** Kinds of machines, in thousandths of the nodes, and the real model whose runs they do. */
export const DeviceKeys = z
  .strictObject({
    model: z.enum([
      'silero-vad',
      'moonshine-tiny',
      'ppocr-detect',
      'ppocr-direction',
      'ppocr-recognize'
    ]),
    native: perMille.default(0),
    wasm: perMille.default(0),
    webgpu: perMille.default(0)
  })
  .refine(({ native, wasm, webgpu }) => native + wasm + webgpu === 1_000, {
    message: 'native, wasm and webgpu come to 1000'
  })
export type Devices = z.infer<typeof DeviceKeys>
