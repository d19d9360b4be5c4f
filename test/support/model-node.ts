/**
 * Nodes as the gateway's tests see them: what they say they are, how they behave towards a lease, what
 * they attest, and a judge that knows the right answers. No key signs and no socket opens.
 */
import { ok } from 'node:assert/strict'
import {
  type Attestation,
  type Cid,
  cidOfBytes,
  commitmentOf,
  encodeAttestation,
  type GrantMessage,
  type HelloMessage,
  type LeaseId,
  type PackedUnit,
  type PeerId,
  type UnitId
} from '#contracts'
import type { GatewayInput, JudgedUnit, JudgeRequest } from '#mesh-node/core'
import { peer, SOME_CID } from './mesh-units.ts'

const utf8 = new TextEncoder()

/** How a node behaves towards one lease. */
export type Manner =
  | 'honest'
  | 'lie'
  | 'collude'
  | 'malformed'
  | 'fail'
  | 'hopeless'
  | 'time-out'
  | 'silent'
  | 'release'
  | 'duplicate'
  | 'copy'
  | 'withhold'
  | 'unsure'
  | 'other-model'
  | 'greedy'

type Descriptor = HelloMessage['descriptor']
export interface NodeOptions {
  readonly descriptor?: Partial<Descriptor>
  readonly manner?: Manner | ((lease: LeaseOffer, unit: PackedUnit) => Manner)
  /** From the grant to the result or commitment. */
  readonly runMs?: number
  /** From being asked for its result to the result. */
  readonly showMs?: number
  readonly slots?: number
  /** What its first hello says that it holds. */
  readonly holding?: readonly LeaseId[]
}
export type LeaseOffer = GrantMessage['leases'][number]

export const rightAnswer = (unit: UnitId): Cid => cidOfBytes(utf8.encode(`right ${unit}`))
export const wrongAnswer = (unit: UnitId, liar: string): Cid =>
  cidOfBytes(utf8.encode(`wrong ${liar} ${unit}`))
const unsureAnswer = (unit: UnitId): Cid => cidOfBytes(utf8.encode(`unsure ${unit}`))
export const malformedAnswer = (unit: UnitId): Cid => cidOfBytes(utf8.encode(`malformed ${unit}`))

export class ModelNode {
  readonly id: PeerId
  readonly descriptor: Descriptor
  readonly options: NodeOptions
  connected = false
  /** Every lease it was ever granted. */
  readonly granted: LeaseOffer[] = []
  readonly revoked = new Set<LeaseId>()
  readonly verdicts = new Map<LeaseId, string>()
  readonly answers = new Map<LeaseId, Attestation>()

  constructor(number: number, options: NodeOptions) {
    this.id = peer(number)
    this.options = options
    this.descriptor = {
      owner: `owner-${number}`,
      kinds: ['deterministic', 'retrieval', 'small_model', 'llm'],
      pod_tiers: [],
      zones: [],
      region: null,
      memory_mb: 4_096,
      accelerators: [],
      slots: 4,
      queue_max: 64,
      backend: { runtime: 'ort', version: '1', provider: 'cpu', device_class: 'x64' },
      ...options.descriptor
    }
  }

  mannerFor(offer: LeaseOffer, unit: PackedUnit): Manner {
    const { manner = 'honest' } = this.options
    return typeof manner === 'function' ? manner(offer, unit) : manner
  }
}

export function attestationOf(
  node: ModelNode,
  offer: LeaseOffer,
  { id, unit }: PackedUnit,
  manner: Manner
): Attestation {
  const output =
    manner === 'lie'
      ? wrongAnswer(id, node.id)
      : manner === 'collude'
        ? wrongAnswer(id, 'all')
        : manner === 'malformed'
          ? malformedAnswer(id)
          : manner === 'unsure'
            ? unsureAnswer(id)
            : rightAnswer(id)
  const attestation: Attestation = {
    v: 1,
    work_unit_id: id,
    attempt: offer.attempt,
    lease_id: offer.lease_id,
    node: node.id,
    model_cid: manner === 'other-model' ? SOME_CID : unit.model.cid,
    input_cids: unit.inputs.map(({ cid }) => cid),
    output_cid: output,
    backend: node.descriptor.backend,
    usage: {
      cpu_ms: 1,
      gpu_ms: 0,
      wall_ms: 1,
      tokens_in: 0,
      tokens_out: manner === 'greedy' ? unit.budget.max_tokens + 1 : 0
    },
    started_ms: 0,
    finished_ms: 1
  }
  return offer.commit ? { ...attestation, commit: commitmentOf(output, node.id) } : attestation
}

type ResultInput = Extract<GatewayInput, { type: 'result' }>

export const resultOf = (node: PeerId, attestation: Attestation, nowMs: number): ResultInput =>
  resultsOf(node, [attestation], nowMs)

/** Several results in one message. */
export const resultsOf = (
  node: PeerId,
  attestations: readonly Attestation[],
  nowMs: number
): ResultInput => ({
  type: 'result',
  node,
  results: {
    attestations,
    receipt: (index) => {
      const attestation = attestations[index]
      ok(attestation !== undefined)
      return { item: encodeAttestation(attestation), index, path: [], head: new Uint8Array(0) }
    }
  },
  nowMs
})

/** Right answers, and wrong ones that look right, follow the schema; groups are of equal ids. */
export function judgeByCid({ session, unit, candidates }: JudgeRequest): JudgedUnit {
  const comparable = candidates.filter(({ outputCid }) => outputCid !== malformedAnswer(unit.id))
  const groups = new Map<string, number[]>()
  for (const { attempt, outputCid } of comparable) {
    groups.set(outputCid, [...(groups.get(outputCid) ?? []), attempt])
  }
  return {
    session,
    unit: unit.id,
    judgements: candidates
      .filter(({ ok: known }) => !known)
      .map(({ attempt, outputCid }) => {
        const isUnsure = outputCid === unsureAnswer(unit.id)
        const isMalformed = outputCid === malformedAnswer(unit.id)
        const trigger = isUnsure ? 'confidence_below' : isMalformed ? 'schema_mismatch' : null
        return { attempt, judgement: { ok: trigger === null, issues: [], trigger } }
      }),
    groups: [...groups.values()].sort((a, b) => b.length - a.length || (a[0] ?? 0) - (b[0] ?? 0))
  }
}
