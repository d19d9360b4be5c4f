/**
 * When nodes come into the mesh: in crowds, each over a time of its own. A node's number decides its
 * crowd and a stream of its own the moment, so that more units or faults change neither.
 */
import { z } from 'zod'
import { Chance } from '../kernel/chance.ts'

const DAY_MS = 86_400_000
const CROWDS_MAX = 20

const ms = z.int().min(0).max(DAY_MS)

/** Nodes come one after another within two seconds, as they do where somebody starts them. */
const AT_ONCE = { at_ms: 0, over_ms: 2_000, share_per_mille: 1_000 }

export const ArrivalKeys = z
  .array(
    z.strictObject({
      at_ms: ms,
      /** They come evenly over this time. */
      over_ms: ms.default(AT_ONCE.over_ms),
      share_per_mille: z.int().min(1).max(1_000)
    })
  )
  .min(1)
  .max(CROWDS_MAX)
  .refine(
    (crowds) => crowds.reduce((sum, { share_per_mille: share }) => sum + share, 0) === 1_000,
    { message: 'the shares make up 1000' }
  )
  .default([AT_ONCE])
export type ArrivalKeys = z.infer<typeof ArrivalKeys>

/** All within two seconds. */
export const ARRIVALS_DEFAULT: ArrivalKeys = [AT_ONCE]

/** From a stream of its own: half of the meshes get a second crowd, within that time. */
export function drawArrivals(seed: number, withinMs: number): ArrivalKeys {
  const chance = new Chance(seed, 'arrivals')
  const late = chance.below(1_000)
  if (chance.below(2) === 0 || late === 0) return ARRIVALS_DEFAULT
  const atMs = chance.below(withinMs >> 1)
  const crowd = { at_ms: atMs, over_ms: chance.below(withinMs >> 1), share_per_mille: late }
  return [{ ...AT_ONCE, share_per_mille: 1_000 - late }, crowd]
}

/** Microseconds from the beginning until that node comes; `chance` is the node's own. */
export function arrivalUs(
  node: { readonly number: number; readonly of: number },
  crowds: ArrivalKeys,
  chance: Chance
): number {
  const place = Math.floor((node.number * 1_000) / node.of)
  let below = 0
  for (const { at_ms: atMs, over_ms: overMs, share_per_mille: share } of crowds) {
    below += share
    if (place < below) return atMs * 1_000 + chance.below(Math.max(1, overMs * 1_000))
  }
  return 0
}
