/**
 * One fixed body of every frame and of the gossiped announcement, every field used. The tables are
 * typed by the union of frames: a new frame without a body here does not compile.
 */

import {
  type AnnouncementMessage,
  cidOfBytes,
  commitmentOf,
  type Frame,
  type FrameKind,
  type FrameOf,
  packUnit,
  THRESHOLD_ALL
} from '#contracts'
import {
  ATTESTATIONS,
  gateway,
  LEASE,
  LOG,
  node,
  OTHER_LEASE,
  OUTPUT,
  RESULTS,
  SESSION,
  UNIT,
  UNITS
} from './document-fixtures.ts'
import { seed } from './mesh-fixtures.ts'

const model = cidOfBytes(seed(4))
const BATCH = 'ba'.repeat(32)

type Bodies<K extends FrameKind> = Readonly<Record<string, FrameOf<K>>> & {
  readonly full: FrameOf<K>
}
export const FRAME_BODIES: { readonly [K in FrameKind]: Bodies<K> } = {
  hello: {
    full: {
      v: 1,
      node: node.peerId,
      log: LOG,
      descriptor: {
        owner: 'owner-1',
        kinds: ['deterministic', 'small_model'],
        pod_tiers: ['medium'],
        zones: ['trusted'],
        region: 'eu-north',
        memory_mb: 16_384,
        accelerators: ['webgpu'],
        slots: 4,
        queue_max: 64,
        backend: ATTESTATIONS.full.backend
      },
      holding: [LEASE, OTHER_LEASE],
      models: [model]
    },
    bare: {
      v: 1,
      node: node.peerId,
      log: LOG,
      descriptor: {
        owner: 'o',
        kinds: [],
        pod_tiers: [],
        zones: [],
        region: null,
        memory_mb: 0,
        accelerators: [],
        slots: 1,
        queue_max: 1,
        backend: ATTESTATIONS.full.backend
      },
      holding: [],
      models: []
    }
  },
  welcome: {
    full: { v: 1, log: LOG, standing: [LEASE], heartbeat_ms: 5_000 },
    bare: { v: 1, log: LOG, standing: [], heartbeat_ms: 100 }
  },
  claim: {
    full: {
      v: 1,
      claim: 7,
      batch: BATCH,
      kinds: ['llm', 'retrieval'],
      models: [model],
      slots: 32,
      standing: false
    },
    bare: { v: 1, claim: 0, batch: null, kinds: [], models: [], slots: 0, standing: true }
  },
  withdraw: { full: { v: 1, claim: 7, reason: 'draining' } },
  grant: {
    full: {
      v: 1,
      leases: [
        {
          lease_id: LEASE,
          attempt: 2,
          unit: UNIT.bytes,
          expires_at_ms: 1_790_000_035_000,
          ttl_ms: 35_000,
          commit: true
        },
        {
          lease_id: OTHER_LEASE,
          attempt: 3,
          unit: packUnit(UNITS.bare).bytes,
          expires_at_ms: 1_790_000_035_000,
          ttl_ms: 1,
          commit: false
        }
      ],
      blobs: [seed(5), new Uint8Array(0)]
    }
  },
  commit: {
    full: {
      v: 1,
      commitments: [
        { lease_id: LEASE, commitment: commitmentOf(cidOfBytes(OUTPUT), node.peerId) },
        { lease_id: OTHER_LEASE, commitment: seed(8) }
      ]
    }
  },
  reveal: { full: { v: 1, leases: [LEASE, OTHER_LEASE] } },
  result: {
    full: { v: 1, head: RESULTS.head, attestations: [...RESULTS.items], outputs: [OUTPUT] },
    bare: { v: 1, head: RESULTS.head, attestations: [...RESULTS.items], outputs: [] }
  },
  failure: {
    full: {
      v: 1,
      failures: [
        {
          lease_id: LEASE,
          class: 'execution',
          code: 'executor.crashed',
          detail: 'signal SIGKILL'
        },
        { lease_id: OTHER_LEASE, class: 'timeout', code: 'executor.timed_out', detail: '' }
      ]
    }
  },
  release: { full: { v: 1, leases: [LEASE], reason: 'draining' } },
  revoke: { full: { v: 1, leases: [LEASE, OTHER_LEASE], reason: 'settled' } },
  heartbeat: {
    full: { v: 1, seq: 1_000_000, health: 'degraded', running: 4, queued: 60, free_memory_mb: 512 }
  },
  ack: {
    full: {
      v: 1,
      verdicts: [
        { lease_id: LEASE, verdict: 'accepted', reason: 'agreed', earned_micro: 7_125 },
        { lease_id: OTHER_LEASE, verdict: 'rejected', reason: 'disagreed', earned_micro: 0 }
      ]
    }
  }
}

/** Every fixed frame with the name of its golden bytes. */
export const frames = (): { readonly name: string; readonly frame: Frame }[] =>
  Object.entries(FRAME_BODIES).flatMap(([kind, bodies]) =>
    Object.entries(bodies).map(([variant, body]) => ({
      name: `frame-${kind}-${variant}`,
      frame: { kind, body } as Frame
    }))
  )

export const ANNOUNCEMENTS: Readonly<Record<'inline' | 'by-hash', AnnouncementMessage>> = {
  inline: {
    v: 1,
    gateway: gateway.peerId,
    addresses: ['/ip4/127.0.0.1/tcp/4001'],
    session: SESSION,
    tenant: 'tenant-1',
    batch: BATCH,
    units_count: 2,
    wants: [
      { kind: 'small_model', model, units: 1 },
      { kind: 'deterministic', model: null, units: 1 }
    ],
    threshold: THRESHOLD_ALL,
    widen_ms: 250,
    announced_at_ms: 1_790_000_000_000,
    units: [UNIT.bytes, packUnit(UNITS.bare).bytes],
    units_cid: null
  },
  'by-hash': {
    v: 1,
    gateway: gateway.peerId,
    addresses: [],
    session: SESSION,
    tenant: 'local',
    batch: BATCH,
    units_count: 4_096,
    wants: [{ kind: 'llm', model, units: 4_096 }],
    threshold: 0,
    widen_ms: 1,
    announced_at_ms: 0,
    units: [],
    units_cid: cidOfBytes(seed(16))
  }
}
