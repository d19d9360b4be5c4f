/**
 * The control node of the simulated mesh: the product's gateway machine over the sequencer's ledger,
 * and in place of its driver one that acts in virtual time. Judges as KORA does; checks what it records.
 */
import {
  type AnnouncementMessage,
  assertNever,
  type EntryContent,
  type GatewayFrame,
  MeshError,
  type NodeFrame,
  type PeerId,
  type SessionHistory
} from '#contracts'
import {
  type GatewayEffect,
  type GatewayInput,
  GatewayMachine,
  type GatewayOptions,
  type NodeStanding
} from '#mesh-node/core'
import { Chance } from '../kernel/chance.ts'
import type { SealedResults, SignerKind } from '../kernel/signing.ts'
import { MODEL } from '../nodes/answers.ts'
import { SimulatedClock } from '../nodes/clock.ts'
import { gatewayClock } from './actors.ts'
import type { Checks } from './checks.ts'
import type { Chronicle } from './chronicle.ts'
import { recordsOf, withJudgements } from './gateway-steps.ts'
import type { Scenario } from './scenario.ts'
import { Sequencer } from './sequencer.ts'
import { KIND, type VirtualTime } from './virtual-time.ts'
import { modelBaseUs, SESSION, sessionSpec } from './work.ts'
import type { Workload } from './workload.ts'

/** An operator who is told that the store is damaged puts the copy of a replica in its place. */
export const OPERATOR_MS = 60_000
/** As the product's driver asks the fold what it thinks of the nodes. */
const TRUST_REFRESH_MS = 5_000

/** In a small mesh all of the log is proved at the end. */
const keepsLog = ({ nodes, units }: Scenario): boolean => nodes <= 200 && units <= 1_000

type Crash = Scenario['crashes'][number]

/** Effects that wait for their records to be on the disk. */
interface Writing {
  readonly contents: readonly EntryContent[]
  readonly effects: readonly GatewayEffect[]
}

export interface GatewayPorts {
  readonly time: VirtualTime
  readonly checks: Checks
  readonly chronicle: Chronicle
  /** Its host number. */
  readonly hub: number
  readonly send: (node: PeerId, frame: GatewayFrame) => void
  readonly drop: (node: PeerId) => void
  /** Something of the node's was not taken. */
  readonly refused: (node: PeerId, code: string) => void
  readonly announce: (body: AnnouncementMessage) => void
  /** Nobody reaches it any more, or everybody again. */
  readonly reachable: (isReachable: boolean) => void
}

export interface GatewaySettings {
  readonly scenario: Scenario
  readonly workload: Workload
  readonly seed: number
  readonly signer: SignerKind
}

export class GatewayHost {
  readonly sequencer: Sequencer
  readonly clock: SimulatedClock
  /** Set while the disk is read: nothing else happens until then. */
  reading: Promise<void> | null = null
  readonly #ports: GatewayPorts
  readonly #scenario: Scenario
  readonly #workload: Workload
  readonly #damage: Chance
  readonly #secret: Uint8Array
  readonly #submitted: number[] = []
  /** Null: its process is gone. */
  #machine: GatewayMachine | null
  #waiting: GatewayInput[] = []
  #writing: Writing | null = null
  #life = 0
  #isClosed = false
  #wake = 0
  /** Of nodes that are there, as the machine was told; null: none yet. */
  readonly #standings = new Map<PeerId, NodeStanding | null>()

  constructor({ scenario, seed, workload, signer }: GatewaySettings, ports: GatewayPorts) {
    this.#ports = ports
    this.#scenario = scenario
    this.#workload = workload
    this.#damage = new Chance(seed, 'disk')
    this.clock = new SimulatedClock(
      gatewayClock(scenario, new Chance(seed, 'gateway clock')),
      ports.time
    )
    const key = new Uint8Array(32)
    new DataView(key.buffer).setUint32(0, seed)
    this.#secret = key
    const { trust, crashes } = scenario
    this.sequencer = new Sequencer(key, {
      keepsDisk: crashes.length > 0,
      keepsLog: keepsLog(scenario),
      trust,
      signer
    })
    this.#machine = this.#newMachine({ recoveryGraceMs: 0 })
  }

  /** Registers the model and opens the session. */
  begin(): void {
    this.sequencer.append([
      {
        kind: 'model.registered',
        body: {
          model: MODEL,
          name: 'simulated',
          base_us: modelBaseUs(this.#scenario),
          us_per_kib: 0
        }
      }
    ])
    this.#open(null)
  }

  /** Whoever submits while nobody is there submits again when somebody is. */
  submit(indices: readonly number[]): void {
    for (const index of indices) this.#submitted.push(index)
    this.#submit(indices)
  }

  /** Shows the checkers what the machine keeps; before the end and after it. */
  look({ isOver }: { readonly isOver: boolean }): void {
    if (this.#machine === null || this.#writing !== null) return
    const { checks } = this.#ports
    if (isOver && this.#isClosed) checks.closed(this.#machine.sizes())
    if (!isOver) checks.looked(this.#machine.snapshot(), this.#machine.sizes())
  }

  /** The session's last word: what is still being looked at is let go. */
  close(): void {
    this.#isClosed = this.#machine !== null
    const stateHash = '00'.repeat(32)
    const nowMs = this.#takenMs
    this.#feed({ type: 'close', session: SESSION, stopReason: 'success', stateHash, nowMs })
  }

  /** The process is gone; a write that was under way is on the disk, or is not. */
  crash({ disk }: Crash): void {
    if (this.#machine === null) return
    const writing = this.#writing
    this.#machine = null
    this.#life += 1
    this.#wake += 1
    this.#waiting = []
    this.#writing = null
    if (writing !== null && disk !== 'forgets') this.#write(writing.contents)
    this.#ports.reachable(false)
  }

  /** Reads what is on the disk, and goes on where that ends. */
  restart(crash: Crash): void {
    if (this.#machine !== null) return
    this.reading = this.#restart(crash).finally(() => {
      this.reading = null
    })
  }

  disconnected(node: PeerId): void {
    this.#standings.delete(node)
    this.#feed({ type: 'disconnected', node, nowMs: this.#takenMs })
  }

  take(node: PeerId, frame: Exclude<NodeFrame, { kind: 'result' }>): void {
    this.#feed(this.#inputOf(node, frame))
  }

  /** Results that are not signed by this node cost it the link, as in the product's driver. */
  results(node: PeerId, sealed: SealedResults): void {
    try {
      this.#feed({ type: 'result', node, results: sealed.open(), nowMs: this.#takenMs })
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      this.#ports.refused(node, error.code)
      this.#ports.drop(node)
    }
  }

  #newMachine(grace: Pick<GatewayOptions, 'recoveryGraceMs'>): GatewayMachine {
    const { log, gateway } = this.sequencer
    return new GatewayMachine({
      gateway,
      log,
      trusted: new Set(),
      price: (question) => this.sequencer.priceOf(question),
      tenantLeasesMax: null,
      trust: this.sequencer.trustView(),
      secret: this.#secret,
      mayCorrect: () => true,
      ...grace
    })
  }

  #open(history: SessionHistory | null): void {
    this.#isClosed = false
    const nowMs = this.#takenMs
    const cost = { baseUs: modelBaseUs(this.#scenario), usPerKib: 0 }
    this.#feed({ type: 'model', cid: MODEL, tier: 'small', memoryMb: 64, cost, nowMs })
    const availableMicro = this.sequencer.availableMicro()
    const { units, budget_per_mille: budget } = this.#scenario
    const spec = sessionSpec(units, budget)
    this.#feed({ type: 'open', spec, history, availableMicro, nowMs })
    this.#refreshTrust()
  }

  #submit(indices: readonly number[]): void {
    if (indices.length === 0) return
    const units = indices.map((index) => ({ unit: this.#workload.unit(index), edges: [] }))
    for (const { unit } of units) this.#ports.chronicle.submitted(unit.id)
    this.#feed({ type: 'submit', session: SESSION, units, nowMs: this.#takenMs })
  }

  async #restart({ disk }: Crash): Promise<void> {
    const { time, hub, checks } = this.#ports
    if (disk === 'tears' || disk === 'flips' || disk === 'rolls_back') {
      checks.damaged(disk, await this.sequencer.codeOf(disk, this.#damage))
      time.after(OPERATOR_MS * 1_000, hub, KIND.fault, 0, () => {
        this.restart({ at_ms: 0, down_ms: 0, disk: 'keeps' })
      })
      return
    }
    const { history, isSame } = await this.sequencer.reopen(SESSION)
    checks.reopened(isSame)
    this.#standings.clear()
    this.clock.begin()
    this.#machine = this.#newMachine({})
    this.#ports.reachable(true)
    this.#open(history)
    this.#submit(this.#submitted)
  }

  /** When an input is taken that comes now; one that has to wait is timed when its turn comes. */
  get #takenMs(): number {
    return this.#machine === null || this.#writing !== null ? 0 : this.clock.nowMs
  }

  #inputOf(node: PeerId, frame: Exclude<NodeFrame, { kind: 'result' }>): GatewayInput {
    const nowMs = this.#takenMs
    switch (frame.kind) {
      case 'hello': {
        const standing = this.sequencer.standing(node)
        this.#standings.set(node, standing)
        return { type: 'hello', node, body: frame.body, standing, nowMs }
      }
      case 'claim':
        return { type: 'claim', node, body: frame.body, nowMs }
      case 'withdraw':
        return { type: 'withdraw', node, body: frame.body, nowMs }
      case 'commit':
        return { type: 'commit', node, body: frame.body, nowMs }
      case 'failure':
        return { type: 'failure', node, body: frame.body, nowMs }
      case 'release':
        return { type: 'release', node, body: frame.body, nowMs }
      case 'heartbeat':
        return { type: 'heartbeat', node, body: frame.body, nowMs }
      default:
        return assertNever(frame)
    }
  }

  /** As the product's driver: what comes while a write is under way is one step with what follows. */
  #feed(input: GatewayInput): void {
    const machine = this.#machine
    if (machine === null) return
    if (this.#writing !== null) {
      this.#waiting.push(input)
      return
    }
    this.#ports.checks.took(input)
    this.#act(withJudgements(machine, machine.step(input), input.nowMs))
  }

  /** All that came while a record was written. */
  #pump(): void {
    const machine = this.#machine
    if (machine === null || this.#writing !== null || this.#waiting.length === 0) return
    const nowMs = this.clock.nowMs
    const timed = this.#waiting.map((input): GatewayInput => ({ ...input, nowMs }))
    this.#waiting = []
    for (const input of timed) this.#ports.checks.took(input)
    this.#act(withJudgements(machine, machine.steps(timed), nowMs))
  }

  /** Carries a step's effects out, once what it records is on the disk. */
  #act(effects: readonly GatewayEffect[]): void {
    // as it is with nearly all heartbeats
    if (effects.length === 0) return
    const contents = recordsOf(effects)
    const { ledger_ms: ledgerMs } = this.#scenario
    if (contents.length === 0 || ledgerMs === 0) {
      this.#carryOut(contents, effects)
      return
    }
    const { time, hub } = this.#ports
    const life = this.#life
    this.#writing = { contents, effects }
    time.after(ledgerMs * 1_000, hub, KIND.disk, contents.length, () => {
      if (life !== this.#life || this.#writing === null) return
      this.#carryOut(this.#writing.contents, this.#writing.effects)
      this.#writing = null
      this.#pump()
    })
  }

  #carryOut(contents: readonly EntryContent[], effects: readonly GatewayEffect[]): void {
    this.#write(contents)
    for (const effect of effects) this.#perform(effect)
  }

  #write(contents: readonly EntryContent[]): void {
    const { checks, chronicle } = this.#ports
    if (contents.length === 0) return
    for (const content of contents) checks.recorded(content)
    this.sequencer.append(contents)
    checks.folded(this.sequencer.fold, SESSION)
    chronicle.recorded()
  }

  #perform(effect: GatewayEffect): void {
    this.#ports.checks.performed(effect)
    switch (effect.type) {
      case 'send':
        this.#ports.send(effect.node, effect.frame)
        return
      case 'announce':
        this.#ports.announce(effect.body)
        return
      case 'outcome':
        this.#ports.chronicle.ended(effect.outcome.unitId)
        return
      case 'timer':
        this.#setTimer(effect.atMs)
        return
      case 'drop':
        this.#ports.drop(effect.node)
        return
      case 'refuse':
        this.#ports.refused(effect.node, effect.code)
        return
      case 'record':
      case 'judge':
      case 'event':
      case 'corrected':
      case 'refuse-session':
        return
      default:
        assertNever(effect)
    }
  }

  #setTimer(atMs: number): void {
    const { time, hub } = this.#ports
    const wake = ++this.#wake
    time.after(this.clock.untilUs(atMs), hub, KIND.timer, 0, () => {
      if (wake === this.#wake) this.#feed({ type: 'tick', nowMs: this.#takenMs })
    })
  }

  /** What the fold has come to think of nodes that are there. */
  #refreshTrust(): void {
    const { time, hub } = this.#ports
    const life = this.#life
    time.after(TRUST_REFRESH_MS * 1_000, hub, KIND.timer, 1, () => {
      if (life !== this.#life) return
      for (const [node, before] of this.#standings) {
        const standing = this.sequencer.standing(node)
        if (standing === null || isSame(standing, before)) continue
        this.#standings.set(node, standing)
        this.#feed({ type: 'trust', node, standing, nowMs: this.#takenMs })
      }
      this.#refreshTrust()
    })
  }
}

const isSame = (standing: NodeStanding, before: NodeStanding | null): boolean =>
  before?.state === standing.state && before.trustMilli === standing.trustMilli
