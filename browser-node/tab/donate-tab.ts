/**
 * The node of a donate page: consent, place, mesh and limits put together behind `DonateTab`. Keeps no
 * protocol state; machines decide, the session acts, and the view says what holds.
 */
import {
  assertNever,
  decodeManifest,
  MeshError,
  type MeshId,
  type MeshNotice,
  type SignedGenesis,
  type UnitId
} from '#contracts'
import type { AgentReport, MeshNetwork } from '#mesh-node/portable'
import type { DonateTab, HoldRule, TabLimits, TabView } from '../tab-contract.ts'
import { knownGenesis } from './join-mesh.ts'
import { watchNotice } from './known-notice.ts'
import { type LimitsEffect, type LimitsInput, LimitsMachine } from './limits-machine.ts'
import { MeshSession } from './mesh-session.ts'
import { receiptOf } from './receipt.ts'
import type { SessionNews } from './session-ports.ts'
import { TabJournal } from './tab-journal.ts'
import type { TabMemory } from './tab-memory.ts'
import { TabModels } from './tab-models.ts'
import type { Detail, TabPorts } from './tab-ports.ts'
import { detailOf, type TabState, viewOf } from './tab-view.ts'
import { Teller } from './teller.ts'

/** Figures that nobody told of are looked at this often while the tab works. */
const LOOK_MS = 1_000
/** A look that comes so late was slept through; hidden pages are a minute late at most. */
const SLEPT_MS = 90_000

type Untimed = LimitsInput extends infer Input
  ? Input extends LimitsInput
    ? Omit<Input, 'nowMs' | 'utcOffsetMin'>
    : never
  : never

export interface TabOptions {
  readonly mesh: MeshId
  readonly peers: readonly string[]
  readonly memory: TabMemory
  readonly limits: TabLimits
}

export class MeshTab implements DonateTab {
  readonly #options: TabOptions
  readonly #ports: TabPorts
  readonly #memory: TabMemory
  readonly #limitsMachine: LimitsMachine
  readonly #models = new TabModels()
  readonly #journal: TabJournal
  readonly #teller: Teller
  readonly #endings: (() => void)[] = []
  #limits: TabLimits
  #session: MeshSession | null = null
  #network: MeshNetwork | null = null
  #genesis: SignedGenesis | null = null
  #notice: MeshNotice | null = null
  #phase: TabState['phase'] = 'consent'
  #detail: Detail | null = null
  #progress: number | null = null
  #view: TabView | null = null
  #joining: Promise<void> | null = null
  #leave: (() => void) | null = null
  #cancelTimer: () => void = () => {}
  #cancelLook: () => void = () => {}
  #isOnline = true
  #isClosed = false

  constructor(options: TabOptions, ports: TabPorts) {
    this.#options = options
    this.#ports = ports
    this.#memory = options.memory
    this.#limits = options.limits
    const { limits, memory } = options
    const nowMs = () => ports.clock.nowMs()
    this.#journal = new TabJournal({ memory, models: this.#models, nowMs })
    this.#teller = new Teller(ports.clock, () => this.view())
    this.#limitsMachine = new LimitsMachine({ limits, fetched: memory.fetched })
    this.#endings.push(ports.sense((sensed) => this.#sensed(sensed)))
  }

  /** What can be known before consent: who asks, what for, and which models. */
  async look(): Promise<void> {
    const { mesh, memory } = this.#options
    try {
      const genesis = await knownGenesis({ mesh, profile: memory.profile }, this.#ports)
      this.#genesis = genesis
      if (genesis === null) return this.#changed()
      const take = (notice: MeshNotice) => this.#takeNotice(notice)
      this.#endings.push(await watchNotice(genesis, this.#ports, take))
    } catch (error) {
      this.#block(error)
    }
    this.#changed()
  }

  #takeNotice(notice: MeshNotice): void {
    this.#notice = notice
    this.#models.noticed(notice.models)
    this.#changed()
  }

  view(): TabView {
    this.#view ??= viewOf(this.#state())
    return this.#view
  }

  subscribe(listener: (view: TabView) => void): () => void {
    return this.#teller.subscribe(listener)
  }

  async start(): Promise<void> {
    if (this.#isClosed) return
    if (this.#detail?.key === 'blocked.cleared') return this.#ports.beginAnew()
    this.#joining ??= this.#join().finally(() => {
      this.#joining = null
    })
    await this.#joining
    if (this.#session !== null) this.#step({ type: 'start' })
    this.#teller.hurry()
  }

  pause(): Promise<void> {
    this.#step({ type: 'pause' })
    this.#teller.hurry()
    return Promise.resolve()
  }

  finishThenPause(): void {
    this.#step({ type: 'finish' })
    this.#lookForIdle()
    this.#teller.hurry()
  }

  override(rule: HoldRule): void {
    this.#step({ type: 'override', rule })
    if (rule === 'offline') this.#network?.setOnline(true)
  }

  async setLimits(change: Partial<TabLimits>): Promise<void> {
    this.#limits = { ...this.#limits, ...change }
    await this.#memory.keepLimits(this.#limits)
    this.#step({ type: 'limits', limits: this.#limits })
    await this.#session?.setLimits(this.#limits)
    this.#changed()
  }

  receipt(unit: UnitId): Promise<Uint8Array> {
    if (this.#session === null) throw new MeshError('receipt.not_found', { unit })
    return receiptOf(this.#session.ledger, unit, this.#session.peerId)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const end of this.#endings.splice(0)) end()
    this.#cancelTimer()
    this.#cancelLook()
    this.#teller.end()
    await this.#leaveMesh()
    await this.#memory.close()
  }

  async #join(): Promise<void> {
    if (this.#session !== null) return
    const lack = this.#ports.lacks()
    if (lack !== null) return this.#say('blocked', lack)
    this.#leave = await this.#ports.place.claim()
    if (this.#leave === null) {
      this.#say('elsewhere', { key: 'elsewhere.other_tab', facts: {} })
      this.#awaitPlace()
      return
    }
    this.#say('joining', { key: 'joining.dialling', facts: {} })
    try {
      const session = await MeshSession.open(
        {
          ...this.#options,
          limits: this.#limits,
          profile: this.#memory.profile,
          trials: this.#memory
        },
        this.#ports,
        this.#news()
      )
      if (this.#isClosed) return await session.close()
      this.#session = session
      this.#genesis = session.genesis
      this.#say('joined', null)
      this.#lookLater()
    } catch (error) {
      await this.#leaveMesh()
      this.#block(error)
    }
  }

  /** The other tab is gone: the owner may start here. */
  #awaitPlace(): void {
    const waiting = this.#ports.place.whenFree().then(() => {
      if (this.#phase === 'elsewhere') this.#say('consent', null)
    })
    waiting.catch((error: unknown) => this.#ports.fatal(error))
  }

  async #leaveMesh(): Promise<void> {
    const session = this.#session
    this.#session = null
    this.#network = null
    // begun again, it takes work when its owner says so
    this.#step({ type: 'pause' })
    try {
      await session?.close()
    } finally {
      this.#leave?.()
      this.#leave = null
    }
  }

  /** A fault that only its owner can mend; our own mistakes are told to whoever looks for them too. */
  #block(error: unknown): void {
    if (!(error instanceof MeshError)) this.#ports.fatal(error)
    this.#say('blocked', detailOf(error))
  }

  /** Something under a joined tab broke: it leaves the mesh and says why. */
  fail(error: unknown): void {
    if (this.#isClosed || this.#phase === 'blocked') return
    this.#say('blocked', detailOf(error))
    this.#leaveMesh().catch((cause: unknown) => this.#ports.fatal(cause))
  }

  #say(phase: TabState['phase'], detail: Detail | null): void {
    this.#phase = phase
    this.#detail = detail
    this.#changed()
  }

  #news(): SessionNews {
    const count = (change: { downBytes?: number; upBytes?: number }) => {
      this.#memory.traffic(this.#ports.clock.nowMs(), change)
      this.#changed()
    }
    return {
      report: (report) => this.#report(report),
      changed: () => this.#changed(),
      nowMs: () => this.#ports.clock.nowMs(),
      progress: (share) => {
        this.#progress = share
        this.#changed()
      },
      ran: ({ ranMs, isUnit, ok }) => {
        this.#step(isUnit && ok ? { type: 'unit-done', ranMs } : { type: 'run-lost', ranMs })
      },
      demoted: (model, trial) => {
        this.#models.demoted(model, trial)
        this.#changed()
      },
      traffic: {
        down: (bytes) => {
          this.#step({ type: 'fetched', bytes })
          count({ downBytes: bytes })
        },
        up: (bytes) => count({ upBytes: bytes })
      },
      isModel: (cid) => this.#session?.status().models.some(({ model }) => model === cid) === true,
      guardFetch: () => this.#guardFetch(),
      fetching: (cid, bytes) => {
        this.#models.fetched(cid, bytes)
        this.#changed()
      },
      genesis: (genesis) => {
        this.#genesis = genesis
        this.#changed()
      },
      network: (network) => {
        this.#network = network
        this.#changed()
      }
    }
  }

  #guardFetch(): void {
    if (this.#limitsMachine.mayFetch) return
    const { downloadMbPerDay } = this.#limits
    throw new MeshError('blob.refused', { reason: 'download limit of the day', downloadMbPerDay })
  }

  #report(report: AgentReport): void {
    this.#journal.report(report, { isLetGo: this.#limitsMachine.stand === 'let-go' })
    if (report.type === 'record-failed') this.fail(report.error)
    this.#lookForIdle()
    this.#changed()
  }

  #sensed(sensed: Extract<LimitsInput, { type: 'sensed' }>['sensed']): void {
    this.#isOnline = sensed.online
    this.#step({ type: 'sensed', sensed })
  }

  #step(input: Untimed): void {
    const nowMs = this.#ports.clock.nowMs()
    const utcOffsetMin = this.#ports.utcOffsetMin()
    for (const effect of this.#limitsMachine.step({ ...input, nowMs, utcOffsetMin })) {
      this.#perform(effect)
    }
    this.#changed()
  }

  #perform(effect: LimitsEffect): void {
    switch (effect.type) {
      case 'work':
        this.#session?.work()
        return
      case 'let-go':
        this.#session?.letGo()
        return
      case 'finish':
        this.#session?.finish()
        return
      case 'gate':
        this.#session?.setGate(effect.open)
        return
      case 'timer':
        this.#cancelTimer()
        this.#cancelTimer = this.#ports.clock.setTimer(effect.atMs, () =>
          this.#step({ type: 'tick' })
        )
        return
      default:
        assertNever(effect)
    }
  }

  /** A finish that was asked for is over when the agent rests. */
  #lookForIdle(): void {
    if (this.#limitsMachine.wish !== 'finishing') return
    const mode = this.#session?.status().mode
    if (mode === undefined || mode === 'paused') this.#step({ type: 'agent-idle' })
  }

  /** Looks at figures that change without a word, as long as the tab is in its mesh. */
  #lookLater(): void {
    const { clock } = this.#ports
    this.#cancelLook()
    const dueMs = clock.nowMs() + LOOK_MS
    this.#cancelLook = clock.setTimer(dueMs, () => {
      if (this.#session === null || this.#isClosed) return
      // the machine slept: connections may be dead without a word
      if (clock.nowMs() - dueMs > SLEPT_MS) this.#session.network.setOnline(this.#isOnline)
      this.#memory.keep(this.#limitsMachine.fetched).catch((error: unknown) => this.fail(error))
      this.#nameModels(this.#session)
      this.#changed()
      this.#lookLater()
    })
  }

  /** Names and sizes come with the manifests, once they are here. */
  #nameModels(session: MeshSession): void {
    for (const model of this.#models.unnamed(session.status().models)) {
      const read = session.shelf.get(model).then((bytes) => {
        if (bytes === null) return
        this.#models.named(model, decodeManifest(bytes))
        this.#changed()
      })
      read.catch((error: unknown) => {
        if (!(error instanceof MeshError)) this.#ports.fatal(error)
      })
    }
  }

  #changed(): void {
    this.#view = null
    this.#teller.changed()
  }

  #state(): TabState {
    return {
      phase: this.#phase,
      detail: this.#detail,
      mesh: this.#options.mesh,
      genesis: this.#genesis,
      notice: this.#notice,
      network: this.#network,
      session: this.#session,
      limits: this.#limits,
      limitsMachine: this.#limitsMachine,
      memory: this.#memory,
      models: this.#models,
      unitsPerMinute: this.#journal.unitsPerMinute,
      progress: this.#progress,
      nowMs: this.#ports.clock.nowMs()
    }
  }
}
