/**
 * What a run of the real fidelity is told: nodes, seed, links, cuts and what is gossiped. Plain data,
 * for it crosses to a process of its own. Settings that make no sense are refused before that.
 */

import { MeshError } from '#contracts'
import { DEFAULT_TRUST_POLICY } from '#ledger'

/** What every link of the mesh is like; each way of each pair draws its own latency. */
export interface RealLinks {
  /** One way, drawn once for each pair of nodes between these bounds. */
  readonly latencyMs: { readonly min: number; readonly max: number }
  /** One way, by row from and column to, in place of what would be drawn. */
  readonly latencyMatrixMs: readonly (readonly number[])[] | null
  /** Added to every write, up to this much. */
  readonly jitterMs: number
  /** Of a million packets so many are lost; a stream pays with time for each. */
  readonly lossPerMillion: number
  /** Of each node, shared by all its links; null: no bound. */
  readonly upBytesPerSecond: number | null
  readonly downBytesPerSecond: number | null
}

/** For some time nothing that `from` sends reaches `to`; nodes by number. */
export interface RealCut {
  readonly fromMs: number
  readonly untilMs: number
  readonly from: readonly number[]
  readonly to: readonly number[]
  /** False: nothing that `to` sends reaches `from` either. */
  readonly isOneWay: boolean
  /** Cut and whole in turn, each for so long; null: cut throughout. */
  readonly flapMs: number | null
}

export interface RealGossip {
  readonly messages: number
  readonly messageBytes: number
  readonly everyMs: number
}

/** Units for the gateway and agents of the product; node 0 is the control node then. */
export interface RealWork {
  readonly units: number
  /** Virtual time of one run of the model. */
  readonly serviceMs: number
  /** Every so many-th unit asks two nodes to agree; null: none does. */
  readonly quorumEvery: number | null
}

export interface RealOptions {
  readonly nodes: number
  readonly seed: number
  /** How many others each node dials, beside its way into the mesh. */
  readonly dials: number
  readonly links: RealLinks
  readonly cuts: readonly RealCut[]
  /** From the first dial to the first message: links are made and gossip meshes form. */
  readonly settleMs: number
  readonly gossip: RealGossip
  readonly work: RealWork | null
  /** The mesh's trust policy. */
  readonly trust: string
  /** Virtual time after the last message or outcome, for what is still under way. */
  readonly drainMs: number
}

/** As the trial of the stack: 20 to 150 ms between nodes, two megabytes a second. */
export const DEFAULT_REAL_OPTIONS: RealOptions = {
  nodes: 20,
  seed: 1,
  dials: 3,
  links: {
    latencyMs: { min: 10, max: 75 },
    latencyMatrixMs: null,
    jitterMs: 2,
    lossPerMillion: 0,
    upBytesPerSecond: 2_000_000,
    downBytesPerSecond: 5_000_000
  },
  cuts: [],
  settleMs: 8_000,
  gossip: { messages: 30, messageBytes: 400, everyMs: 200 },
  work: null,
  trust: DEFAULT_TRUST_POLICY,
  drainMs: 10_000
}

/** More than some hundred nodes are the other fidelity's affair: a node here is 1 MB and more. */
const NODES_MAX = 1_000
const DAY_MS = 86_400_000

/** Throws `sim.setting_invalid` at the first setting that is none. */
export function checkRealOptions(options: RealOptions): void {
  const { links, gossip, work } = options
  check('nodes', options.nodes, 2, NODES_MAX)
  check('seed', options.seed, 0, Number.MAX_SAFE_INTEGER)
  check('dials', options.dials, 0, options.nodes - 1)
  check('settleMs', options.settleMs, 0, DAY_MS)
  check('drainMs', options.drainMs, 0, DAY_MS)
  check('links.lossPerMillion', links.lossPerMillion, 0, 900_000)
  check('links.jitterMs', links.jitterMs, 0, DAY_MS, false)
  check('links.latencyMs.min', links.latencyMs.min, 0, DAY_MS, false)
  check('links.latencyMs.max', links.latencyMs.max, links.latencyMs.min, DAY_MS, false)
  for (const name of ['upBytesPerSecond', 'downBytesPerSecond'] as const) {
    check(`links.${name}`, links[name] ?? 1, 1, Number.MAX_SAFE_INTEGER)
  }
  check('gossip.messages', gossip.messages, 0, 1_000_000)
  check('gossip.messageBytes', gossip.messageBytes, 16, 1_000_000)
  check('gossip.everyMs', gossip.everyMs, 1, DAY_MS)
  check('work.units', work?.units ?? 1, 1, 100_000)
  check('work.serviceMs', work?.serviceMs ?? 0, 0, DAY_MS)
  check('work.quorumEvery', work?.quorumEvery ?? 1, 1, 100_000)
  checkMatrix(options)
  for (const { from, to, fromMs, untilMs, flapMs } of options.cuts) {
    check('cuts.fromMs', fromMs, 0, DAY_MS)
    check('cuts.untilMs', untilMs, fromMs, DAY_MS)
    check('cuts.flapMs', flapMs ?? 1, 1, DAY_MS)
    for (const node of [...from, ...to]) check('cuts node', node, 0, options.nodes - 1)
  }
}

function checkMatrix({ nodes, links: { latencyMatrixMs } }: RealOptions): void {
  if (latencyMatrixMs === null) return
  check('links.latencyMatrixMs rows', latencyMatrixMs.length, nodes, NODES_MAX)
  for (const [row, times] of latencyMatrixMs.entries()) {
    check(`links.latencyMatrixMs[${row}] columns`, times.length, nodes, NODES_MAX)
    for (const ms of times) check(`links.latencyMatrixMs[${row}]`, ms, 0, DAY_MS, false)
  }
}

function check(setting: string, given: number, min: number, max: number, isWhole = true): void {
  const isNumber = isWhole ? Number.isSafeInteger(given) : Number.isFinite(given)
  if (isNumber && given >= min && given <= max) return
  throw new MeshError('sim.setting_invalid', { setting, given: String(given), min, max })
}
