/**
 * Every bound on what a stranger can grow, with its reason. Defaults that an operator may change are
 * named in the configuration; nothing here is changed at run time.
 */

const KIB = 1024
const MIB = 1024 * KIB

// Graphs (DESIGN 4): a graph is a document somebody typed or a program wrote.
/** A graph's text; the largest workflow trace we know of is 3 MB. */
export const GRAPH_BYTES_MAX = 8 * MIB
/** Tasks as written, before fan-out. */
export const GRAPH_TASKS_MAX = 10_000
/** Units after fan-out: bounds memory of the session (about 1 KiB a unit). */
export const GRAPH_UNITS_MAX = 100_000
/** Longest dependency path: bounds latency, and recursion anywhere downstream. */
export const GRAPH_DEPTH_MAX = 1_000
/** YAML aliases may name a node again this often: the "billion laughs" need a few dozen. */
export const YAML_ALIASES_MAX = 100

// Values and tensors.
/** One value as canonical bytes: an hour of 16 kHz float audio is 230 MB and is refused as one value. */
export const VALUE_BYTES_MAX = 256 * MIB
/** Nesting of a value; JSON Schema and the encoder recurse once per level. */
export const VALUE_DEPTH_MAX = 64
/** Nesting of any CBOR document: a value at its deepest with as much again around it. */
export const CBOR_DEPTH_MAX = 2 * VALUE_DEPTH_MAX
/** ONNX models in use have rank 6 at most; 16 leaves room. */
export const TENSOR_RANK_MAX = 16

// Wire.
/** One gossip message (DESIGN 3.3); larger batches travel by hash. */
export const GOSSIP_BYTES_MAX = 64 * KIB
/** One frame on a work stream: a batch of leases or results with small blobs beside them. */
export const FRAME_BYTES_MAX = 4 * MIB
/** A blob this small rides beside the message that names it instead of costing a round trip. */
export const INLINE_BLOB_BYTES_MAX = 16 * KIB
/** Items of one signed batch: proof paths stay under 13 hashes. */
export const BATCH_ITEMS_MAX = 4_096
/** Public keys a verifier keeps imported, about 1 KiB each: a gateway's nodes and as many others. */
export const VERIFIER_KEYS_MAX = 16_384
/** One WorkUnit as canonical bytes. */
export const WORK_UNIT_BYTES_MAX = 32 * KIB
/** One attestation with its signature (DESIGN 15). */
export const ATTESTATION_BYTES_MAX = 2 * KIB
/** Inputs that one unit may name. */
export const UNIT_INPUTS_MAX = 64
/** Units or models that one claim, grant or acknowledgement may list. */
export const MESSAGE_ITEMS_MAX = 1_024
/** Names, ids and labels in messages. */
export const NAME_CHARS_MAX = 128
/** Prose in messages: reasons, messages of faults. */
export const PROSE_CHARS_MAX = 512

// Gateway and agent.
/** Nodes one gateway keeps sessions with; each costs about 2 KiB and a stream. */
export const GATEWAY_NODES_MAX = 10_000
/** Leases one node may hold at once, queued or running. */
export const NODE_LEASES_MAX = 1_024
/** Sessions open at once on one gateway. */
export const GATEWAY_SESSIONS_MAX = 1_000
/** Announcements a node remembers while it waits for its turn to bid. */
export const AGENT_ANNOUNCEMENTS_MAX = 4_096
/** Finished results a node keeps until the gateway acknowledges them. */
export const AGENT_RESULTS_MAX = 4_096

// Blobs.
/** One blob: the largest model file that is handed on. */
export const BLOB_BYTES_MAX = 4 * 1024 * MIB
/** One chunk of a blob on the wire. */
export const BLOB_CHUNK_BYTES = 256 * KIB

// Ledger.
/** One ledger entry as canonical bytes: a batch of receipts. */
export const LEDGER_ENTRY_BYTES_MAX = 1 * MIB
/** Entries of one append batch, which one signed head covers. */
export const LEDGER_BATCH_ENTRIES_MAX = 1_024
/** Author logs one store keeps; a stranger could otherwise make new ones for ever. */
export const LEDGER_LOGS_MAX = 20_000

// Media.
/** Telephone-grade and below; slower streams are sensor data, not sound. */
export const AUDIO_RATE_HZ_MIN = 1_000
/** The fastest rate that recorders in use write. */
export const AUDIO_RATE_HZ_MAX = 384_000
/** 7.1.4 surround has 12; ambisonics of third order 16. */
export const AUDIO_CHANNELS_MAX = 32
/** An hour at 16 kHz is 230 MB of float samples: the most that fits one value. */
export const AUDIO_DURATION_MS_MAX = 3_600_000
/** An A3 page at 300 dpi has 17 million pixels; three bytes each stay far under one value. */
export const IMAGE_PIXELS_MAX = 40_000_000
/** A page has some hundred lines; a hostile picture of dots must not make units without end. */
export const PAGE_LINES_MAX = 2_000

// Executors.
/** Runs that wait for a free executor; a node that is further behind must not claim more. */
export const EXECUTOR_QUEUE_MAX = 1_024
/** Bytes kept of what a child writes to stderr, for the facts of a crash. */
export const EXECUTOR_STDERR_BYTES_MAX = 4 * KIB
/** Tokens one run may make whatever the caller allows: 30 s of speech at 6 a second, tenfold. */
export const MODEL_TOKENS_MAX = 2_048
