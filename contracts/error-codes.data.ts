/**
 * Every error code with what may be done about it and one sentence that says what to do next,
 * sorted. Codes are visible on the wire and in scripts: add, never rename or reuse.
 */

/** What may be done about a failure: try again here, with another peer, later, or not at all. */
export type Retry = 'here' | 'elsewhere' | 'later' | 'never'

interface ErrorEntry {
  readonly retry: Retry
  /** One sentence that says what to do next. */
  readonly hint: string
}

/** Every code the project can emit, sorted by area and name. */
export const ERROR_CODES = {
  'admission.client_refused': {
    retry: 'never',
    hint: "Give the peer id named as client to the mesh's operator, who admits it with `kora up --allow <peer id>`."
  },
  'admission.tenant_mismatch': {
    retry: 'never',
    hint: 'Leave tenant_id out of the graph, or name the tenant that the operator gave this client.'
  },
  'admission.too_many_sessions': {
    retry: 'later',
    hint: 'Wait until a running session of the tenant has ended, or cancel one.'
  },
  'attestation.lease_mismatch': {
    retry: 'elsewhere',
    hint: 'The attestation speaks of another unit, attempt, model or input than its lease; run the unit elsewhere.'
  },
  'attestation.malformed': {
    retry: 'elsewhere',
    hint: "The node's attestation has the wrong shape; run the unit on another node."
  },
  'attestation.signer_mismatch': {
    retry: 'elsewhere',
    hint: 'The attestation names another node than its signer; run the unit on another node.'
  },
  'audio.empty': {
    retry: 'never',
    hint: 'Give a WAV file with content.'
  },
  'audio.malformed': {
    retry: 'never',
    hint: 'Write the WAV file again: its chunks contradict each other.'
  },
  'audio.no_samples': {
    retry: 'never',
    hint: 'Give a recording with at least one sample.'
  },
  'audio.not_wav': {
    retry: 'never',
    hint: 'Convert the recording to WAV (PCM or float) and give that file.'
  },
  'audio.too_long': {
    retry: 'never',
    hint: 'Cut the recording into shorter files, or raise the duration limit.'
  },
  'audio.truncated': {
    retry: 'never',
    hint: 'Fetch or record the file again: it ends before its header says.'
  },
  'audio.unsupported': {
    retry: 'never',
    hint: 'Convert to PCM of 8, 16, 24 or 32 bits or float, 1 kHz to 384 kHz.'
  },
  'blob.mismatch': {
    retry: 'elsewhere',
    hint: 'The bytes do not hash to the id they were asked by; fetch from another peer.'
  },
  'blob.not_found': {
    retry: 'elsewhere',
    hint: 'No connected peer holds this blob; connect to one that does, or add the file again.'
  },
  'blob.refused': {
    retry: 'later',
    hint: 'The peer serves as many transfers as it takes; ask again later or ask another peer.'
  },
  'blob.stalled': {
    retry: 'elsewhere',
    hint: 'The peer stopped sending; what has arrived is kept, go on with another peer.'
  },
  'blob.too_large': {
    retry: 'never',
    hint: 'Raise the blob limit in the configuration, or split the data.'
  },
  'budget.exceeded': {
    retry: 'never',
    hint: 'Raise the budgets of the graph to the worst case that the facts name, or ask for less work.'
  },
  'claim.not_your_turn': {
    retry: 'later',
    hint: 'Bid again when the threshold of the announcement has widened to your draw.'
  },
  'claim.refused': {
    retry: 'later',
    hint: 'Say hello first, and claim for a batch that was announced or as a standing claim.'
  },
  'cli.interrupted': {
    retry: 'here',
    hint: 'Run the command again; what was finished is kept.'
  },
  'cli.usage': {
    retry: 'never',
    hint: 'Run the command with --help to see its verbs and flags.'
  },
  'config.malformed': {
    retry: 'never',
    hint: 'Mend every fault listed, each at its place; `--print-config` shows what is understood.'
  },
  'contracts.cbor_malformed': {
    retry: 'never',
    hint: 'Send well-formed CBOR: one value, definite lengths, text that is UTF-8, no undefined.'
  },
  'contracts.cbor_not_canonical': {
    retry: 'never',
    hint: 'Encode the value again in RFC 8949 deterministic form and send those bytes.'
  },
  'contracts.cid_malformed': {
    retry: 'never',
    hint: 'Give a CIDv1 in base32 with codec raw or dag-cbor and a sha2-256 digest.'
  },
  'contracts.hex_malformed': {
    retry: 'never',
    hint: 'Give an even number of lowercase hex digits.'
  },
  'contracts.id_malformed': {
    retry: 'never',
    hint: 'Give the id as it was printed.'
  },
  'contracts.key_malformed': {
    retry: 'never',
    hint: 'Give an Ed25519 seed or public key of exactly 32 bytes.'
  },
  'contracts.message_malformed': {
    retry: 'never',
    hint: 'Send a tagged COSE_Sign1 with the protected header that the protocol names.'
  },
  'contracts.peer_id_malformed': {
    retry: 'never',
    hint: 'Give a libp2p Ed25519 peer id, which begins with 12D3KooW.'
  },
  'contracts.signature_invalid': {
    retry: 'elsewhere',
    hint: 'Discard the bytes and ask another peer; the sender did not sign them for this mesh.'
  },
  'contracts.tensor_malformed': {
    retry: 'never',
    hint: 'Give dtype, shape and exactly as many bytes as they say.'
  },
  'contracts.too_large': {
    retry: 'never',
    hint: 'Send less at once, or hand the bytes over by content hash.'
  },
  'contracts.typ_mismatch': {
    retry: 'never',
    hint: 'Send the message on the protocol its typ belongs to.'
  },
  'contracts.value_malformed': {
    retry: 'never',
    hint: 'Use JSON values, bytes and tensors; keys that begin with $tensor are reserved.'
  },
  'control.address_missing': {
    retry: 'never',
    hint: 'The mesh is not the one in --data: give --bootstrap with an address that its `kora up` prints.'
  },
  'control.already_running': {
    retry: 'later',
    hint: 'Submit to the running control node, or stop it, or use another folder with --data.'
  },
  'control.answer_malformed': {
    retry: 'never',
    hint: 'The control node answers in a shape that this version does not know; use the same version at both ends.'
  },
  'control.busy': {
    retry: 'later',
    hint: 'The control node reads as much as it may at once; ask again in a while.'
  },
  'control.folder_unusable': {
    retry: 'later',
    hint: 'Check that the folder exists, is yours and can be written; or name another with --data.'
  },
  'control.genesis_lost': {
    retry: 'never',
    hint: 'Put genesis.cbor back from a copy: every node of the mesh keeps one in its data folder.'
  },
  'control.key_lost': {
    retry: 'never',
    hint: 'Put the named file back from a copy; without it only a new mesh in another folder can go on.'
  },
  'control.mesh_exists': {
    retry: 'never',
    hint: 'This folder has a mesh already: use it, or name another folder with --data.'
  },
  'control.no_mesh': {
    retry: 'never',
    hint: 'Make a mesh with `kora init`, run a graph, or name another folder with --data.'
  },
  'control.no_such_route': {
    retry: 'never',
    hint: 'See the routes in the README: /v1/status, /v1/sessions, /v1/units.'
  },
  'control.not_at_address': {
    retry: 'never',
    hint: "Nobody at --bootstrap is this mesh's control node: check the mesh id and the address that its `kora up` prints."
  },
  'control.not_running': {
    retry: 'later',
    hint: 'Start the control node with `kora up`, or name its folder with --data.'
  },
  'control.not_sequencer': {
    retry: 'never',
    hint: 'The genesis names another control node; use the folder that its key is in.'
  },
  'control.request_malformed': {
    retry: 'never',
    hint: 'Send JSON in the shape that the README states.'
  },
  'control.tenant_unknown': {
    retry: 'never',
    hint: 'Say once what the tenant may spend: --allow <peer id>=<tenant>:<micro-credits>.'
  },
  'control.unauthorised': {
    retry: 'never',
    hint: "Use the token in control.json of the control node's data folder."
  },
  'executor.cancelled': {
    retry: 'never',
    hint: 'Nothing to do: the caller withdrew the run.'
  },
  'executor.closed': {
    retry: 'elsewhere',
    hint: 'The node is shutting down; give the unit to another one.'
  },
  'executor.crashed': {
    retry: 'elsewhere',
    hint: 'The executor process died in this run; try another node.'
  },
  'executor.device_lost': {
    retry: 'elsewhere',
    hint: 'The GPU went away in this run; give the unit to another node.'
  },
  'executor.memory_exceeded': {
    retry: 'elsewhere',
    hint: 'Raise the memory limit, send less input at once, or use a larger node.'
  },
  'executor.no_backend': {
    retry: 'elsewhere',
    hint: 'No processor of this node may run the model now; give the unit to another node.'
  },
  'executor.queue_full': {
    retry: 'later',
    hint: 'The node has more runs waiting than it takes; try again later.'
  },
  'executor.software_adapter': {
    retry: 'elsewhere',
    hint: 'The GPU of this device is a program: too slow for a model of this size; use another backend.'
  },
  'executor.switched_off': {
    retry: 'elsewhere',
    hint: "The node's owner has switched this processor off; give the unit to another node."
  },
  'executor.timed_out': {
    retry: 'elsewhere',
    hint: 'Raise timeouts.run_ms, send less input at once, or use a faster node.'
  },
  'gateway.full': {
    retry: 'later',
    hint: 'The gateway serves as many nodes or sessions as it may; try another or come back later.'
  },
  'gateway.hello_missing': {
    retry: 'here',
    hint: 'Say hello on the link before anything else.'
  },
  'gateway.session_unknown': {
    retry: 'never',
    hint: 'Open the session before its units are submitted.'
  },
  'genesis.malformed': {
    retry: 'never',
    hint: "Ask the operator for the mesh's genesis file again."
  },
  'genesis.other_mesh': {
    retry: 'never',
    hint: 'Join by the id that belongs to this genesis, or fetch the genesis of that id.'
  },
  'genesis.signer_mismatch': {
    retry: 'never',
    hint: 'The genesis is not signed by the operator it names; do not join.'
  },
  'graph.fanout_not_list': {
    retry: 'never',
    hint: 'Let fanout.over name a list.'
  },
  'graph.input_missing': {
    retry: 'never',
    hint: 'Give every input that the graph names without a default.'
  },
  'graph.input_unknown': {
    retry: 'never',
    hint: 'Give only inputs that the graph names.'
  },
  'graph.invalid': {
    retry: 'never',
    hint: 'Mend every fault listed, each at its path, and submit again.'
  },
  'graph.output_invalid': {
    retry: 'never',
    hint: "The handler's result does not fit the schema of its task; mend the one or the other."
  },
  'graph.reference_unresolved': {
    retry: 'never',
    hint: 'Let the pointer in select name something that is there.'
  },
  'graph.too_many_units': {
    retry: 'never',
    hint: 'Raise fanout.chunk so that fewer units carry the same work.'
  },
  'handler.arguments_invalid': {
    retry: 'never',
    hint: 'Give the handler exactly the arguments that its summary names.'
  },
  'handler.unknown': {
    retry: 'never',
    hint: 'Name one of the handlers that `kora plan` knows.'
  },
  'identity.key_malformed': {
    retry: 'never',
    hint: 'Restore the key file from a copy; or move it away, and the node starts as somebody new.'
  },
  'identity.unusable': {
    retry: 'later',
    hint: 'Check that the data folder exists, is yours and can be written; or name another with --data.'
  },
  'image.empty': {
    retry: 'never',
    hint: 'Give a PNG or JPEG file with content.'
  },
  'image.malformed': {
    retry: 'never',
    hint: 'Save the image again: its bytes cannot be decoded.'
  },
  'image.not_image': {
    retry: 'never',
    hint: 'Convert the page to PNG or JPEG and give that file.'
  },
  'image.too_many_pixels': {
    retry: 'never',
    hint: 'Scale the image down, or cut it into pages.'
  },
  'image.truncated': {
    retry: 'never',
    hint: 'Fetch the image again: it ends before its last part.'
  },
  'image.unsupported': {
    retry: 'never',
    hint: 'Save the image as a plain PNG, or as baseline or progressive JPEG.'
  },
  'input.malformed': {
    retry: 'never',
    hint: 'Give the input in the form that the graph declares: a file, or JSON in UTF-8.'
  },
  'input.missing': {
    retry: 'never',
    hint: 'Give every input that the graph names: --input name=file.'
  },
  'input.unknown': {
    retry: 'never',
    hint: 'Give only inputs that the graph names.'
  },
  'input.unreadable': {
    retry: 'never',
    hint: 'Check the path and its permissions.'
  },
  'latency.invalid': {
    retry: 'never',
    hint: 'Give a square matrix of round trips without gaps, or name one that ships with the simulator.'
  },
  'lease.expired': {
    retry: 'never',
    hint: 'The lease has ended; the unit may run elsewhere now.'
  },
  'lease.not_yours': {
    retry: 'never',
    hint: 'The lease belongs to another node; send results only for leases granted to you.'
  },
  'lease.unknown': {
    retry: 'never',
    hint: 'No such lease stands; drop the result.'
  },
  'ledger.chain_broken': {
    retry: 'elsewhere',
    hint: 'An entry does not follow from the one before; fetch the range from another peer.'
  },
  'ledger.closed': {
    retry: 'later',
    hint: 'The ledger is closing with its process; ask again when it runs.'
  },
  'ledger.conflict': {
    retry: 'never',
    hint: 'The author signed two logs that cannot both be right; both heads are kept as evidence.'
  },
  'ledger.entry_malformed': {
    retry: 'elsewhere',
    hint: 'The entry has the wrong shape; it is recorded as refused.'
  },
  'ledger.head_malformed': {
    retry: 'elsewhere',
    hint: 'The signed head has the wrong shape or does not fit its log; ask another peer.'
  },
  'ledger.logs_full': {
    retry: 'later',
    hint: 'This store keeps no more author logs; register the node, or sync from another peer.'
  },
  'ledger.not_sequencer': {
    retry: 'never',
    hint: "Only the key that the genesis names orders the ledger; use the control node's key and store."
  },
  'ledger.other_mesh': {
    retry: 'never',
    hint: 'The store belongs to another mesh; give every mesh a data directory of its own.'
  },
  'ledger.policy_unknown': {
    retry: 'never',
    hint: 'The genesis names a trust policy that this version does not know; install a newer one.'
  },
  'ledger.sequencer_forked': {
    retry: 'never',
    hint: 'The control node signed two ledgers that cannot both be right, and nothing more of it is followed. Stop this node, keep its folder as evidence, and ask whoever runs the mesh.'
  },
  'ledger.sequencer_store_lost': {
    retry: 'never',
    hint: "Put the control node's ledger store back from its backup; its log cannot be begun anew."
  },
  'ledger.store_corrupted': {
    retry: 'never',
    hint: 'Put the store back from a copy. A node, but no control node, may move it away instead: peers fill it anew.'
  },
  'ledger.store_failed': {
    retry: 'later',
    hint: 'The disk refused a write; free space or mend it, and start again. What was signed is kept.'
  },
  'ledger.store_locked': {
    retry: 'later',
    hint: 'Another process holds this store; stop it, or use another data directory.'
  },
  'ledger.store_rolled_back': {
    retry: 'never',
    hint: 'Peers hold entries of this log that the store has lost; start again to begin a new log.'
  },
  'ledger.sync_malformed': {
    retry: 'elsewhere',
    hint: 'Speak version 1 of the sync protocol.'
  },
  'link.malformed': {
    retry: 'never',
    hint: 'Ask whoever sent the donate link for it again, and copy it whole; `kora up` prints it.'
  },
  'link.missing': {
    retry: 'never',
    hint: 'Open the page by the donate link that `kora up` prints: it names the mesh behind a `#`.'
  },
  'link.no_peer': {
    retry: 'never',
    hint: 'The donate link names no peer to begin with; take the link that `kora up` prints.'
  },
  'link.too_large': {
    retry: 'never',
    hint: 'The donate link is over the limit; name fewer addresses in it.'
  },
  'model.file_missing': {
    retry: 'elsewhere',
    hint: 'The manifest names a file that is not here; fetch it by its hash.'
  },
  'model.golden_mismatch': {
    retry: 'elsewhere',
    hint: 'Fetch the golden vectors again: their bytes do not match their content id.'
  },
  'model.input_invalid': {
    retry: 'never',
    hint: 'Give the input in the form that the model manifest states.'
  },
  'model.input_missing': {
    retry: 'never',
    hint: 'Give every input that the model signature names.'
  },
  'model.input_unknown': {
    retry: 'never',
    hint: 'Give only inputs that the model signature names.'
  },
  'model.inputs_needed': {
    retry: 'never',
    hint: 'Give example inputs: none that were drawn fit this model.'
  },
  'model.manifest_malformed': {
    retry: 'never',
    hint: 'Register the model again with `kora models add`.'
  },
  'model.name_taken': {
    retry: 'never',
    hint: 'Give the model another name: this one belongs to a model that comes with the package.'
  },
  'model.not_onnx': {
    retry: 'never',
    hint: 'Give a valid ONNX file with operators that the runtime knows.'
  },
  'model.not_registered': {
    retry: 'never',
    hint: 'Name a model that `kora models list` shows, or add it with `kora models add`.'
  },
  'model.output_too_large': {
    retry: 'never',
    hint: 'Ask for less at once: the output is over the limit of one value.'
  },
  'model.registry_corrupted': {
    retry: 'never',
    hint: 'Remove the folder that is named and add the model again; nothing else depends on it.'
  },
  'model.run_failed': {
    retry: 'never',
    hint: 'The runtime refused this input; the reason is in the facts.'
  },
  'model.unsupported': {
    retry: 'never',
    hint: 'Use a model whose inputs and outputs are tensors of known types.'
  },
  'model.wrong_dtype': {
    retry: 'never',
    hint: 'Give the input in the element type that the model signature names.'
  },
  'model.wrong_shape': {
    retry: 'never',
    hint: 'Give the input in the shape that the model signature names.'
  },
  'net.address_malformed': {
    retry: 'never',
    hint: 'Give a TCP multiaddr such as /ip4/127.0.0.1/tcp/4001/p2p/12D3KooW….'
  },
  'net.frame_too_large': {
    retry: 'never',
    hint: 'The peer announced a frame over the limit; hand large data over by content hash.'
  },
  'net.link_closed': {
    retry: 'later',
    hint: 'Open a link to the peer again; nothing that was not acknowledged has arrived for sure.'
  },
  'net.link_overflow': {
    retry: 'later',
    hint: 'The peer does not read what it is sent; the link was closed, open it again later.'
  },
  'net.listen_failed': {
    retry: 'never',
    hint: 'Listen on an address of this machine and a port that this user may open.'
  },
  'net.local_node_failed': {
    retry: 'later',
    hint: 'Start it by hand with `krako-node start` and read what it says.'
  },
  'net.peers_malformed': {
    retry: 'elsewhere',
    hint: 'The peer answered a question for others with what is no list of names; ask another relay.'
  },
  'net.port_in_use': {
    retry: 'never',
    hint: 'Stop the program that holds the port, or listen on another one (tcp/0 takes a free one).'
  },
  'net.protocol_refused': {
    retry: 'elsewhere',
    hint: 'The peer does not speak this protocol; ask a peer that serves it.'
  },
  'net.unreachable': {
    retry: 'later',
    hint: 'Check that the peer runs and that its address and port can be reached from here.'
  },
  'node.not_running': {
    retry: 'later',
    hint: 'Start the node with `krako-node start`, or name its folder with --data.'
  },
  'notice.malformed': {
    retry: 'never',
    hint: 'Say what the mesh is for in one line of at most 512 characters, without control characters.'
  },
  'npy.malformed': {
    retry: 'never',
    hint: 'Write the .npy file again with numpy.save.'
  },
  'npy.unsupported': {
    retry: 'never',
    hint: 'Save a plain numeric or boolean array, without objects or fields.'
  },
  'output.unwritable': {
    retry: 'later',
    hint: 'Name a file that does not exist yet, in a folder that you can write.'
  },
  'page.certificate_unusable': {
    retry: 'never',
    hint: 'Give --page-cert and --page-key a certificate and its key in PEM form that belong together.'
  },
  'page.too_many_lines': {
    retry: 'never',
    hint: 'Cut the page into parts with fewer lines.'
  },
  'page.unavailable': {
    retry: 'never',
    hint: 'Start with `--no-page`, or install the package again: the files of the donate page are missing.'
  },
  'receipt.malformed': {
    retry: 'never',
    hint: 'The file is no receipt of this version; save it again from the page that earned it.'
  },
  'receipt.not_accepted': {
    retry: 'never',
    hint: "The record in the file does not show that the mesh's sequencer accepted this result."
  },
  'receipt.not_found': {
    retry: 'later',
    hint: 'The ledger as it is held here shows no accepted result of this unit; wait until it is synced.'
  },
  'replay.not_recorded': {
    retry: 'never',
    hint: 'Replay where the session ran, or fetch its results first: a result it needs is not here.'
  },
  'report.invalid': {
    retry: 'never',
    hint: 'Give the JSON that `kora sim run --report` wrote beside its page, or what `--json` printed.'
  },
  'scenario.invalid': {
    retry: 'never',
    hint: 'Mend every fault listed, each at its line; `kora sim list` shows scenarios that work.'
  },
  'scenario.unknown': {
    retry: 'never',
    hint: 'List the scenarios that ship with `kora sim list`, or give the path of a file: ./mine.yaml.'
  },
  'session.failed': {
    retry: 'later',
    hint: 'See which unit failed and why with `kora explain <unit>`.'
  },
  'session.unknown': {
    retry: 'never',
    hint: 'List the sessions with `kora status`.'
  },
  'sim.memory_short': {
    retry: 'never',
    hint: 'Take fewer nodes or units, or give Node more memory: NODE_OPTIONS=--max-old-space-size=<MB>.'
  },
  'sim.setting_invalid': {
    retry: 'never',
    hint: 'Give the setting a value between the bounds that the error names.'
  },
  'store.corrupted': {
    retry: 'never',
    hint: 'Move the named path out of the store and start again; what is missing is fetched anew.'
  },
  'store.disk_full': {
    retry: 'later',
    hint: 'Free space on the disk, or lower the size limit of the store; nothing was half-written.'
  },
  'store.full': {
    retry: 'later',
    hint: 'Raise the size limit of the store, or unpin blobs that are no longer needed.'
  },
  'store.unwritable': {
    retry: 'never',
    hint: 'Give the store a folder that this user may write.'
  },
  'tensor.malformed': {
    retry: 'never',
    hint: 'Give nested lists of one shape, of numbers that the element type holds.'
  },
  'tensor.mismatch': {
    retry: 'never',
    hint: 'Give tensors of one element type whose other dimensions are equal.'
  },
  'unit.ambiguous': {
    retry: 'never',
    hint: "Give more letters of the unit's id."
  },
  'unit.budget_exhausted': {
    retry: 'never',
    hint: 'Raise the budgets of the graph, or give the tenant credit.'
  },
  'unit.cancelled': {
    retry: 'never',
    hint: 'Nothing to do: the session was cancelled.'
  },
  'unit.confidence_low': {
    retry: 'never',
    hint: 'Declare an escalation edge for confidence_below, or lower the bound.'
  },
  'unit.copied': {
    retry: 'elsewhere',
    hint: 'The result does not match the commitment that came before it; it is refused.'
  },
  'unit.deadline_passed': {
    retry: 'never',
    hint: 'Raise budgets.max_latency_ms, or add nodes.'
  },
  'unit.dependency_failed': {
    retry: 'never',
    hint: 'Mend the unit that this one depends on.'
  },
  'unit.lost': {
    retry: 'elsewhere',
    hint: 'The node that ran the unit is gone; it is given to another one.'
  },
  'unit.malformed': {
    retry: 'never',
    hint: 'The work unit does not follow its contract; the gateway that published it must be mended.'
  },
  'unit.no_agreement': {
    retry: 'never',
    hint: 'Ask for more replicas, or declare a looser agreement.'
  },
  'unit.no_node': {
    retry: 'later',
    hint: 'Start a node that can run the unit; `kora explain` says which rule refused which node.'
  },
  'unit.over_budget': {
    retry: 'elsewhere',
    hint: 'The node used more tokens than the unit allows; its result is refused.'
  },
  'unit.rejected': {
    retry: 'later',
    hint: 'The gateway has more waiting than it takes; submit with priority p0 or p1, or later.'
  },
  'unit.schema_mismatch': {
    retry: 'elsewhere',
    hint: 'The output does not follow the schema of its task.'
  },
  'unit.unknown': {
    retry: 'never',
    hint: "Find the unit's id in `kora result <session>`; its last eight letters are enough."
  },
  'wire.kind_unknown': {
    retry: 'never',
    hint: 'Speak version 1 of the work protocol.'
  },
  'wire.message_malformed': {
    retry: 'never',
    hint: 'Send the message in the shape that its version names.'
  },
  'wire.signer_mismatch': {
    retry: 'never',
    hint: 'The message names another peer than the one that signed it; refuse its sender.'
  },
  'workflow.invalid': {
    retry: 'never',
    hint: 'Give a trace in WfFormat 1.5 whose edges both ends know, or mend each fault at its path.'
  }
} as const satisfies Record<string, ErrorEntry>
