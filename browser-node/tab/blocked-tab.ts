/** A tab that cannot take part: it says why, and nothing else can be done with it. */
import { MeshError } from '#contracts'
import type { DonateTab, TabView } from '../tab-contract.ts'
import { DEFAULT_LIMITS } from './owner-limits.ts'
import type { Detail } from './tab-ports.ts'

export function blockedTab(detail: Detail): DonateTab {
  const view: TabView = {
    phase: 'blocked',
    detail,
    holds: [],
    mesh: { id: '', name: '', operator: '', purpose: '', models: [] },
    peerId: null,
    peers: 0,
    transports: [],
    backends: [],
    models: [],
    current: [],
    counts: { done: 0, rejected: 0, waiting: 0, lost: 0 },
    unitsPerMinute: null,
    traffic: { downBytes: 0, upBytes: 0, downToday: 0 },
    creditMicro: { inVerification: 0, escrow: 0, cleared: 0 },
    lines: [],
    trust: null,
    history: [],
    limits: DEFAULT_LIMITS,
    cacheBytes: 0
  }
  return {
    view: () => view,
    subscribe: () => () => {},
    start: async () => {},
    pause: async () => {},
    finishThenPause: () => {},
    override: () => {},
    setLimits: async () => {},
    receipt: (unit) => Promise.reject(new MeshError('receipt.not_found', { unit })),
    close: async () => {}
  }
}
