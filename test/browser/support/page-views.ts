/** Views of the main states of a tab, with figures as a mesh gives them, all at one moment. */
import { cidOfBytes, cidOfDocument, parseLeaseId, parsePeerId, parseUnitId } from '#contracts'
import type { HistoryPoint, TabView, UnitLine } from '../../../browser-node/tab-contract.ts'

/** A Tuesday morning. */
const NOW_MS = Date.UTC(2026, 10, 24, 9, 30)
const MINUTE_MS = 60_000
const PEER = parsePeerId('12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5')
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const unitId = (index: number) => parseUnitId(cidOfDocument(bytesOf(`unit ${index}`)))
const leaseId = (index: number) => parseLeaseId(`l${index.toString(16).padStart(32, '0')}`)

const offered = (name: string, licence: string, bytes: number) => ({
  ...{ name, licence, bytes },
  cid: cidOfDocument(bytesOf(name))
})

const CONSENT: TabView = {
  phase: 'consent',
  detail: null,
  holds: [],
  mesh: {
    id: '4f2c9a7be01d88c35a6e12f4907bd3c1e85f60a2d4b97c3316fa0e8d52c7b941',
    name: 'Open Speech Archive',
    operator: PEER,
    purpose: 'Transcribing recordings of a public library, and reading its scanned pages.',
    models: [
      offered('moonshine-tiny', 'MIT', 27_130_000),
      offered('ocr-detect', 'Apache-2.0', 2_430_000),
      offered('silero-vad', 'MIT', 2_330_000)
    ]
  },
  peerId: null,
  peers: 0,
  transports: [],
  backends: [
    { provider: 'wasm', state: 'ready', detail: '8 threads' },
    { provider: 'webgpu', state: 'ready', detail: 'Apple M2, no f16' }
  ],
  models: [],
  current: [],
  counts: { done: 0, rejected: 0, waiting: 0, lost: 0 },
  unitsPerMinute: null,
  traffic: { downBytes: 0, upBytes: 0, downToday: 0 },
  creditMicro: { inVerification: 0, escrow: 0, cleared: 0 },
  lines: [],
  trust: null,
  history: [],
  limits: {
    intensityPercent: 70,
    cpu: true,
    gpu: true,
    largeModels: true,
    memoryMb: 1024,
    downloadMbPerDay: 500,
    cacheMb: 1000,
    pauseOnBattery: true,
    pauseOnMetered: true,
    schedule: null,
    stopAfterUnits: null
  },
  cacheBytes: 0
}

const STATES: readonly UnitLine['state'][] = [
  'in_verification',
  'in_verification',
  'escrow',
  'escrow',
  'cleared',
  'rejected',
  'cleared',
  'lost',
  'cleared',
  'cleared'
]

function line(index: number): UnitLine {
  const state = STATES[Math.min(index, STATES.length - 1)] ?? 'cleared'
  const gone = state === 'rejected' || state === 'lost'
  return {
    unit: unitId(index),
    lease: leaseId(index),
    task: `transcribe[${41 - index}]`,
    model: 'moonshine-tiny',
    endedMs: NOW_MS - index * 9_300,
    ranMs: 1_840 + ((index * 733) % 900),
    state,
    creditMicro: gone ? 0 : 920 + ((index * 367) % 450),
    reason: state === 'rejected' ? 'disagreed' : state === 'lost' ? 'expired' : '',
    hasReceipt: state === 'escrow' || state === 'cleared'
  }
}

function minute(index: number): HistoryPoint {
  const units = Math.round(6 + 4 * Math.sin(index / 5) + (index % 3))
  return {
    atMs: NOW_MS - (45 - index) * MINUTE_MS,
    units,
    creditMicro: units * 1_140,
    downBytes: index === 0 ? 29_000_000 : 180_000 + (index % 7) * 60_000,
    upBytes: 22_000 + (index % 5) * 4_000
  }
}

const WORKING: TabView = {
  ...CONSENT,
  phase: 'working',
  peerId: PEER,
  peers: 3,
  transports: ['webrtc-direct', 'webrtc', 'circuit-relay'],
  models: [
    {
      cid: cidOfBytes(bytesOf('moonshine')),
      name: 'moonshine-tiny',
      bytes: 28_100_000,
      bytesHeld: 28_100_000,
      state: 'ready',
      provider: 'wasm',
      reason: ''
    },
    {
      cid: cidOfBytes(bytesOf('silero')),
      name: 'silero-vad',
      bytes: 2_300_000,
      bytesHeld: 2_300_000,
      state: 'ready',
      provider: 'wasm',
      reason:
        'webgpu: golden 0: executor.memory_exceeded {"adapter":"a-very-long-name-without-any-space/of-some-vendor-1562","bytes":4745517}'
    },
    {
      cid: cidOfBytes(bytesOf('ocr')),
      name: 'ppocr-v4-recognition',
      bytes: 10_900_000,
      bytesHeld: 4_200_000,
      state: 'fetching',
      provider: null,
      reason: ''
    }
  ],
  current: [
    {
      lease: leaseId(99),
      unit: unitId(99),
      task: 'transcribe[42]',
      tenant: 'city-library',
      purpose: 'Speech to text of oral history recordings',
      model: 'moonshine-tiny',
      provider: 'wasm',
      progress: 0.62,
      startedMs: Date.now()
    }
  ],
  counts: { done: 312, rejected: 1, waiting: 2, lost: 1 },
  unitsPerMinute: 7.4,
  traffic: { downBytes: 41_300_000, upBytes: 1_210_000, downToday: 41_300_000 },
  creditMicro: { inVerification: 2_207, escrow: 2_741, cleared: 351_964 },
  lines: Array.from({ length: 24 }, (_none, index) => line(index)),
  trust: {
    scorePermille: 741,
    state: 'active',
    next: { scorePermille: 800, what: 'fewer of its results are checked by a second node' },
    changes: [
      { atMs: NOW_MS - 20_000, deltaPermille: 6, reason: 'accepted' },
      { atMs: NOW_MS - 51_000, deltaPermille: 6, reason: 'accepted' },
      { atMs: NOW_MS - 95_000, deltaPermille: -10, reason: 'expired' },
      { atMs: NOW_MS - 120_000, deltaPermille: 7, reason: 'accepted' },
      { atMs: NOW_MS - 240_000, deltaPermille: -240, reason: 'disagreed' }
    ]
  },
  history: Array.from({ length: 46 }, (_none, index) => minute(index)),
  cacheBytes: 41_300_000
}

const IDLE: Partial<TabView> = { current: [], unitsPerMinute: null }

/** Every state that a test looks at, by name. */
export const VIEWS: Readonly<Record<string, TabView>> = {
  consent: CONSENT,
  joining: {
    ...CONSENT,
    phase: 'joining',
    peerId: PEER,
    detail: { key: 'joining.dialling', facts: {} }
  },
  waiting: {
    ...WORKING,
    ...IDLE,
    phase: 'waiting',
    detail: {
      key: 'waiting.memory',
      facts: { needed: '1.4 GiB', allowed: '1 GiB' }
    }
  },
  working: WORKING,
  finishing: { ...WORKING, phase: 'finishing' },
  paused: { ...WORKING, ...IDLE, phase: 'paused', holds: [{ rule: 'owner', untilMs: null }] },
  held: {
    ...WORKING,
    ...IDLE,
    phase: 'waiting',
    holds: [
      { rule: 'battery', untilMs: null },
      { rule: 'schedule', untilMs: NOW_MS + 750 * MINUTE_MS }
    ],
    limits: { ...WORKING.limits, schedule: { fromMin: 1320, toMin: 420 }, stopAfterUnits: 40 }
  },
  blocked: {
    ...CONSENT,
    phase: 'blocked',
    detail: { key: 'blocked.insecure', facts: {} },
    backends: [
      { provider: 'wasm', state: 'ready', detail: '1 thread' },
      {
        provider: 'webgpu',
        state: 'unavailable',
        detail: 'needs a page that is served by https or from this machine'
      }
    ]
  },
  elsewhere: { ...CONSENT, phase: 'elsewhere', detail: { key: 'elsewhere.other_tab', facts: {} } }
}
