/**
 * How many no-op units a second does the gateway machine alone take from submission to outcome, and
 * does a unit of a graph of 100,000 cost as much as one of 1,000? Two model nodes answer at once.
 */
import {
  type Attestation,
  type Cid,
  type GatewayFrame,
  openUnit,
  type PackedUnit,
  type PeerId,
  parseLogId
} from '#contracts'
import {
  type GatewayEffect,
  type GatewayInput,
  GatewayMachine,
  type JudgedUnit,
  type JudgeRequest
} from '#mesh-node/core'
import { GATEWAY, SESSION, spec, unitOf } from '../support/mesh-units.ts'
import { ModelNode, rightAnswer } from '../support/model-node.ts'
import { isQuick, recordResult } from './report.ts'

const SMALL = 1_000
const LARGE = isQuick ? 5_000 : 100_000
/** The driver hands a large graph over in parts of this size. */
const STEP_UNITS = 1_000
const REPEATS = isQuick ? 2 : 20

const unitsOf = (count: number): PackedUnit[] =>
  Array.from({ length: count }, (_, index) => unitOf('noop', { index }))

const known = new WeakMap<Uint8Array, { id: PackedUnit['id']; answer: Cid }>()
/** Read once: a node's work is no part of what is measured. */
function opened(bytes: Uint8Array): { id: PackedUnit['id']; answer: Cid } {
  const held = known.get(bytes)
  if (held !== undefined) return held
  const { id } = openUnit(bytes)
  const unit = { id, answer: rightAnswer(id) }
  known.set(bytes, unit)
  return unit
}

/** Answers every lease of a grant in one result, as a node does. */
function answer(node: ModelNode, frame: GatewayFrame, nowMs: number): GatewayInput | null {
  if (frame.kind !== 'grant') return null
  const attestations = frame.body.leases.map((offer): Attestation => {
    const unit = opened(offer.unit)
    return {
      v: 1,
      work_unit_id: unit.id,
      attempt: offer.attempt,
      lease_id: offer.lease_id,
      node: node.id,
      model_cid: null,
      input_cids: [],
      output_cid: unit.answer,
      backend: node.descriptor.backend,
      usage: { cpu_ms: 0, gpu_ms: 0, wall_ms: 0, tokens_in: 0, tokens_out: 0 },
      started_ms: nowMs,
      finished_ms: nowMs
    }
  })
  const nothing = new Uint8Array(0)
  const receipt = (index: number) => ({ item: nothing, index, path: [], head: nothing })
  return { type: 'result', node: node.id, results: { attestations, receipt }, nowMs }
}

const OK = { ok: true, issues: [], trigger: null }
const judgeOk = ({ session, unit, candidates }: JudgeRequest): JudgedUnit => ({
  session,
  unit: unit.id,
  judgements: candidates.map(({ attempt }) => ({ attempt, judgement: OK })),
  groups: [candidates.map(({ attempt }) => attempt)]
})

/** Processor time of the machine alone, in milliseconds: a busy neighbour does not count. */
function machineMs(units: readonly PackedUnit[]): number {
  const machine = new GatewayMachine({
    gateway: GATEWAY,
    log: parseLogId('ab'.repeat(32)),
    trusted: new Set(),
    price: () => 1,
    tenantLeasesMax: null
  })
  const nodes = new Map<PeerId, ModelNode>()
  const nowMs = 1_000
  let insideMs = 0
  let outcomes = 0
  const queue: GatewayInput[] = []
  const take = (effects: readonly GatewayEffect[]): void => {
    for (const effect of effects) {
      if (effect.type === 'outcome') outcomes += 1
      else if (effect.type === 'judge')
        queue.push({ type: 'judged', items: effect.items.map(judgeOk), nowMs })
      else if (effect.type === 'send') {
        const node = nodes.get(effect.node)
        const result = node === undefined ? null : answer(node, effect.frame, nowMs)
        if (result !== null) queue.push(result)
      }
    }
  }
  const feed = (input: GatewayInput): void => {
    const before = process.threadCpuUsage()
    const effects = machine.step(input)
    const { user, system } = process.threadCpuUsage(before)
    insideMs += (user + system) / 1000
    take(effects)
  }
  const budgets = { ...spec().budgets, max_cost_micro: Number.MAX_SAFE_INTEGER }
  feed({ type: 'open', spec: spec({ budgets }), history: null, availableMicro: null, nowMs })
  for (const number of [1, 2]) {
    const node = new ModelNode(number, { descriptor: { queue_max: 1_024 } })
    nodes.set(node.id, node)
    const { descriptor } = node
    const body = { v: 1, node: node.id, log: 'cd'.repeat(32), descriptor, holding: [], models: [] }
    feed({ type: 'hello', node: node.id, body, standing: null, nowMs } as GatewayInput)
    const claim = { v: 1, claim: 1, batch: null, kinds: descriptor.kinds, models: [] }
    const offer = { ...claim, slots: 1_024, standing: true }
    feed({ type: 'claim', node: node.id, body: offer, nowMs } as GatewayInput)
  }
  for (let start = 0; start < units.length; start += STEP_UNITS) {
    const part = units.slice(start, start + STEP_UNITS).map((unit) => ({ unit, edges: [] }))
    feed({ type: 'submit', session: SESSION, units: part, nowMs })
  }
  for (let input = queue.shift(); input !== undefined; input = queue.shift()) feed(input)
  if (outcomes !== units.length) throw new Error(`${outcomes} of ${units.length} outcomes`)
  return insideMs
}

const median = (numbers: number[]): number =>
  numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0

const small = unitsOf(SMALL)
const large = unitsOf(LARGE)
for (let warm = 0; warm < (isQuick ? 1 : 10); warm++) machineMs(small)
const smallUs = median(Array.from({ length: REPEATS }, () => machineMs(small))) * (1000 / SMALL)
const runs = isQuick ? 1 : 3
const largeUs = median(Array.from({ length: runs }, () => machineMs(large))) * (1000 / LARGE)
const bench = 'gateway-machine'
const rival = 'none: a part of the no-op benchmark'
for (const [name, us] of [
  [`${SMALL} units`, smallUs],
  [`${LARGE} units`, largeUs]
] as const) {
  recordResult({ bench, name, value: 1_000_000 / us, unit: 'units/s', rival })
}
recordResult({
  bench,
  name: `cost of a unit, ${SMALL} over ${LARGE} units`,
  value: smallUs / largeUs,
  unit: 'ratio',
  rival: 'the same machine, small graph',
  ratio: smallUs / largeUs
})
