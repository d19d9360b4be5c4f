/**
 * Whatever nodes do - lie, fail, hand back, repeat themselves, vanish and come back - the gateway
 * keeps its invariants: the auditor of the mesh in memory checks money, leases and events on every
 * effect, and when honest nodes are there again, every submission comes to its one outcome.
 */
import { equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import type { PackedUnit, WorkUnit } from '#contracts'
import {
  edge,
  GatewayMesh,
  type Manner,
  MODEL,
  rightAnswer,
  SESSION,
  unitOf
} from '../support/gateway-mesh.ts'

const MANNERS: readonly Manner[] = [
  'honest',
  'honest',
  'honest',
  'honest',
  'lie',
  'malformed',
  'fail',
  'hopeless',
  'time-out',
  'silent',
  'release',
  'duplicate',
  'copy',
  'withhold',
  'unsure',
  'other-model',
  'greedy'
]

interface DrawnUnit {
  readonly kind: WorkUnit['kind']
  readonly mode: WorkUnit['verification']['mode']
  readonly replicas: number
  readonly priority: WorkUnit['priority']
  readonly local: boolean
  readonly idempotent: boolean
  readonly dependsOnLast: boolean
  readonly costMicro: number
  readonly edge: 'failure' | 'schema_mismatch' | 'confidence_below' | null
}

const drawnUnit: fc.Arbitrary<DrawnUnit> = fc.record({
  kind: fc.constantFrom('deterministic', 'small_model', 'llm'),
  mode: fc.constantFrom('none', 'schema', 'schema', 'quorum', 'recompute'),
  replicas: fc.integer({ min: 1, max: 3 }),
  priority: fc.constantFrom('p0', 'p1', 'p2', 'p3'),
  local: fc.boolean(),
  idempotent: fc.boolean(),
  dependsOnLast: fc.boolean(),
  costMicro: fc.integer({ min: 0, max: 60 }),
  edge: fc.constantFrom(null, 'failure', 'schema_mismatch', 'confidence_below')
})

function packed(task: string, drawn: DrawnUnit, last: PackedUnit | undefined): PackedUnit {
  const isModel = drawn.kind !== 'deterministic'
  return unitOf(task, {
    kind: drawn.kind,
    model: isModel ? { cid: MODEL, handler: null } : { cid: null, handler: 'noop' },
    dependencies: drawn.dependsOnLast && last !== undefined ? [last.id] : [],
    budget: { max_tokens: isModel ? 10 : 0, max_time_ms: 10_000, max_cost_micro: drawn.costMicro },
    constraints: { privacy: drawn.local ? 'local_only' : 'allow_remote' },
    verification: { mode: drawn.mode, replicas: drawn.replicas },
    priority: drawn.priority,
    idempotent: drawn.idempotent
  })
}

const mischief = fc.record({
  atMs: fc.integer({ min: 0, max: 20_000 }),
  node: fc.nat({ max: 5 }),
  what: fc.constantFrom('vanish', 'return', 'return-empty', 'cancel')
})

describe('gateway: whatever nodes do', () => {
  it('keeps its invariants and brings every submission to one outcome', function () {
    this.timeout(120_000)
    fc.assert(
      fc.property(
        fc.array(drawnUnit, { minLength: 1, maxLength: 14 }),
        fc.array(fc.array(fc.constantFrom(...MANNERS), { minLength: 1, maxLength: 4 }), {
          minLength: 1,
          maxLength: 5
        }),
        fc.array(mischief, { maxLength: 6 }),
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
