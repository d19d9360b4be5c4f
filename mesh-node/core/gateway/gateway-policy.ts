/**
 * The numbers by which the gateway decides. Bounds on what strangers can grow
 * stand in `contracts/limits.ts`; here is taste and timing, each with its reason.
 */

// Scores. They add up to one.
export const WEIGHT_CAPACITY = 0.35
export const WEIGHT_IDLE = 0.3
export const WEIGHT_TRUST = 0.25
export const WEIGHT_REGION = 0.1
/** Free places that count as full capacity: beyond this a node is not more attractive. */
export const CAPACITY_FULL = 16
/** Of a node of which the ledger says nothing yet. */
export const TRUST_UNKNOWN = 0.5
/** After so many choices in a row a node yields to a second that is this near. */
export const STREAK_MAX = 5
export const STREAK_MARGIN = 0.03

// Node health, as shares of one.
export const HEALTH_START = 0.5
export const HEALTH_STEP = { healthy: 0.01, degraded: -0.05, down: -0.2 } as const
export const HEALTH_EWMA = 0.2
export const HEALTH_STALE_MS = 60_000
/** Below this a node gets nothing new: two `down` in a row and stale, or a long row of `degraded`. */
export const HEALTH_MIN = 0.1

/** A node is down when so many heartbeats are missing. */
export const HEARTBEATS_MISSED_MAX = 3
/** One second where there are few nodes; each node adds a millisecond, so that 1,000 a second is the most. */
export const HEARTBEAT_MS_MIN = 1_000
/** A closed link may come back within this before its leases go elsewhere. */
export const RECONNECT_GRACE_MS = 2_000
/** Results that were asked for come together; a majority waits so long for the rest of them. */
export const REVEAL_GRACE_MS = 1_000
/** Who was asked for its result has so long to send it, however little is left of its lease. */
export const REVEAL_ANSWER_MS = 10_000
/** After a restart: how long leases of nodes that are not back, and results without a session, wait. */
export const RECOVERY_GRACE_MS = 15_000
/** Nodes, admission and starving classes are looked at this often. */
export const HOUSEKEEPING_MS = 500

// Bids.
/** Bids that a batch should draw, whether 10 nodes listen or 10,000. */
export const BIDS_WANTED = 10
export const WIDEN_MS = 250
/** Nodes count from receipt, so an honest bid is never early; this forgives timers that round. */
export const BID_SLACK_MS = 50
/** Units that are still not placed are announced again, to nodes that came since. */
export const ANNOUNCE_AGAIN_MS = 5_000
/** After a node's hello: its gossip subscription comes beside it, over another stream. */
export const NEWCOMERS_SETTLE_MS = 100
/** Between two announcements for newcomers, so that one who comes and goes makes no flood of them. */
export const NEWCOMERS_GAP_MS = 1_000
/** Units that one announcement carries; `wants` counts all that wait. */
export const ANNOUNCE_UNITS_MAX = 64

// Retry.
export const RETRY_BACKOFF_MS_MAX = 30_000
export const RETRY_JITTER = 0.2
export const RETRY_TOKENS = 40
export const RETRY_TOKENS_PER_MINUTE = 20
export const ATTEMPTS_MAX = 5
export const ATTEMPTS_MAX_CONGESTED = 3
export const CONGESTED_QUEUE = 800

// Breaker per node.
export const BREAKER_WINDOW_S = 60
export const BREAKER_ATTEMPTS_MIN = 60
export const BREAKER_FAILURE_SHARE = 0.5
export const BREAKER_TIMEOUTS_WINDOW_S = 30
export const BREAKER_TIMEOUTS_MAX = 20
export const BREAKER_OPEN_MS = 30_000
export const BREAKER_PROBE_MS = 5_000
export const BREAKER_SUCCESSES = 5

// Admission.
export const ADMISSION_EVALUATION_MS = 1_000
export const ADMISSION_THROTTLED_QUEUE = 900
export const ADMISSION_CRITICAL_QUEUE = 1_000
export const ADMISSION_CRITICAL_EVALUATIONS = 3
export const ADMISSION_OPEN_QUEUE = 500
export const ADMISSION_OPEN_EVALUATIONS = 6

/**
 * Work that a node holds beyond what it runs: covers the fetch of inputs and a round trip over slow
 * links. Runs longer than this are granted one per slot, so that they spread.
 */
export const AHEAD_MS = 100
/**
 * As long as much more waits than all nodes hold, each takes on so much work ahead: results then come
 * by the dozen, and a dozen cost little more than one.
 */
export const AHEAD_BULK_MS = 1_000
/** All nodes together take so much ahead of what waits. */
export const AHEAD_SHARE = 0.5

// Frames and entries.
/** Units of one class granted in a row before the next class has its turn. */
export const DISPATCH_QUANTUM = 32
/** A quarter of a frame is left for small inputs beside the leases. */
export const GRANT_BYTES_MAX = 3 * 1024 * 1024
export const ATTACHED_BYTES_MAX = 768 * 1024
/** An entry must stay under LEDGER_ENTRY_BYTES_MAX with its frame around the receipts. */
export const RECEIPTS_BYTES_MAX = 896 * 1024
