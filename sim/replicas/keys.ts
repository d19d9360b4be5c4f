/** The part of a scenario that is about who keeps the ledger beside the control node. */
import { z } from 'zod'

const DAY_MS = 86_400_000
/** Each folds the whole log: more of them than this show nothing that fewer do not. */
const REPLICAS_MAX = 100

/**
 * The sequencer, or one of the nodes in its own log, says two things from a moment on: what it appends
 * goes into two logs, and a share of the replicas, one at least, is shown the second one, over links and
 * not by gossip.
 */
const ForkKeys = z.strictObject({
  at_ms: z.int().min(0).max(DAY_MS),
  who: z.enum(['sequencer', 'node']).default('sequencer'),
  share_per_mille: z.int().min(0).max(1_000).default(500)
})

/**
 * Of the nodes so many keep a replica, as every node of the product does. `disk` says what becomes of a
 * write that is under way when their process is gone, as for the control node; `rolls_back`: of the last
 * writes too, though the disk said that it had them.
 */
export const ReplicaKeys = z.strictObject({
  nodes: z.int().min(0).max(REPLICAS_MAX).default(0),
  disk: z.enum(['keeps', 'forgets', 'tears', 'rolls_back']).default('keeps'),
  write_ms: z.int().min(0).max(60_000).default(2),
  fork: ForkKeys.nullable().default(null)
})
export type ReplicaKeys = z.infer<typeof ReplicaKeys>
export const REPLICAS_DEFAULT: ReplicaKeys = ReplicaKeys.parse({})
