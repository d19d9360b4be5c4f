/**
 * What the gateway keeps for a mesh that checks its nodes: whose word is taken, whose turn it is, how
 * many checks are under way, and the keyed chance by which they fall. Reads the ledger's fold and
 * never computes trust; who is placed where is `trust-placement.ts`.
 */
import { assert, type WorkUnit } from '#contracts'
import { remainingMicro } from './budget.ts'
import type { NodeChanges, RankRule } from './candidates.ts'
import type { GatewayOptions, NodeChecks } from './gateway-io.ts'
import {
  backendClassOf,
  type LeaseRecord,
  type NodeRecord,
  type SessionRecord,
  type UnitRecord
} from './gateway-state.ts'
import { KeyedDraw } from './keyed-draw.ts'

/** What is read here of the gateway's state. */
interface Nodes {
  readonly nowMs: number
  readonly nodes: ReadonlyMap<string, NodeRecord>
  readonly changes: NodeChanges
}

/** The list of nodes that draws fall on may be so old. */
const ROSTER_MS = 500

export class TrustChecks {
  readonly view: NodeChecks
  readonly draw: KeyedDraw
  /** Units that have succeeded and wait for another lease. */
  readonly rechecks: UnitRecord[] = []
  /** Leases beyond what the graphs ask for, of which the ledger has not heard the end. */
  openExtras = 0
  #roster: readonly NodeRecord[] = []
  #rosterAtMs = Number.NEGATIVE_INFINITY

  constructor(view: NodeChecks, secret: Uint8Array) {
    this.view = view
    this.draw = new KeyedDraw(secret)
  }

  readonly proven: RankRule = { admits: ({ id }) => this.view.isProven(id) }
  readonly tested: RankRule = {
    admits: (node) => !this.view.isProven(node.id) && this.needs(node) > 0,
    scoreOf: ({ id }) => -this.view.turnOf(id)
  }

  /** A graph that asks for more has it, and one that asks for nothing is not made to pay. */
  applies({ verification }: WorkUnit): boolean {
    return verification.mode === 'schema'
  }

  /** Checks that the node still needs when those under way have passed. */
  needs(node: NodeRecord): number {
    return this.view.needsOf(node.id) - node.checks
  }

  /** Whether an extra execution fits what checks may cost the mesh. */
  mayCheck(): boolean {
    return this.view.mayCheck({ extras: this.openExtras, units: 0 })
  }

  /** Whether the session can pay for it without taking from units that have no lease yet. */
  hasRoom(session: SessionRecord, micro: number): boolean {
    return remainingMicro(session) - session.unplacedMicro >= micro
  }

  /** Nodes for draws. */
  roster(world: Nodes): readonly NodeRecord[] {
    if (world.nowMs - this.#rosterAtMs >= ROSTER_MS || this.#roster.length === 0) {
      this.#roster = [...world.nodes.values()]
      this.#rosterAtMs = world.nowMs
    }
    return this.#roster
  }

  leaseGranted(lease: LeaseRecord, { isExtra, isCheck }: { isExtra: boolean; isCheck: boolean }) {
    lease.isExtra = isExtra
    lease.isCheck = isCheck
    if (isExtra) this.openExtras += 1
    if (isCheck) lease.node.checks += 1
  }

  leaseEnded(world: Nodes, lease: LeaseRecord): void {
    if (lease.isExtra) this.openExtras -= 1
    if (lease.isCheck) this.checkEnded(world, lease.node)
    assert(this.openExtras >= 0, 'an extra lease ends once')
  }

  checkEnded(world: Nodes, node: NodeRecord): void {
    node.checks -= 1
    assert(node.checks >= 0, 'a check ends once')
    world.changes.risen(node)
  }
}

/** Null where the mesh's policy asks for no checks of its own. */
export function trustChecksOf({ trust, secret }: GatewayOptions): TrustChecks | null {
  const checks = trust?.checks ?? null
  if (checks === null) return null
  assert(secret !== undefined && secret.length > 0, 'who is checked is nobody else to foresee')
  return new TrustChecks(checks, secret)
}

/** Whether results of the two can be expected to be equal: of bytes alone within a backend class. */
export function isComparable(unit: UnitRecord, node: NodeRecord, lease: LeaseRecord): boolean {
  const { level } = unit.packed.unit.verification.agreement
  if (level !== 'exact' && level !== 'class_exact') return true
  const { attestation } = lease
  const known = attestation === null ? lease.node.backendClass : backendClassOf(attestation.backend)
  return node.backendClass === known
}
