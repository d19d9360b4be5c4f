/**
 * Whatever nodes do - lie, fail, hand back, repeat themselves, vanish and come back - the gateway
 * keeps its invariants: the auditor of the mesh in memory checks money, leases and events on every
 * effect, and when honest nodes are there again, every submission comes to its one outcome.
 */
import { equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import type { PackedUnit, WorkUnit } from '#contracts'
import {
  DRAWN_UNIT,
  type DrawnUnit,
  drawnManners,
  drawnTurns,
  MANNERS
} from '../support/drawn-runs.ts'
import { GatewayMesh } from '../support/gateway-mesh.ts'
import { edge, MODEL, SESSION, unitOf } from '../support/mesh-units.ts'
import { type Manner, rightAnswer } from '../support/model-node.ts'

/** Some nodes promise here and never show. */
const WITHHOLDING: readonly Manner[] = [...MANNERS, 'honest', 'withhold']

interface UrgentUnit extends DrawnUnit {
  readonly priority: WorkUnit['priority']
  readonly idempotent: boolean
}

const urgentUnit: fc.Arbitrary<UrgentUnit> = fc.record({
  ...DRAWN_UNIT,
  priority: fc.constantFrom('p0', 'p1', 'p2', 'p3'),
  idempotent: fc.boolean()
})

function packed(task: string, drawn: UrgentUnit, last: PackedUnit | undefined): PackedUnit {
  const isModel = drawn.kind !== 'deterministic'
  return unitOf(task, {
    kind: drawn.kind,
    model: isModel ? { cid: MODEL, handler: null } : { cid: null, handler: 'noop' },
    dependencies: drawn.waits && last !== undefined ? [last.id] : [],
    budget: { max_tokens: isModel ? 10 : 0, max_time_ms: 10_000, max_cost_micro: drawn.costMicro },
    constraints: { privacy: drawn.isLocal ? 'local_only' : 'allow_remote' },
    verification: { mode: drawn.mode, replicas: drawn.replicas },
    priority: drawn.priority,
    idempotent: drawn.idempotent
  })
}

describe('gateway: whatever nodes do', () => {
  it('keeps its invariants and brings every submission to one outcome', function () {
    this.timeout(120_000)
    fc.assert(
      fc.property(
        fc.array(urgentUnit, { minLength: 1, maxLength: 14 }),
        drawnManners(WITHHOLDING),
        drawnTurns,
        fc.integer({ min: 50, max: 2_000 }),
        (units, manners, turns, maxCostMicro) => {
          const mesh = new GatewayMesh({ trusted: [0, 1, 90, 91, 92, 93] })
          mesh.open({
            budgets: {
              max_tokens: 10_000,
              max_latency_ms: 3_600_000,
              max_cost_micro: maxCostMicro,
              max_model_calls: 1_000
            }
          })
          const nodes = manners.map((list, number) =>
            mesh.addNode(number, {
              runMs: 5 + 40 * number,
              slots: 1 + number,
              descriptor: { pod_tiers: number % 2 === 0 ? ['medium', 'large'] : [] },
              manner: (offer) => list[offer.attempt % list.length] ?? 'honest'
            })
          )
          let last: PackedUnit | undefined
          const all = units.map((drawn, index) => {
            const unit = packed(`u${index}`, drawn, last)
            last = unit
            if (drawn.edge === null) return { unit, edges: [] }
            const other = packed(`e${index}`, { ...drawn, mode: 'schema' }, undefined)
            return { unit, edges: [edge(other, drawn.edge)] }
          })
          for (const { atMs, node: number, what } of turns) {
            const node = nodes[number % nodes.length]
            if (node === undefined) continue
            mesh.after(atMs, () => {
              if (what === 'cancel') {
                if (number === 5) return [{ type: 'cancel', session: SESSION, nowMs: mesh.nowMs }]
              } else if (what === 'vanish') mesh.disconnect(node)
              else if (!node.connected) {
                const held = what === 'return' ? node.granted.map(({ lease_id }) => lease_id) : []
                mesh.connect(node, held)
              }
              return []
            })
          }
          mesh.submit(...all)
          mesh.run(30_000)
          for (const number of [90, 91, 92, 93]) {
            mesh.addNode(number, { descriptor: { pod_tiers: ['medium', 'large'] } })
          }
          ok(mesh.drain(1_200_000), 'the queue drains when nodes are healthy')
          for (const { unit } of all) {
            const outcome = mesh.outcomes.get(unit.id)
            const final = outcome?.finalUnitId
            if (outcome?.status !== 'success' || final === undefined) continue
            const { mode } = mesh.auditor.unit(final).unit.verification
            if (mode === 'recompute' && nodes.length < 3) continue
            ok(outcome.outputCid !== null, 'success has an output')
            if (
              mode === 'recompute' &&
              manners
                .slice(0, 2)
                .flat()
                .every((one) => one !== 'lie')
            ) {
              equal(outcome.outputCid, rightAnswer(final), 'a trusted result decides')
            }
          }
          mesh.feed({
            type: 'close',
            session: SESSION,
            stopReason: 'success',
            stateHash: '00'.repeat(32),
            nowMs: mesh.nowMs
          })
          mesh.audit()
        }
      ),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 150) }
    )
  })
})
