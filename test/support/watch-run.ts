/**
 * Watches a mesh in this process from the inside: what KORA hands to the gateway, what it hears, and
 * every run in every executor with the lease it was for. Calls go through to the real thing; nothing
 * is answered or changed here.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import {
  type FabricSignal,
  type LeaseId,
  leaseIdOf,
  type PeerId,
  parsePeerId,
  type UnitId,
  type UnitOutcome,
  type UnitSubmission
} from '#contracts'
import { GatewayDriver, type RunningNode } from '#mesh-node'
import { ExecutorPool } from '#mesh-node/exec'
import { SignalBoard } from '../../control/drivers/signal-board.ts'
import { ModelKeeper } from '../../mesh-node/agent/model-keeper.ts'
import { UnitRunner } from '../../mesh-node/agent/unit-runner.ts'
import { WorkBench } from '../../mesh-node/agent/work-bench.ts'
import type { Execution } from './invariants/run-record.ts'

const UNITS_ATTEMPTS = 64

type Reason =
  | { readonly kind: 'lease'; readonly lease: LeaseId; readonly unit: UnitId }
  | { readonly kind: 'check' }

export class RunWatch {
  readonly submissions: UnitSubmission[] = []
  readonly outcomes: UnitOutcome[] = []
  readonly executions: Execution[] = []
  /** Golden vectors that nodes ran to see whether a model is right on them: nobody's work. */
  checks = 0
  /** Outputs that rode beside their attestations, by content id. */
  readonly outputs = new Map<string, Uint8Array>()
  readonly #scope = new AsyncLocalStorage<Reason>()
  readonly #pools = new Map<ExecutorPool, PeerId>()
  readonly #restore: (() => void)[] = []

  constructor() {
    this.#watchFabric()
    this.#watchRuns()
    this.#watchPools()
  }

  /** Tells whose executors a node's are. */
  know(node: RunningNode): void {
    const { stats } = ExecutorPool.prototype
    const { peerId } = node
    const pools = this.#pools
    ExecutorPool.prototype.stats = function seen(this: ExecutorPool) {
      pools.set(this, peerId)
      return stats.call(this)
    }
    node.status()
    ExecutorPool.prototype.stats = stats
  }

  stop(): void {
    for (const restore of this.#restore.splice(0)) restore()
  }

  #watchFabric(): void {
    const { submit } = GatewayDriver.prototype
    const { hear } = SignalBoard.prototype
    const { submissions, outcomes } = this
    GatewayDriver.prototype.submit = function watched(this: GatewayDriver, session, units) {
      submissions.push(...units)
      submit.call(this, session, units)
    }
    SignalBoard.prototype.hear = function watched(this: SignalBoard, session, listener) {
      hear.call(this, session, (signal: FabricSignal) => {
        if (signal.type === 'outcome') outcomes.push(signal.outcome)
        listener(signal)
      })
    }
    this.#restore.push(() => {
      GatewayDriver.prototype.submit = submit
      SignalBoard.prototype.hear = hear
    })
  }

  /** Why an executor is asked: for a lease, or to check a model. */
  #watchRuns(): void {
    const { execute } = WorkBench.prototype
    const { check } = ModelKeeper.prototype
    const { run } = UnitRunner.prototype
    const scope = this.#scope
    const { outputs } = this
    WorkBench.prototype.execute = function watched(this: WorkBench, effect) {
      const { lease, unit } = effect
      return scope.run({ kind: 'lease', lease, unit: unit.id }, () => execute.call(this, effect))
    }
    ModelKeeper.prototype.check = function watched(this: ModelKeeper, model, from) {
      return scope.run({ kind: 'check' }, () => check.call(this, model, from))
    }
    UnitRunner.prototype.run = async function watched(this: UnitRunner, unit, options) {
      const output = await run.call(this, unit, options)
      if (output.inline !== null) outputs.set(output.cid, output.inline)
      return output
    }
    this.#restore.push(() => {
      WorkBench.prototype.execute = execute
      ModelKeeper.prototype.check = check
      UnitRunner.prototype.run = run
    })
  }

  #watchPools(): void {
    const { execute } = ExecutorPool.prototype
    const saw = (pool: ExecutorPool): void => this.#saw(pool)
    ExecutorPool.prototype.execute = function watched(this: ExecutorPool, request) {
      saw(this)
      return execute.call(this, request)
    }
    this.#restore.push(() => {
      ExecutorPool.prototype.execute = execute
    })
  }

  #saw(pool: ExecutorPool): void {
    const reason = this.#scope.getStore()
    if (reason?.kind === 'check') {
      this.checks += 1
      return
    }
    const node = this.#pools.get(pool) ?? 'nobody'
    if (reason === undefined) {
      this.executions.push({ node, unit: null, attempt: null, lease: null })
      return
    }
    const { lease, unit } = reason
    this.executions.push({ node, unit, attempt: attemptOf(lease, unit, node), lease })
  }
}

/** A lease id is the hash of unit, attempt and node: another node's lease fits no attempt here. */
function attemptOf(lease: LeaseId, unit: UnitId, node: string): number | null {
  if (node === 'nobody') return null
  for (let attempt = 1; attempt <= UNITS_ATTEMPTS; attempt++)
    if (leaseIdOf(unit, attempt, parsePeerId(node)) === lease) return attempt
  return null
}
