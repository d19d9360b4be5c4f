/**
 * The product's gateway and agents at work over the real stack: node 0 leases units of a model to the
 * others, judges, accepts and bills them. Says what went wrong with them; mends nothing.
 */
import {
  cidDigest,
  cidOfBytes,
  type FabricSignal,
  type PackedUnit,
  packUnit,
  parseSessionId,
  type SignedGenesis,
  type UnitId,
  type UnitOutcome
} from '#contracts'
import { balancesSumToZero } from '#ledger'
import { countingBids } from './bid-watch.ts'
import { FAKE_MODEL, inputOf, rightOutput } from './fake-model.ts'
import type { GossipWatch } from './gossip-run.ts'
import { type ControlPart, openAgent, openControl, TENANT } from './mesh-parts.ts'
import type { RealWork } from './options.ts'
import type { RealUnits } from './report.ts'
import { dialOthers, msToUs, type World } from './world.ts'

const SESSION = parseSessionId(`s${'5a'.repeat(16)}`)
const DOCUMENT = cidOfBytes(new TextEncoder().encode('a graph of independent units'))
const STATE_HASH = '00'.repeat(32)
/** A mesh that is not there, or has not worked everything off by then, is a violation. */
const JOIN_LIMIT_US = 300_000_000
const WORK_LIMIT_US = 3_600_000_000
const BUDGETS = {
  max_tokens: 1_000_000,
  max_latency_ms: 86_400_000,
  max_cost_micro: 1_000_000_000,
  max_model_calls: 1_000_000
} as const

export interface WorkFound {
  readonly units: RealUnits
  readonly bids: number
  readonly ledgerDigest: string
  readonly violations: readonly string[]
}

export async function runMesh(
  world: World,
  watch: GossipWatch,
  { genesis, work }: { readonly genesis: SignedGenesis; readonly work: RealWork }
): Promise<WorkFound> {
  const { options, clock } = world
  const violations: string[] = []
  const fatal = (error: unknown): void => {
    violations.push(`a driver failed: ${error instanceof Error ? error.message : String(error)}`)
  }
  const outcomes = new Map<UnitId, UnitOutcome>()
  const onSignal = (signal: FabricSignal): void => {
    if (signal.type === 'outcome') hear(world, outcomes, signal.outcome)
  }
  let bids = 0
  const bid = (): void => {
    bids += 1
  }
  const opened = async () => {
    const ports = (node: number) => ({
      network: countingBids(watch.watched(node), bid),
      genesis,
      fatal
    })
    const control = await openControl(options, ports(0), onSignal)
    for (let node = 1; node < options.nodes; node++) await openAgent(options, node, ports(node))
    return control
  }
  const control = await clock.settled(opened(), clock.nowUs + JOIN_LIMIT_US, 'all nodes start')
  dialOthers(world)
  const { gateway, ledger } = control
  const joinedBy = clock.nowUs + JOIN_LIMIT_US
  await clock.runUntil(() => gateway.nodesReady() === options.nodes - 1, joinedBy, 'nodes join')
  const endsBy = clock.nowUs + WORK_LIMIT_US
  const units = await clock.settled(submit(control, work), endsBy, 'the session opens')
  await clock.runUntil(() => outcomes.size === units.length, endsBy, 'every unit has an outcome')
  if (!clock.isStopped) {
    const closing = gateway.close(SESSION, 'success', STATE_HASH)
    await clock.settled(closing, endsBy, 'the session closes')
    await clock.pass(msToUs(options.drainMs))
  }
  for (const { rule } of ledger.fold.rejections()) violations.push(`the fold refused: ${rule}`)
  if (!balancesSumToZero(ledger.fold.balances())) violations.push('balances do not sum to zero')
  return {
    units: count(units, outcomes),
    bids,
    ledgerDigest: ledger.fold.digest(),
    violations
  }
}

function hear({ clock, trace }: World, outcomes: Map<UnitId, UnitOutcome>, outcome: UnitOutcome) {
  outcomes.set(outcome.unitId, outcome)
  const digest = outcome.outputCid === null ? null : cidDigest(outcome.outputCid)
  trace.add({ kind: 'outcome', atUs: clock.nowUs, node: 0, other: 0, bytes: 0, digest })
}

async function submit(
  { gateway, blobs }: ControlPart,
  work: RealWork
): Promise<readonly PackedUnit[]> {
  await gateway.open({
    session: SESSION,
    tenant: TENANT,
    graphId: 'graph',
    graphCid: DOCUMENT,
    inputsCid: DOCUMENT,
    requestId: 'request',
    budgets: BUDGETS,
    maxRetriesTotal: 1_000
  })
  const units: PackedUnit[] = []
  for (let index = 0; index < work.units; index++) {
    await blobs.put(inputOf(index))
    units.push(unitOf(index, work))
  }
  gateway.submit(
    SESSION,
    units.map((unit) => ({ unit, edges: [] }))
  )
  return units
}

function unitOf(index: number, { quorumEvery, serviceMs }: RealWork): PackedUnit {
  const input = inputOf(index)
  const isAgreed = quorumEvery !== null && index % quorumEvery === 0
  return packUnit({
    v: 1,
    graph_id: 'graph',
    execution_session_id: SESSION,
    tenant_id: TENANT,
    task_id: 'double',
    index,
    kind: 'small_model',
    dependencies: [],
    model: { cid: FAKE_MODEL.cid, handler: null },
    inputs: [{ name: 'number', cid: cidOfBytes(input), dtype: 'value', shape: [input.length] }],
    output_schema: true,
    constraints: {
      privacy: 'allow_remote',
      trusted_node_required: false,
      region: null,
      min_memory_mb: 0,
      accelerators: [],
      latency_ms: 0
    },
    budget: { max_tokens: 0, max_time_ms: 60_000, max_cost_micro: 10_000 },
    retries: { max_attempts: 5, backoff_ms: 500 },
    timeouts: { dispatch_ms: 30_000, run_ms: 20_000 + serviceMs },
    idempotent: true,
    critical: false,
    verification: isAgreed
      ? { mode: 'quorum', replicas: 2, agreement: { level: 'exact' } }
      : { mode: 'schema', replicas: 1, agreement: { level: 'exact' } },
    priority: 'p2'
  })
}

function count(
  units: readonly PackedUnit[],
  outcomes: ReadonlyMap<UnitId, UnitOutcome>
): RealUnits {
  let accepted = 0
  let wrong = 0
  let failed = 0
  let executions = 0
  for (const [index, { id }] of units.entries()) {
    const outcome = outcomes.get(id)
    if (outcome === undefined) continue
    executions += outcome.executions.length
    if (outcome.status !== 'success') {
      failed += 1
      continue
    }
    accepted += 1
    if (outcome.outputCid !== rightOutput(index)) wrong += 1
  }
  return { submitted: units.length, accepted, wrong_accepted: wrong, failed, executions }
}
