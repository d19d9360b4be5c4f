/**
 * Which units a node takes, as rules with names: the operator sees them in `krako-node status`, the
 * gateway gets them with the lease that is handed back. Judges one unit against one node's limits.
 */
import { SUBSTRATE_OF_KIND, type Tier, type UnitKind, type WorkUnit } from '#contracts'
import type { AgentOptions } from './agent-contract.ts'
import { builtInOf } from './built-in.ts'

export const OFFER_RULES = [
  'kind',
  'pod',
  'tenant',
  'handler',
  'memory',
  'region',
  'accelerator',
  'unauthorized',
  'queue_full',
  'results_full',
  'model_refused',
  'models_full',
  'paused',
  'draining',
  'ended',
  'mismatched'
] as const
export type OfferRule = (typeof OFFER_RULES)[number]

/** The first rule that keeps this node from running the unit, or null. Models are judged apart. */
export function refusalOf(unit: WorkUnit, options: AgentOptions): OfferRule | null {
  const { descriptor } = options
  const { constraints } = unit
  if (!descriptor.kinds.includes(unit.kind)) return 'kind'
  if (!servesKind(unit.kind, options)) return 'pod'
  if (!servesTenant(unit.tenant_id, options)) return 'tenant'
  if (unit.model.cid === null && builtInOf(unit) === null) return 'handler'
  if (constraints.min_memory_mb > descriptor.memory_mb) return 'memory'
  if (constraints.region !== null && constraints.region !== descriptor.region) return 'region'
  const missing = constraints.accelerators.some((name) => !descriptor.accelerators.includes(name))
  return missing ? 'accelerator' : null
}

/** Kinds for pods need a node that serves as one. */
export const servesKind = (kind: UnitKind, { descriptor }: AgentOptions): boolean =>
  descriptor.kinds.includes(kind) &&
  (SUBSTRATE_OF_KIND[kind] !== 'pod' || descriptor.pod_tiers.length > 0)

export const servesTenant = (tenant: string, { tenants }: AgentOptions): boolean =>
  tenants === null || tenants.includes(tenant)

/** Why a model's manifest alone rules it out here, or null. */
export function manifestRefusal(
  manifest: { readonly tier: Tier; readonly memoryMb: number },
  { descriptor }: AgentOptions
): string | null {
  if (manifest.tier !== 'small' && !descriptor.pod_tiers.includes(manifest.tier)) {
    return `this node is no pod for the ${manifest.tier} tier`
  }
  if (manifest.memoryMb > descriptor.memory_mb) {
    return `needs ${manifest.memoryMb} MB of memory, this node gives ${descriptor.memory_mb} MB`
  }
  return null
}
