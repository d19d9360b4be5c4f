/**
 * Keys of a scenario that are about its network: links between hosts, gossip, partitions, messages
 * that are gossiped for their own sake, and hosts that are there to spoil them.
 */
import { z } from 'zod'
import { CUT_KINDS } from '../network/cuts.ts'

const DAY_MS = 24 * 3_600_000
const KBPS_MAX = 100_000_000
const DEGREE_MAX = 1_000

const perMille = z.int().min(0).max(1_000)
const ms = z.int().min(0).max(DAY_MS)
const degree = z.int().min(0).max(DEGREE_MAX).optional()

export const NetworkKeys = z.strictObject({
  /** Packets that are lost and sent again: time, as on any stream. */
  loss_per_mille: z.int().min(0).max(500).default(0),
  /** What each host's line carries, each way; null: no bound. */
  up_kbps: z.int().min(1).max(KBPS_MAX).nullable().default(null),
  down_kbps: z.int().min(1).max(KBPS_MAX).nullable().default(null),
  /** Nodes that nobody reaches from outside: two of them talk through the control node. */
  nat_per_mille: perMille.default(0)
})
export type NetworkKeys = z.infer<typeof NetworkKeys>
export const NETWORK_DEFAULT: NetworkKeys = NetworkKeys.parse({})

/** In place of what the product sets its gossipsub to. */
export const GossipKeys = z
  .strictObject({
    d: degree,
    d_lo: degree,
    d_hi: degree,
    d_lazy: degree,
    d_score: degree,
    d_out: degree,
    factor_per_mille: perMille.optional(),
    heartbeat_ms: z.int().min(100).max(60_000).optional(),
    flood_publish: z.boolean().optional(),
    idontwant_bytes_min: z.int().min(0).max(1_000_000_000).optional(),
    /** Others that a node dials when it comes, beside the control node. */
    peers: z.int().min(0).max(DEGREE_MAX).optional()
  })
  .refine(({ d = 8, d_lo = 6, d_hi = 12 }) => d_lo <= d && d <= d_hi, {
    message: 'd_lo is not above d, and d not above d_hi'
  })
export type GossipKeys = z.infer<typeof GossipKeys>

export const PartitionKeys = z
  .strictObject({
    from_ms: ms,
    until_ms: ms,
    /** Nodes that are cut off. */
    share_per_mille: perMille,
    /** `one_way`: they hear and are not heard. `flapping`: cut and whole in turn. */
    kind: z.enum(CUT_KINDS).default('symmetric'),
    /** Of `bridge`: nodes that reach both sides. */
    bridge_per_mille: perMille.default(20),
    /** Of `flapping`: how long each turn is. */
    flap_ms: z.int().min(10).max(DAY_MS).default(1_000)
  })
  .refine(({ from_ms, until_ms }) => from_ms <= until_ms, { message: 'it ends after it begins' })
export type PartitionKeys = z.infer<typeof PartitionKeys>

/** Gossiped by hosts that chance draws, for their own sake. */
export const MessagesKeys = z
  .strictObject({
    /** Of all hosts together. */
    per_second: z.int().min(1).max(100_000),
    bytes: z.int().min(16).max(65_536),
    from_ms: ms,
    until_ms: ms,
    /** Every honest node has every message by then. */
    within_ms: z.int().min(1).max(DAY_MS)
  })
  .refine(({ from_ms, until_ms }) => from_ms < until_ms, { message: 'they end after they begin' })
export type MessagesKeys = z.infer<typeof MessagesKeys>

/**
 * Hosts beside the nodes that drop what they should hand on. `network`: they connect with everybody.
 * `eclipse`: with one node. `cold_boot`: they come together with the nodes, who take them for such.
 * `covert_flash`: they come so too and behave until `at_ms`, and then stop all at once.
 */
export const AttackKeys = z.strictObject({
  kind: z.enum(['network', 'eclipse', 'cold_boot', 'covert_flash']),
  sybils: z.int().min(1).max(100_000),
  at_ms: ms.default(0),
  /** Nodes that each of them dials; `eclipse`: one. */
  dials: z.int().min(1).max(10_000).default(100)
})
export type AttackKeys = z.infer<typeof AttackKeys>
