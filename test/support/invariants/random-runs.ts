/**
 * Random runs of the gateway machine among nodes that lie, fail, repeat themselves, vanish and come
 * back, and what each leaves behind. Doubles of its ports may be planted; the run is then as bad as
 * they are, and nothing in here objects.
 */
import fc from 'fast-check'
import type { PackedUnit, UnitSubmission } from '#contracts'
import {
  DRAWN_UNIT,
  type DrawnTurn,
  type DrawnUnit,
  drawnManners,
  drawnTurns,
  MANNERS
} from '../drawn-runs.ts'
import { GatewayMesh, type PortDoubles } from '../gateway-mesh.ts'
import { MachineMesh } from '../machine-mesh.ts'
import { edge, MODEL, SESSION, spec, unitOf } from '../mesh-units.ts'
import { type Manner, malformedAnswer } from '../model-node.ts'
import type { RunRecord } from './run-record.ts'

const TRUSTED = [0, 90, 91, 92, 93]
/** Nodes that come in the end, so that every session can. */
const HEALTHY = [90, 91, 92, 93]
const POD = ['medium', 'large'] as const

export interface RunPlan {
  readonly units: readonly DrawnUnit[]
  readonly manners: readonly (readonly Manner[])[]
  readonly turns: readonly DrawnTurn[]
  readonly maxCostMicro: number
}

export const runPlan: fc.Arbitrary<RunPlan> = fc.record({
  units: fc.array(fc.record(DRAWN_UNIT), { minLength: 1, maxLength: 12 }),
  manners: drawnManners(MANNERS),
  turns: drawnTurns,
  maxCostMicro: fc.integer({ min: 50, max: 2_000 })
})

/** A run in which every unit meets faults of every kind, for planted violations: no chance in it. */
export const EVENTFUL: RunPlan = {
  units: (['none', 'schema', 'quorum', 'recompute'] as const).flatMap((mode) =>
    (['deterministic', 'small_model', 'llm'] as const).map((kind) => ({
      kind,
      mode,
      replicas: mode === 'quorum' ? 2 : 1,
      isLocal: kind === 'small_model',
      waits: false,
      costMicro: 20,
      edge: 'failure'
    }))
  ),
  manners: [
    ['honest', 'malformed'],
    ['fail', 'honest'],
    ['malformed', 'lie'],
    ['honest', 'duplicate']
  ],
  turns: [{ atMs: 40, node: 1, what: 'vanish' }],
  maxCostMicro: 5_000
}

function packed(task: string, drawn: DrawnUnit, last: PackedUnit | undefined): PackedUnit {
  const isModel = drawn.kind !== 'deterministic'
  return unitOf(task, {
    kind: drawn.kind,
    model: isModel ? { cid: MODEL, handler: null } : { cid: null, handler: 'noop' },
    dependencies: drawn.waits && last !== undefined ? [last.id] : [],
    budget: { max_tokens: isModel ? 10 : 0, max_time_ms: 10_000, max_cost_micro: drawn.costMicro },
    constraints: { privacy: drawn.isLocal ? 'local_only' : 'allow_remote' },
    verification: { mode: drawn.mode, replicas: drawn.replicas }
  })
}

function submissionsOf({ units }: RunPlan): UnitSubmission[] {
  let last: PackedUnit | undefined
  return units.map((drawn, index) => {
    const unit = packed(`u${index}`, drawn, last)
    last = unit
    if (drawn.edge === null) return { unit, edges: [] }
    const way = packed(`u${index}`, { ...drawn, mode: 'schema', replicas: 1 }, undefined)
    const out = { ...way.unit, retries: { max_attempts: 2, backoff_ms: 400 } }
    return { unit, edges: [edge(unitOf(way.unit.task_id, out), drawn.edge)] }
  })
}

export interface RandomRun {
  readonly mesh: GatewayMesh
  readonly record: RunRecord
}

/** Plays a plan to its end: every submission has its outcome, and the session is closed. */
export function playRun(plan: RunPlan, doubles?: PortDoubles): RandomRun {
  const mesh = new GatewayMesh({ trusted: TRUSTED, ...(doubles === undefined ? {} : { doubles }) })
  const budgets = {
    max_tokens: 10_000,
    max_latency_ms: 3_600_000,
    max_cost_micro: plan.maxCostMicro,
    max_model_calls: 1_000
  }
  mesh.open({ budgets })
  plan.manners.forEach((list, number) => {
    mesh.addNode(number, {
      runMs: 5 + 40 * number,
      slots: 1 + number,
      descriptor: { pod_tiers: number % 2 === 0 ? [...POD] : [] },
      manner: ({ attempt }) => list[attempt % list.length] ?? 'honest'
    })
  })
  playTurns(mesh, plan)
  const submissions = submissionsOf(plan)
  mesh.submit(...submissions.map(({ unit, edges }) => ({ unit, edges: [...edges] })))
  mesh.run(30_000)
  for (const number of HEALTHY) mesh.addNode(number, { descriptor: { pod_tiers: [...POD] } })
  mesh.drain(1_200_000)
  const { nowMs } = mesh
  const stateHash = '00'.repeat(32)
  mesh.feed({ type: 'close', session: SESSION, stopReason: 'success', stateHash, nowMs })
  return { mesh, record: recordOf(mesh, submissions, budgets) }
}

function playTurns(mesh: GatewayMesh, { turns }: RunPlan): void {
  const nodes = [...mesh.nodes.values()]
  for (const { atMs, node: number, what } of turns) {
    const node = nodes[number % nodes.length]
    if (node === undefined) continue
    mesh.after(atMs, () => {
      if (what === 'cancel') {
        if (number === 5) return [{ type: 'cancel', session: SESSION, nowMs: mesh.nowMs }]
      } else if (what === 'vanish') mesh.disconnect(node)
      else if (!node.connected)
        mesh.connect(node, what === 'return' ? node.granted.map((one) => one.lease_id) : [])
      return []
    })
  }
}

function recordOf(
  mesh: GatewayMesh,
  submissions: readonly UnitSubmission[],
  budgets: ReturnType<typeof spec>['budgets']
): RunRecord {
  const nodes = [...mesh.nodes.values()]
  return {
    budgets: new Map([[SESSION, budgets]]),
    submissions,
    own: new Set(),
    events: mesh.events,
    entries: mesh.records,
    outcomes: [...mesh.outcomes.values()],
    nodes: new Map(nodes.map(({ id, descriptor }) => [id, { podTiers: descriptor.pod_tiers }])),
    trusted: new Set(nodes.filter(({ id }) => mesh.auditor.trusted.has(id)).map(({ id }) => id)),
    executions: mesh.executions,
    checksNodes: false,
    fits: ({ id }, output) => output !== malformedAnswer(id)
  }
}

/** Both machines together, every frame `copies` times, links broken as drawn. */
export function playAgents(
  units: readonly PackedUnit[],
  { copies, breaks }: { readonly copies: number; readonly breaks: readonly number[] }
): RunRecord {
  const mesh = new MachineMesh({ copies })
  const members = [1, 2, 3].map((number) => mesh.addAgent(number, { slots: 2, queue_max: 8 }))
  mesh.submit(units)
  breaks.forEach((outcomes, place) => {
    const enough = Math.min(outcomes, units.length)
    mesh.runUntil(() => mesh.outcomes.size >= enough, `${enough} outcomes`)
    const member = members[place % members.length]
    if (member !== undefined) mesh.breakLink(member)
  })
  mesh.runUntil(() => mesh.outcomes.size === units.length, 'every outcome')
  return {
    budgets: new Map([[SESSION, spec().budgets]]),
    submissions: units.map((unit) => ({ unit, edges: [] })),
    own: new Set(),
    events: mesh.events,
    entries: mesh.records,
    outcomes: [...mesh.outcomes.values()],
    nodes: new Map([...mesh.members.keys()].map((node) => [node, { podTiers: [] }])),
    trusted: new Set(),
    executions: mesh.runs,
    checksNodes: false,
    fits: () => true
  }
}
