/**
 * A scenario as a user writes it, in YAML: who is in the mesh, what it is asked, what goes wrong and
 * when. Unknown keys and impossible figures are refused, each at its line. It says nothing of how a
 * run is made.
 */
import { LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import { ISSUES_MAX, type Issue, MeshError, shapeIssues } from '#contracts'
import { ArrivalKeys } from '../nodes/arrivals.ts'
import { ActorKeys, ChurnKeys, ClockKeys, CrashKeys, DeviceKeys, PauseKeys } from '../nodes/keys.ts'
import { REPLICAS_DEFAULT, ReplicaKeys } from '../replicas/keys.ts'
import {
  AttackKeys,
  GossipKeys,
  MessagesKeys,
  NETWORK_DEFAULT,
  NetworkKeys,
  PartitionKeys
} from './network-keys.ts'
import { changed, pointerOf, type ScenarioChanges } from './scenario-changes.ts'

const SCENARIO_BYTES_MAX = 256 * 1024
/** A node with its agent takes some 30 KB; more of them than this fit no usual machine. */
const SIM_NODES_MAX = 200_000
const HOUR_MS = 3_600_000
/** Of one unit. */
const PARENTS_MAX = 16
/** Enough for every attempt and every replica that a unit may have. */
const BUDGET_PER_MILLE = 20_000

const perMille = z.int().min(0).max(1_000)
const ms = z
  .int()
  .min(0)
  .max(24 * HOUR_MS)
const span = z
  .strictObject({ min: ms, max: ms })
  .refine(({ min, max }) => min <= max, { message: 'min is not above max' })

const DependencyKeys = z.strictObject({
  share_per_mille: perMille,
  /** Each of them for up to so many. */
  parents_max: z.int().min(1).max(PARENTS_MAX).default(2)
})

const Shape = z.strictObject({
  /** What is held to be true of every run; its checkers say when it is not. */
  claim: z.string().min(1).max(500),
  nodes: z.int().min(1).max(SIM_NODES_MAX),
  /** None: gossip alone, of `messages`. */
  units: z.int().min(0).max(100_000),
  /** The units come evenly over this time. */
  arrive_over_ms: ms.default(0),
  /** Of a thousand units so many ask two owners to agree. */
  quorum_per_mille: perMille.default(0),
  /** Of a thousand units so many wait for the results of others before them. */
  dependencies: DependencyKeys.nullable().default(null),
  /** Drawn for each node: what its runs take. */
  service_ms: span.default({ min: 20, max: 200 }),
  /** Kinds of machines, and what a real model takes on them; in place of `service_ms`. */
  devices: DeviceKeys.nullable().default(null),
  /** Measured round trips that nodes are placed in, or one round trip for all. */
  latency: z
    .union(
      [
        z.enum(['wondernetwork', 'planetlab', 'seattle']),
        z.strictObject({ rtt_ms: z.int().min(1).max(60_000) })
      ],
      { error: 'give wondernetwork, planetlab, seattle, or {rtt_ms: <1 to 60000>}' }
    )
    .default('wondernetwork'),
  /** Clocks that are off, too fast or too slow, or set in the midst of the run. */
  clocks: ClockKeys.prefault({}),
  /** Who misbehaves, by shares of the nodes; all others are honest. */
  actors: ActorKeys.prefault({}),
  /** An owner has so many machines, who are never asked to agree with each other. */
  machines_per_owner: z.int().min(1).max(1_000).default(1),
  /** Of a thousand units liars, colluders and sybils lie on so many, and do the others well. */
  cheat_per_mille: perMille.default(1_000),
  /** The mesh's trust policy, as its genesis names it; a new mesh's where absent. */
  trust: z.enum(['credibility', 'probation']).default('probation'),
  /** When nodes come: all within two seconds, or in crowds. */
  arrivals: ArrivalKeys,
  /** A share of the nodes goes at a moment; it comes back as a new process, or never. */
  vanish: z
    .array(
      z.strictObject({
        at_ms: ms,
        share_per_mille: perMille,
        back_after_ms: ms.nullable().default(null)
      })
    )
    .max(100)
    .default([]),
  /** Owners want a share of the machines back for a time. */
  pauses: PauseKeys,
  /** A share of the nodes is cut off from all others for a time. */
  partitions: z.array(PartitionKeys).max(100).default([]),
  /** Loss, bandwidth and NATs between hosts. */
  network: NetworkKeys.default(NETWORK_DEFAULT),
  /** Gossip's settings, where they are not the product's. */
  gossip: GossipKeys.default({}),
  /** Gossip for its own sake: with `units: 0` there is no control node and no work. */
  messages: MessagesKeys.nullable().default(null),
  /** Hosts that are there to spoil the gossip; they need `messages` and `units: 0`. */
  attack: AttackKeys.nullable().default(null),
  /** Nodes come and go, again and again. */
  churn: ChurnKeys.nullable().default(null),
  /** The control node's process is gone at a moment, and starts again from its disk. */
  crashes: CrashKeys.default([]),
  /** Nodes that keep the ledger too, what their disks do, and who forks. */
  replicas: ReplicaKeys.default(REPLICAS_DEFAULT),
  /** The session's budget is that of so many units in a thousand, each at its dearest. */
  budget_per_mille: z.int().min(1).max(BUDGET_PER_MILLE).default(BUDGET_PER_MILLE),
  /** What a write of the ledger takes. */
  ledger_ms: z.int().min(0).max(60_000).default(0),
  /** By then every unit must have ended. */
  until_ms: ms.default(HOUR_MS)
})
/** What a scenario of gossip alone may set; all else is about work. */
const OF_GOSSIP: readonly string[] = [
  'claim',
  'nodes',
  'units',
  'latency',
  'network',
  'gossip',
  'messages',
  'attack',
  'partitions',
  'until_ms'
]

export const Scenario = Shape.superRefine((scenario, context) => {
  const refuse = (path: string, message: string): void =>
    context.addIssue({ code: 'custom', path: [path], message })
  const { claim, nodes, units, messages, attack, replicas } = scenario
  if (replicas.nodes > nodes) refuse('replicas', 'more replicas than nodes')
  if (replicas.fork !== null && replicas.nodes === 0) {
    refuse('replicas', 'nobody is there to be shown a fork: `nodes` is 0')
  }
  if (units > 0) {
    if (messages !== null) refuse('messages', 'gossip for its own sake goes with `units: 0`')
    if (attack !== null) refuse('attack', 'gossip for its own sake goes with `units: 0`')
    return
  }
  if (messages === null) refuse('units', 'there are neither units nor messages')
  const unset: object = Shape.parse({ claim, nodes, units })
  for (const [key, value] of Object.entries(scenario)) {
    const isSet = JSON.stringify(value) !== JSON.stringify(Reflect.get(unset, key))
    if (isSet && !OF_GOSSIP.includes(key)) refuse(key, 'this is about work, and there are no units')
  }
})
export type Scenario = z.infer<typeof Scenario>

/** Where the scenarios are that ship. */
export const scenarioFolder = (): URL => new URL('../scenarios/', import.meta.url)

/** Throws `scenario.invalid` with every fault at its line, or at the setting that was changed. */
export function readScenario(bytes: Uint8Array, changes: ScenarioChanges = {}): Scenario {
  if (bytes.length > SCENARIO_BYTES_MAX) {
    const message = `${bytes.length} bytes of ${SCENARIO_BYTES_MAX}`
    throw invalid([{ path: '', rule: 'too_large', message }])
  }
  const lines = new LineCounter()
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const text = new TextDecoder().decode(bytes)
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true })
  if (document.errors.length > 0) {
    const faults = document.errors.map(({ message, pos }) => {
      return { path: '', rule: 'not_yaml', message: message.split('\n')[0] ?? '', at: at(pos[0]) }
    })
    throw invalid(faults)
  }
  const parsed = Scenario.safeParse(changed(plainOf(document), changes))
  if (parsed.success) return parsed.data
  const pointers = Object.keys(changes).map(pointerOf)
  const issues = shapeIssues(parsed.error).map((issue): Issue => {
    const isChanged = pointers.some((pointer) => isWithin(issue.path, pointer))
    const offset = isChanged ? null : offsetOf(document, issue.path)
    return offset === null ? issue : { ...issue, at: at(offset) }
  })
  throw invalid(issues)
}

function plainOf(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 })
  } catch (error) {
    // an alias: none is needed here, and some explode
    const message = error instanceof Error ? error.message : String(error)
    throw invalid([{ path: '', rule: 'not_yaml', message }])
  }
}

/** One of them leads to the other, or to a part of it. */
const isWithin = (one: string, other: string): boolean =>
  `${one}/`.startsWith(`${other}/`) || `${other}/`.startsWith(`${one}/`)

/** Where the value of that pointer stands, or the nearest that is there. */
function offsetOf(document: ReturnType<typeof parseDocument>, pointer: string): number | null {
  const keys = pointer.split('/').slice(1)
  for (let depth = keys.length; depth > 0; depth--) {
    const path = keys.slice(0, depth).map((key) => (/^\d+$/.test(key) ? Number(key) : key))
    const node: unknown = document.getIn(path, true)
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
      return Number(node.range[0])
    }
  }
  return null
}

const invalid = (issues: readonly Issue[]): MeshError =>
  new MeshError(
    'scenario.invalid',
    { faults: issues.length },
    { issues: issues.slice(0, ISSUES_MAX) }
  )
