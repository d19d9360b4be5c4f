/**
 * One fixed document of every kind that is hashed or signed: units, manifests, genesis, attestations,
 * ledger entries. Every field is used, and every optional one once present and once absent; the
 * golden bytes are made of these, so a change here is a change of the wire.
 */

import {
  type Attestation,
  cidOfBytes,
  cidOfDocument,
  type EntryBody,
  type EntryKind,
  encodeAttestation,
  type Genesis,
  leaseIdOf,
  logIdOf,
  type ModelManifest,
  packUnit,
  parseLogId,
  parseSessionId,
  type Receipt,
  resultsOf,
  type Signer,
  signGenesis,
  signResults,
  type WorkUnit
} from '#contracts'
import { nodeSigner } from '../../mesh-node/keys/node-signer.ts'
import { MESH, seed } from './mesh-fixtures.ts'

export const NODE_SEED = seed(1)
export const GATEWAY_SEED = seed(2)
export const OPERATOR_SEED = seed(3)
export const node: Signer = nodeSigner(NODE_SEED)
export const gateway: Signer = nodeSigner(GATEWAY_SEED)
export const operator: Signer = nodeSigner(OPERATOR_SEED)

export const INCARNATION = new Uint8Array(32).fill(0xab)
export const LOG = logIdOf(gateway.peerId, INCARNATION)
export const SESSION = parseSessionId(`s${'5e'.repeat(16)}`)
const blob = (fill: number) => cidOfBytes(seed(fill))
const AT_MS = 1_790_000_000_000

const backend = {
  runtime: 'onnxruntime-node',
  version: '1.30.0',
  provider: 'cpu',
  device_class: 'all/avx2'
} as const

/** `full` uses every field; `bare` leaves out or empties all that may be. */
export const UNITS: Readonly<Record<'full' | 'bare', WorkUnit>> = {
  full: {
    v: 1,
    graph_id: 'transcribe',
    execution_session_id: SESSION,
    tenant_id: 'tenant-1',
    task_id: 'speech.text',
    index: 41,
    kind: 'small_model',
    dependencies: [packUnit(bareUnit()).id],
    model: { cid: blob(4), handler: null },
    inputs: [
      { name: 'audio', cid: blob(5), dtype: 'float32', shape: [1, 16_000] },
      { name: 'options', cid: blob(6), dtype: 'value', shape: [120] }
    ],
    output_schema: {
      type: 'object',
      properties: { text: { type: 'string', maxLength: 4_096 }, score: { minimum: 0.25 } },
      required: ['text'],
      additionalProperties: false
    },
    constraints: {
      privacy: 'local_only',
      trusted_node_required: true,
      region: 'eu-north',
      min_memory_mb: 2_048,
      accelerators: ['webgpu'],
      latency_ms: 2_000
    },
    budget: { max_tokens: 256, max_time_ms: 30_000, max_cost_micro: 1_000_000 },
    retries: { max_attempts: 3, backoff_ms: 500 },
    timeouts: { dispatch_ms: 5_000, run_ms: 30_000 },
    idempotent: true,
    critical: true,
    verification: {
      mode: 'quorum',
      replicas: 3,
      agreement: { level: 'numeric', rtol: 0.0001, atol: 0.00003, cosine_min: 0.999 }
    },
    priority: 'p0'
  },
  bare: bareUnit()
}

function bareUnit(): WorkUnit {
  return {
    v: 1,
    graph_id: 'g',
    execution_session_id: SESSION,
    tenant_id: 'local',
    task_id: 't',
    index: 0,
    kind: 'deterministic',
    dependencies: [],
    model: { cid: null, handler: 'noop' },
    inputs: [],
    output_schema: true,
    constraints: {
      privacy: 'allow_remote',
      trusted_node_required: false,
      region: null,
      min_memory_mb: 0,
      accelerators: [],
      latency_ms: 0
    },
    budget: { max_tokens: 0, max_time_ms: 1, max_cost_micro: 0 },
    retries: { max_attempts: 1, backoff_ms: 0 },
    timeouts: { dispatch_ms: 1, run_ms: 1 },
    idempotent: false,
    critical: false,
    verification: { mode: 'none', replicas: 1, agreement: { level: 'exact' } },
    priority: 'p3'
  }
}

export const UNIT = packUnit(UNITS.full)
export const LEASE = leaseIdOf(UNIT.id, 2, node.peerId)
export const OTHER_LEASE = leaseIdOf(UNIT.id, 3, node.peerId)
export const OUTPUT = seed(7)

export const ATTESTATIONS: Readonly<Record<'full' | 'bare', Attestation>> = {
  full: {
    v: 1,
    work_unit_id: UNIT.id,
    attempt: 2,
    lease_id: LEASE,
    node: node.peerId,
    model_cid: blob(4),
    input_cids: [blob(5), blob(6)],
    output_cid: cidOfBytes(OUTPUT),
    output_fingerprint: new Uint8Array(258).fill(0x5a),
    backend,
    usage: { cpu_ms: 12.5, gpu_ms: 0.25, wall_ms: 14, tokens_in: 7, tokens_out: 31 },
    started_ms: AT_MS,
    finished_ms: AT_MS + 14,
    commit: seed(8)
  },
  bare: {
    v: 1,
    work_unit_id: packUnit(UNITS.bare).id,
    attempt: 1,
    lease_id: OTHER_LEASE,
    node: node.peerId,
    model_cid: null,
    input_cids: [],
    output_cid: cidOfBytes(OUTPUT),
    backend,
    usage: { cpu_ms: 0, gpu_ms: 0, wall_ms: 0, tokens_in: 0, tokens_out: 0 },
    started_ms: 0,
    finished_ms: 0
  }
}

/** Three attestations, so that the paths of their receipts differ in length. */
export const attestationItems = (): Uint8Array[] => [
  encodeAttestation(ATTESTATIONS.full),
  encodeAttestation(ATTESTATIONS.bare),
  encodeAttestation({ ...ATTESTATIONS.bare, attempt: 2 })
]
export const RESULTS = signResults(attestationItems(), { mesh: MESH, signer: node })
export const receiptAt = (index: number): Receipt => resultsOf(RESULTS).receipt(index)

export const MANIFESTS: Readonly<Record<'full' | 'bare', ModelManifest>> = {
  full: {
    version: 1,
    name: 'moonshine-tiny',
    licence: 'MIT',
    source: 'a package, version 0.1.29',
    runner: 'moonshine',
    tier: 'small',
    files: [
      { name: 'encoder.onnx', cid: blob(9), bytes: 12_345_678 },
      { name: 'decoder.onnx', cid: blob(10), bytes: 23_456_789 }
    ],
    inputs: [{ name: 'audio', dtype: 'float32', shape: [1, null] }],
    outputs: [{ name: 'tokens', dtype: 'int64', shape: [null] }],
    settings: { language: 'en', beam: 1, threshold: 0.5, timestamps: false },
    golden: [{ inputs: blob(11), outputs: blob(12) }],
    tolerances: {
      cpu: { level: 'class_exact' },
      webgpu: { level: 'numeric', rtol: 0.0001, atol: 0.00003 },
      '*': { level: 'label' }
    },
    cost: { base_us: 40_000, us_per_kib: 120 },
    memory_mb: 512
  },
  bare: {
    version: 1,
    name: 'm',
    licence: 'MIT',
    source: 's',
    runner: 'tensor',
    tier: 'large',
    files: [{ name: 'model.onnx', cid: blob(9), bytes: 0 }],
    inputs: [],
    outputs: [],
    settings: {},
    golden: [],
    tolerances: {},
    cost: { base_us: 0, us_per_kib: 0 },
    memory_mb: 0
  }
}

const trustStage = (first: number) => ({
  passes_first: first,
  passes_per_mille: first + 1,
  passes_max: first + 2,
  convict_at: first + 3,
  clear_after: first + 4,
  residual_per_mille: first + 5,
  extras_per_node: first + 6,
  extras_per_mille: first + 7
})

export const GENESES: Readonly<Record<'full' | 'bare' | 'probation', Genesis>> = {
  full: {
    v: 1,
    name: 'Ålesund test mesh',
    operator: operator.peerId,
    sequencer: gateway.peerId,
    sequencer_log: LOG,
    witnesses: [node.peerId, gateway.peerId],
    witness_quorum: 2,
    tenants: [{ id: 'local', grant_micro: 1_000_000_000 }],
    prices: {
      compute_micro_per_s: { '*': 500, gpu: 4_000 },
      tokens_micro_per_1000: 2_000
    },
    policies: { trust: 'ours', scheduler: 'power-of-two' },
    zones: { trusted: [node.peerId], empty: [] },
    created_at_ms: AT_MS
  },
  bare: {
    v: 1,
    name: 'm',
    operator: operator.peerId,
    sequencer: operator.peerId,
    sequencer_log: LOG,
    witnesses: [],
    witness_quorum: 0,
    tenants: [],
    prices: { compute_micro_per_s: {}, tokens_micro_per_1000: 0 },
    policies: { trust: 'none', scheduler: 'first' },
    zones: {},
    created_at_ms: 0
  },
  probation: {
    v: 1,
    name: 'm',
    operator: operator.peerId,
    sequencer: operator.peerId,
    sequencer_log: LOG,
    witnesses: [],
    witness_quorum: 0,
    tenants: [],
    prices: { compute_micro_per_s: {}, tokens_micro_per_1000: 0 },
    policies: {
      trust: 'probation',
      scheduler: 'first',
      trust_settings: {
        calm: trustStage(1),
        hostile: trustStage(11),
        infiltrated: trustStage(21),
        fault_weight: 24,
        clear_at: 20,
        hostile_at: 16,
        infiltrated_at: 25,
        long_record: 26,
        kept_per_mille: 750,
        alarm_passes: 20_000
      }
    },
    zones: {},
    created_at_ms: 0
  }
}
export const GENESIS = signGenesis(GENESES.full, operator)

/** Where the entries of the golden bytes stand in their log. */
export const PLACE = { log: LOG, seq: 17, prev: new Uint8Array(32).fill(0xcd) } as const

type EntryBodies = { readonly [K in EntryKind]: Readonly<Record<string, EntryBody<K>>> }
export const ENTRIES: EntryBodies = {
  'mesh.genesis': { full: { genesis: GENESIS.bytes } },
  'model.registered': {
    full: { model: blob(4), name: 'moonshine-tiny', base_us: 40_000, us_per_kib: 120 }
  },
  'tenant.admitted': { full: { tenant: 'tenant-1', grant_micro: 5_000_000 } },
  'node.registered': {
    full: {
      node: node.peerId,
      owner: 'owner-1',
      log: parseLogId('ee'.repeat(32)),
      node_class: 'gpu'
    }
  },
  'node.observed': {
    full: { node: node.peerId, state: 'quarantined', health_milli: 875, reason: 'heartbeats late' }
  },
  'session.opened': {
    full: {
      session: SESSION,
      tenant: 'tenant-1',
      graph_cid: cidOfDocument(seed(13)),
      inputs_cid: cidOfDocument(seed(14)),
      request_id: 'request-1',
      max_cost_micro: 9_000_000,
      opened_at_ms: AT_MS
    }
  },
  'units.reserved': {
    full: {
      session: SESSION,
      items: [reservation(blob(4), 64_480), reservation(null, 0)]
    }
  },
  'units.accepted': {
    full: {
      session: SESSION,
      items: [
        { unit: UNIT.id, attempt: 2, lease: LEASE, canonical: true, receipt: receiptAt(0) },
        { unit: UNIT.id, attempt: 3, lease: OTHER_LEASE, canonical: false, receipt: receiptAt(2) }
      ]
    }
  },
  'units.voided': {
    full: {
      session: SESSION,
      items: [
        {
          unit: UNIT.id,
          attempt: 2,
          lease: LEASE,
          reason: 'rejected',
          fault: 'disagreed',
          receipt: receiptAt(1)
        },
        {
          unit: UNIT.id,
          attempt: 3,
          lease: OTHER_LEASE,
          reason: 'expired',
          fault: 'none',
          receipt: null
        }
      ]
    }
  },
  'units.withdrawn': {
    full: {
      session: SESSION,
      items: [{ unit: UNIT.id, attempt: 2, lease: LEASE, reason: 'disagreed', stands: false }]
    }
  },
  'units.escalated': {
    full: {
      session: SESSION,
      items: [{ from: UNIT.id, to: packUnit(UNITS.bare).id, trigger: 'confidence_below' }]
    }
  },
  'units.ended': {
    full: {
      session: SESSION,
      items: [
        {
          unit: UNIT.id,
          status: 'failed',
          stop_reason: 'retry_exhausted',
          failure_class: 'execution',
          code: 'executor.crashed'
        },
        {
          unit: packUnit(UNITS.bare).id,
          status: 'cancelled',
          stop_reason: 'cancelled',
          failure_class: null,
          code: 'unit.cancelled'
        }
      ]
    }
  },
  'session.closed': {
    full: { session: SESSION, stop_reason: 'success', state_hash: parseLogId('0f'.repeat(32)) }
  },
  'head.sequenced': {
    full: { log: parseLogId('ee'.repeat(32)), seq: 99, hash: seed(15) }
  },
  'results.attested': {
    full: {
      gateway: gateway.peerId,
      receipts: [receiptAt(0), receiptAt(2)],
      verdicts: [
        { lease_id: LEASE, verdict: 'accepted', reason: 'agreed', earned_micro: 7_125 },
        { lease_id: OTHER_LEASE, verdict: 'redundant', reason: 'settled', earned_micro: 0 }
      ]
    },
    bare: { gateway: gateway.peerId, receipts: [], verdicts: [] }
  }
}

function reservation(
  model: EntryBody<'units.reserved'>['items'][number]['model'],
  inputBytes: number
): EntryBody<'units.reserved'>['items'][number] {
  return {
    unit: UNIT.id,
    attempt: 2,
    lease: LEASE,
    node: node.peerId,
    model,
    input_bytes: inputBytes,
    max_micro: 1_000_000,
    expires_at_ms: AT_MS + 35_000
  }
}
