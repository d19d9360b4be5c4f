/**
 * A tab in its mesh: the parts of a node put together as `mesh-node/node.ts` does for a process, in
 * the order in which failures are cheapest. Opens, closes and changes them; shows nothing.
 */
import type { Backend, PeerId, SignedGenesis } from '#contracts'
import type { Ledger } from '#ledger'
import type { AgentStatus } from '#mesh-node/core'
import {
  AgentDriver,
  type AgentDriverOptions,
  type BlobShelf,
  type MeshNetwork
} from '#mesh-node/portable'
import type { TabLimits } from '../tab-contract.ts'
import { closeAll, openParts, type SessionParts } from './join-mesh.ts'
import type { SessionNews, SessionOptions } from './session-ports.ts'
import type { TabEngine, TabPorts } from './tab-ports.ts'

const MIB = 1024 * 1024
/** Units that wait here while one runs: enough to never idle, few enough to hand back. */
const QUEUE_MAX = 3
/** Long enough for nearly every unit; what is not done by then goes elsewhere. */
const DRAIN_GRACE_MS = 5_000

/** What a pod serves; the memory that the owner allows decides which of their models run. */
const POD_TIERS = ['medium', 'large'] as const

export class MeshSession {
  readonly #options: SessionOptions
  readonly #ports: TabPorts
  readonly #news: SessionNews
  readonly #opened: (() => unknown)[]
  readonly #parts: SessionParts
  #limits: TabLimits
  #driver: AgentDriver
  #wantsWork = false
  /** What the hello says of the engine, and what models were tried on. */
  #told: EngineFacts
  #changes: Promise<void> = Promise.resolve()
  #isClosed = false

  private constructor(
    options: SessionOptions,
    ports: TabPorts,
    { news, opened, parts }: { news: SessionNews; opened: (() => unknown)[]; parts: SessionParts }
  ) {
    this.#options = options
    this.#ports = ports
    this.#news = news
    this.#opened = opened
    this.#parts = parts
    this.#limits = options.limits
    this.#driver = this.#startAgent()
    this.#told = factsOf(this.#parts.engine)
    opened.push(parts.engine.subscribe(() => this.#engineChanged()))
  }

  /** Joins; resolves when the genesis is known and the ledger is open. Throws with nothing left open. */
  static async open(
    options: SessionOptions,
    ports: TabPorts,
    news: SessionNews
  ): Promise<MeshSession> {
    const opened: (() => unknown)[] = []
    try {
      const parts = await openParts(options, ports, { news, opened })
      return new MeshSession(options, ports, { news, opened, parts })
    } catch (error) {
      await closeAll(opened)
      throw error
    }
  }

  get peerId(): PeerId {
    return this.#parts.signer.peerId
  }

  get genesis(): SignedGenesis {
    return this.#parts.genesis
  }

  get ledger(): Ledger {
    return this.#parts.ledger
  }

  get shelf(): BlobShelf {
    return this.#parts.shelf
  }

  get network(): MeshNetwork {
    return this.#parts.network
  }

  get engine(): TabEngine {
    return this.#parts.engine
  }

  status(): AgentStatus {
    return this.#driver.status()
  }

  work(): void {
    this.#wantsWork = true
    this.#driver.resume()
  }

  letGo(): void {
    this.#wantsWork = false
    this.#driver.pause()
  }

  finish(): void {
    this.#wantsWork = false
    this.#driver.finish()
  }

  setGate(isOpen: boolean): void {
    this.#parts.gated.setOpen(isOpen)
  }

  /** What the hello says of the machine is said anew where it changed. */
  setLimits(limits: TabLimits): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#limits
      this.#limits = limits
      const { engine, shelf } = this.#parts
      if (limits.cacheMb !== before.cacheMb) await shelf.setBytesMax(limits.cacheMb * MIB)
      const { cpu, gpu, memoryMb } = limits
      const isSameEngine = cpu === before.cpu && gpu === before.gpu && memoryMb === before.memoryMb
      if (isSameEngine && limits.largeModels === before.largeModels) return
      if (!isSameEngine) await engine.setLimits({ cpu, gpu, memoryMb })
      await this.#restart()
    })
  }

  /** A processor is gone or back: the mesh is told, and models are tried on what is there. */
  #engineChanged(): void {
    const settled = this.#inTurn(async () => {
      const told = this.#told
      this.#told = factsOf(this.#parts.engine)
      if (this.#told.hello !== told.hello) await this.#restart()
      else if (this.#told.backends !== told.backends) this.#driver.backendsChanged()
    })
    settled.catch((error: unknown) => this.#ports.fatal(error))
  }

  /** One change after the other: each may begin the agent anew. */
  #inTurn(change: () => Promise<void>): Promise<void> {
    const changed = this.#changes.then(() => (this.#isClosed ? undefined : change()))
    this.#changes = changed.catch(() => {})
    return changed
  }

  /** Ends the agent and begins it anew, as after a visit; leases that it held are handed back. */
  async #restart(): Promise<void> {
    this.#driver.pause()
    await this.#driver.stop()
    if (this.#isClosed) return
    this.#driver = this.#startAgent()
    this.#told = factsOf(this.#parts.engine)
    if (this.#wantsWork) this.#driver.resume()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#driver.stop()
    await closeAll(this.#opened)
  }

  #startAgent(): AgentDriver {
    const { network, shelf, source, ledger, signer, gated } = this.#parts
    const { clock, verifier, fatal } = this.#ports
    const driver = new AgentDriver(this.#agentOptions(), {
      ...{ network, clock, verifier, signer, fatal },
      engine: gated,
      trials: this.#options.trials,
      blobs: shelf,
      fetchBlob: (cid, from) => source.fetch(cid, from),
      ledger,
      report: (report) => this.#news.report(report)
    })
    // it takes work when the owner's limits say so
    driver.pause()
    driver.start()
    return driver
  }

  #agentOptions(): AgentDriverOptions {
    const { genesis, signer, ledger, engine } = this.#parts
    const { sequencer } = genesis.genesis
    const { memoryMb, largeModels } = this.#limits
    return {
      node: signer.peerId,
      log: ledger.ownLog,
      mesh: genesis.id,
      descriptor: {
        owner: signer.peerId,
        kinds: ['deterministic', 'small_model', ...(largeModels ? (['llm'] as const) : [])],
        pod_tiers: largeModels ? [...POD_TIERS] : [],
        zones: [],
        region: null,
        memory_mb: memoryMb,
        accelerators: [...engine.accelerators],
        slots: 1,
        queue_max: QUEUE_MAX,
        backend: namedBackend(engine)
      },
      tenants: null,
      authorized: [sequencer],
      gateways: [{ gateway: sequencer, addresses: this.#addressesOf(sequencer) }],
      drainGraceMs: DRAIN_GRACE_MS,
      runMemoryMb: memoryMb,
      drill: null,
      freeMemoryMb: () => memoryMb
    }
  }

  #addressesOf(peer: PeerId): readonly string[] {
    return this.#options.peers.filter((address) => address.endsWith(`/p2p/${peer}`))
  }
}

interface EngineFacts {
  readonly hello: string
  readonly backends: string
}

const factsOf = (engine: TabEngine): EngineFacts => ({
  hello: JSON.stringify([namedBackend(engine), engine.accelerators]),
  backends: JSON.stringify(engine.backends)
})

/** The class in which units that want equal bytes run: nearly every model conforms to WASM. */
const namedBackend = ({ backends }: TabEngine): Backend =>
  backends.find(isWasm) ?? backends[0] ?? NO_BACKEND

const isWasm = ({ provider }: Backend): boolean => provider === 'wasm'

/** What a tab says of itself while every processor is switched off; no model passes on it. */
const NO_BACKEND: Backend = {
  runtime: 'onnxruntime-web',
  version: 'none',
  provider: 'wasm',
  device_class: 'off'
}
