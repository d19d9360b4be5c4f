/** What others can make the gateway keep is bounded, and a session that is closed leaves nothing behind. */
import {
  GATEWAY_BATCHES_MAX,
  GATEWAY_CLASSES_MAX,
  GATEWAY_NODES_MAX,
  GATEWAY_PARKED_MAX,
  GATEWAY_SESSIONS_MAX,
  GATEWAY_TENANTS_MAX,
  NODE_CLAIMS_MAX
} from '#contracts'
import type { GatewaySizes } from '#mesh-node/core'
import type { Broken } from './book.ts'

const MOST: Partial<GatewaySizes> = {
  sessions: GATEWAY_SESSIONS_MAX,
  tenants: GATEWAY_TENANTS_MAX,
  nodes: GATEWAY_NODES_MAX,
  claims: NODE_CLAIMS_MAX,
  classes: GATEWAY_CLASSES_MAX,
  batches: GATEWAY_BATCHES_MAX,
  parked: GATEWAY_PARKED_MAX
}
/** Of sessions alone. */
const OF_SESSIONS = ['sessions', 'leases', 'recalled', 'classes'] as const

export function checkBounds(sizes: GatewaySizes, broken: Broken): void {
  for (const [name, size] of Object.entries(sizes)) {
    const most: unknown = Reflect.get(MOST, name)
    if (typeof most === 'number' && size > most) broken('bounded', `${size} ${name} of ${most}`)
  }
}

export function checkForgotten(sizes: GatewaySizes, broken: Broken): void {
  for (const name of OF_SESSIONS) {
    if (sizes[name] > 0) broken('nothing_kept', `${sizes[name]} ${name} after the session's end`)
  }
}
