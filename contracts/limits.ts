/**
 * Every bound on what a stranger can grow, with its reason. Defaults that an operator may change are
 * named in the configuration; nothing here is changed at run time.
 */

const KIB = 1024
const MIB = 1024 * KIB

// Graphs: a graph is a document somebody typed or a program wrote.
/** A graph's text; the largest workflow trace we know of is 3 MB. */
export const GRAPH_BYTES_MAX = 8 * MIB
/** Tasks as written, before fan-out. */
export const GRAPH_TASKS_MAX = 10_000
/** Units after fan-out: bounds memory of the session (about 1 KiB a unit). */
export const GRAPH_UNITS_MAX = 100_000
/** Longest dependency path: bounds latency, and recursion anywhere downstream. */
export const GRAPH_DEPTH_MAX = 1_000
/** Units of one session that are submitted and not ended: under the 900 at which admission defers. */
export const SESSION_OPEN_UNITS_MAX = 768
/** YAML aliases may name a node again this often: the "billion laughs" need a few dozen. */
export const YAML_ALIASES_MAX = 100
/** One JSON Schema as canonical bytes: it rides in every unit of its task. */
export const SCHEMA_BYTES_MAX = 16 * KIB
/** Processor time for one schema to compile, or to judge one value; hostile patterns take for ever. */
export const SCHEMA_RUN_MS_MAX = 250
/** Compiled schemas kept, some 20 KiB each: as many as the tasks of large graphs have. */
export const SCHEMAS_COMPILED_MAX = 256

/** Units whose results are in doubt: the cache of finished work passes over them; 53 bytes each. */
export const CACHE_DOUBTS_MAX = 65_536
/** Results of finished work that are found again; an entry is a file of 112 bytes. */
export const CACHE_ENTRIES_MAX = 1_000_000

// Values and tensors.
/** One value as canonical bytes: an hour of 16 kHz float audio is 230 MB and is refused as one value. */
export const VALUE_BYTES_MAX = 256 * MIB
/** Nesting of a value; JSON Schema and the encoder recurse once per level. */
export const VALUE_DEPTH_MAX = 64
/** Nesting of any CBOR document: a value at its deepest with as much again around it. */
export const CBOR_DEPTH_MAX = 2 * VALUE_DEPTH_MAX
/** ONNX models in use have rank 6 at most; 16 leaves room. */
export const TENSOR_RANK_MAX = 16

/** One input of a graph: a file as it lies on disk, before it is decoded. */
export const INPUT_BYTES_MAX = 256 * MIB

// Wire.
/** One gossip message; larger batches travel by hash. */
export const GOSSIP_BYTES_MAX = 64 * KIB
/** One frame on a work stream: a batch of leases or results with small blobs beside them. */
export const FRAME_BYTES_MAX = 4 * MIB
/** One RPC between gossip routers, which may carry several messages and lists of message ids. */
export const GOSSIP_RPC_BYTES_MAX = 4 * MIB
/** Gossip that waits for a peer who does not read; beyond it the stream is dropped. */
export const GOSSIP_BACKLOG_BYTES_MAX = 16 * MIB
/** Bytes that wait in a link before `send` says it is full: some round trips of a fast line. */
export const LINK_FULL_BYTES = 1 * MIB
/** Bytes that wait in a link whose owner sends on though it is full; beyond it the link is closed. */
export const LINK_QUEUE_BYTES_MAX = 64 * MIB
/** Links of one kind that wait until somebody here accepts that kind. */
export const LINKS_WAITING_MAX = 64
/** Streams of one kind that a peer may hold open to us; a new one takes the old one's place. */
export const LINK_STREAMS_PER_PEER_MAX = 8
/** Connections one host keeps: a gateway's nodes and some relays. */
export const CONNECTIONS_MAX = 10_240
/** Connections one host may open to us in a second: a machine full of nodes, or a NAT before many. */
export const CONNECTIONS_PER_SECOND_MAX = 1_000
/** Connections that have not finished their handshake. */
export const CONNECTIONS_PENDING_MAX = 512
/** Peers to whom one relay lends an address: a tab needs it only to be found by other tabs. */
export const RELAY_RESERVATIONS_MAX = 1_024
/** How long a relay holds a place for a peer that does not ask for it again. */
export const RELAY_RESERVATION_MS = 3_600_000
/** How long one relayed connection lasts: time to make a direct one, and to do without for a while. */
export const RELAY_CONNECTION_MS_MAX = 600_000
/** Bytes of one relayed connection, each way: signalling takes kilobytes, a small unit some hundred. */
export const RELAY_CONNECTION_BYTES_MAX = 16 * MIB
/** Relayed connections that one peer may have open through a relay. */
export const RELAY_STREAMS_PER_PEER_MAX = 64
/** Peers that a relay names to whoever asks: some more than anybody stays connected to. */
export const PEERS_TOLD_MAX = 16
/** Such an answer: 16 names of 52 letters, and room for longer ones. */
export const PEERS_BYTES_MAX = 2 * KIB
/** Relays that a host asks for peers; a mesh has one, or a few. */
export const PEERS_ASKED_MAX = 4
/** Peers that a tab finds by itself: gossip and blobs go on without the node it came to. */
export const PEERS_FOUND_MAX = 4
/** Peers that did not answer, remembered so that they are not dialled again and again: 100 bytes each. */
export const PEERS_FAILED_MAX = 256
/** Connections of a tab: browsers hold some hundred, and each neighbour costs it gossip and sync. */
export const TAB_CONNECTIONS_MAX = 32
/** Connections to a tab that have not finished their handshake, and new ones in a second. */
export const TAB_CONNECTIONS_PENDING_MAX = 8
/** A donate link: a QR code that a phone still reads holds some 2,900 characters. */
export const LINK_CHARS_MAX = 2_900
/** Addresses in a donate link: one peer over each transport, and a second peer. */
export const LINK_PEERS_MAX = 16
/** One address in a donate link; by a relay, with a certificate's hash, it takes some 300. */
export const LINK_PEER_CHARS_MAX = 512
/** Models that a mesh names to donors before they join: a person reads a few lines, a phone some dozen. */
export const NOTICE_MODELS_MAX = 64
/** The signed notice of a mesh: 64 models of two names each, and a purpose, all in four-byte letters. */
export const NOTICE_BYTES_MAX = 96 * KIB
/** Files of the donate page: a bundle has a few dozen. */
export const PAGE_FILES_MAX = 1_000
/** Connections to the page's server: some hundred tabs that open at one moment, six each. */
export const PAGE_CONNECTIONS_MAX = 1_024
/**
 * A blob this small rides beside the message that names it, instead of costing a round trip and files
 * at both ends: a line of text as a picture has 45 KiB, and fetching those by hash was a quarter of
 * what the mesh added to such a unit. It stays under one chunk of a transfer.
 */
export const INLINE_BLOB_BYTES_MAX = 48 * KIB
/** Items of one signed batch: proof paths stay under 13 hashes. */
export const BATCH_ITEMS_MAX = 4_096
/** Public keys a verifier keeps imported, about 1 KiB each: a gateway's nodes and as many others. */
export const VERIFIER_KEYS_MAX = 16_384
/** Messages a verifier remembers as rightly signed: a second of a busy mesh, a MiB at most. */
export const VERIFIED_MESSAGES_MAX = 1_024
/** Heads of batches and logs take some 250 bytes; frames, which come once, are mostly longer. */
export const VERIFIED_BYTES_MAX = 512
/** One WorkUnit as canonical bytes. */
export const WORK_UNIT_BYTES_MAX = 32 * KIB
/** One attestation with its signature. */
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
/** Announced batches a gateway remembers, to check late bids against: a minute of one per 15 ms. */
export const GATEWAY_BATCHES_MAX = 4_096
/** Groups of waiting units with one set of wants; a graph has as many as models times routings. */
export const GATEWAY_CLASSES_MAX = 4_096
/** Results that wait for their session to be opened again after a restart. */
export const GATEWAY_PARKED_MAX = 4_096
/** Tenants with a retry budget and a balance in memory; as many as a genesis admits. */
export const GATEWAY_TENANTS_MAX = 10_000
/** Claims of one node that stand at once: one per model family and gateway is plenty. */
export const NODE_CLAIMS_MAX = 64
/** Nodes that may vanish under one unit before their loss counts as its failure. */
export const UNIT_LOSSES_MAX = 8
/** Announcements a node remembers while it waits for its turn to bid. */
export const AGENT_ANNOUNCEMENTS_MAX = 4_096
/** Finished results a node keeps until the gateway acknowledges them. */
export const AGENT_RESULTS_MAX = 4_096
/** Gateways one node serves or dials: a mesh has one to a handful, a stranger could announce more. */
export const AGENT_GATEWAYS_MAX = 64
/** Models whose conformance a node remembers; each entry is a verdict, the files are the store's. */
export const AGENT_MODELS_MAX = 256
/** Ended leases a node remembers, so that a repeated grant runs nothing twice: 100 bytes each. */
export const AGENT_ENDED_LEASES_MAX = 16_384

// Blobs.
/** One blob: the largest model file that is handed on. */
export const BLOB_BYTES_MAX = 4 * 1024 * MIB
/** One chunk of a blob on the wire: about one Noise message, so that it is rarely put together again. */
export const BLOB_CHUNK_BYTES = 64 * KIB

/** Chunks on the way at once in one transfer: 2 MiB covers 40 MiB/s at 50 ms. */
export const BLOB_WINDOW_CHUNKS = 32
/** Transfers one peer may draw from us at once; the others are told to come back. */
export const BLOB_SERVES_PER_PEER_MAX = 32
/** Transfers served at once to all peers: an open file and 2 MiB of memory each at most. */
export const BLOB_SERVES_MAX = 128
/** Transfers asked of one peer at once; stays under what that peer serves. */
export const BLOB_FETCHES_PER_PEER_MAX = 16
/** Blobs fetched at once from all peers: one partial file each. */
export const BLOB_FETCHES_MAX = 128
/** Fetches that wait for their turn; a caller beyond that is refused. */
export const BLOB_FETCH_QUEUE_MAX = 65_536
/** Peers tried for one blob. */
export const BLOB_SOURCES_MAX = 64
/** Partial transfers older than this are not taken up again. */
export const BLOB_PARTIAL_AGE_MS_MAX = 7 * 86_400_000
/** Bytes of small blobs kept in memory beside the disk. */
export const BLOB_MEMORY_BYTES_MAX = 64 * MIB
/** A node's status as canonical bytes. */
export const STATUS_BYTES_MAX = 256 * KIB

// Clients of another operator's control node.
/** Bytes of one part that ride in a message; larger ones are fetched by hash. */
export const CONTROL_INLINE_BYTES_MAX = 512 * KIB
/** Bytes of all such parts of one message: stays well under one frame with what is around them. */
export const CONTROL_INLINE_TOTAL_BYTES_MAX = 2 * MIB
/** A graph and all its inputs, as over HTTP: both ends hold them in memory. */
export const CONTROL_SUBMISSION_BYTES_MAX = GRAPH_BYTES_MAX + INPUT_BYTES_MAX
/** Inputs of one graph that are handed over; their names ride in one frame. */
export const CONTROL_INPUTS_MAX = 1_024
/** Files of one session's outputs. */
export const CONTROL_FILES_MAX = 4_096
/** Links of clients at once: a key each costs a stranger nothing. */
export const CONTROL_LINKS_MAX = 256
/** Questions that one link may have open; a watcher holds one for as long as its session runs. */
export const CONTROL_ASKS_PER_LINK_MAX = 32
/** Submissions that are read at once: each may fill memory with all its bytes. */
export const CONTROL_SUBMISSIONS_MAX = 4
/** Replays of clients at once: each reads a session's whole history. */
export const CONTROL_REPLAYS_MAX = 2
/** Sessions of one tenant that clients may have running; the operator's own are not counted. */
export const CONTROL_SESSIONS_PER_TENANT_MAX = 64
/** Nodes that a control node starts on its own machine; each is named in the genesis, fifty bytes. */
export const LOCAL_NODES_MAX = 64
/** Clients that one operator lists. */
export const CONTROL_CLIENTS_MAX = 1_024

// Ledger.
/** One ledger entry as canonical bytes: a batch of receipts. */
export const LEDGER_ENTRY_BYTES_MAX = 1 * MIB
/** Entries of one append batch, which one signed head covers. */
export const LEDGER_BATCH_ENTRIES_MAX = 1_024
/** Author logs one store keeps; a stranger could otherwise make new ones for ever. */
export const LEDGER_LOGS_MAX = 20_000
/** Logs of authors that no entry has registered: room for nodes that are just joining. */
export const LEDGER_STRANGER_LOGS_MAX = 1_000
/** Entries of one log that is not the sequencer's: a node that attests once a second for 11 days. */
export const LEDGER_NODE_ENTRIES_MAX = 1_000_000
/** Bytes of one append batch, so that batch and head fit one frame wherever they are sent. */
export const LEDGER_BATCH_BYTES_MAX = 2 * MIB
/**
 * What shows that an author said two things: two heads, and where one log is longer a batch of entries
 * with some bytes around each. A ledger keeps one for each log that it holds or that is registered.
 */
export const FORK_PROOF_BYTES_MAX = LEDGER_BATCH_BYTES_MAX + 64 * KIB
/** Refusals of the fold that are kept for reading; all are counted. */
export const LEDGER_REJECTIONS_KEPT = 1_000
/** Attempts that one unit may ever have: 21 failed rounds and as many replicas, twice over. */
export const UNIT_ATTEMPTS_MAX = 128
/** A genesis, a receipt, and the batch of ledger entries around its acceptance. */
export const RECEIPT_FILE_BYTES_MAX = 8 * MIB
/** Batch heads that a receipt checker remembers, at most 1 MiB each with the tree nodes it has seen. */
export const RECEIPT_HEADS_MAX = 128
/** Changes of a node's score that are kept for it to read. */
export const TRUST_REASONS_KEPT = 32
/** Score changes of all nodes that the fold keeps to be reported: more than one batch of entries makes. */
export const TRUST_CHANGES_KEPT = 16_384
/** Heads in one frame of a sync exchange: 75 bytes each. */
export const SYNC_HEADS_PER_FRAME = 4_096
/** Logs whose authors said two things, in one frame: 34 bytes each. */
export const SYNC_FORKS_PER_FRAME = 4_096
/** Bytes of entries that answer one request at most; the peer asks again for more. */
export const SYNC_BUNDLE_BYTES = 512 * KIB
/** The first answers to a peer are so small: a link that breaks every ten seconds gets one through at 2 KB/s. */
export const SYNC_BUNDLE_BYTES_MIN = 16 * KIB
/** Who asks for more within this time had its answer soon: the next is twice as long. A third of patience. */
export const SYNC_BUNDLE_QUICK_MS = 5_000
/** Entries in one such answer: a bundle of the smallest entries, which are about 150 bytes. */
export const SYNC_BUNDLE_ENTRIES_MAX = 8_192
/** How long a request may go unanswered: half a megabyte at 50 KB/s, and a third of patience. */
export const SYNC_WANT_TIMEOUT_MS = 15_000
/** How long a late answer is still waited for, while others are asked: half a megabyte at 4 KB/s. */
export const SYNC_LATE_MS = 120_000
/** How often linked peers compare digests, so that lost gossip is made good. */
export const SYNC_DIGEST_INTERVAL_MS = 30_000
/** Faults of one peer before its link is closed. */
export const SYNC_FAULTS_MAX = 8
/** Gossiped batches that wait for the store; more are fetched later by request. */
export const SYNC_NEWS_WAITING_MAX = 64
/** Requests that one peer may have waiting here, and that we have waiting there. */
export const SYNC_WANTS_MAX = 16
/** Peers synced with at once. */
export const SYNC_PEERS_MAX = 10_000

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
