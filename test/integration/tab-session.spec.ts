/** A tab's session beside a gateway driven by hand: what the mesh hears of the processors that come and go. */
import { deepEqual, equal } from 'node:assert/strict'
import { MemoryLevel } from 'memory-level'
import { type Backend, MeshError, type ModelManifest } from '#contracts'
import { createNetwork, nodeVerifier } from '#mesh-node'
import { BlobShelf, systemClock } from '#mesh-node/portable'
import { MemoryDisk } from '../../browser-node/tab/memory-disk.ts'
import { MeshSession } from '../../browser-node/tab/mesh-session.ts'
import { DEFAULT_LIMITS } from '../../browser-node/tab/owner-limits.ts'
import { Profile } from '../../browser-node/tab/profile.ts'
import type { SessionNews } from '../../browser-node/tab/session-ports.ts'
import type { TabEngine, TabPorts } from '../../browser-node/tab/tab-ports.ts'
import { HandGateway } from '../support/hand-gateway.ts'
import { seed } from '../support/mesh-fixtures.ts'
import { Started, until } from '../support/mesh-hosts.ts'

const PATIENCE_MS = 20_000
const backend = (provider: string): Backend => ({
  ...{ runtime: 'onnxruntime-web', version: '1.30' },
  ...{ provider, device_class: `opt-all/${provider}` }
})
const nothing = (): void => {}

/** An engine without a model, whose processors a test takes away. */
class EngineByHand implements TabEngine {
  backends: readonly Backend[] = [backend('webgpu'), backend('wasm')]
  accelerators: readonly string[] = ['webgpu']
  readonly #listeners = new Set<() => void>()

  become(backends: readonly Backend[], accelerators: readonly string[]): void {
    this.backends = backends
    this.accelerators = accelerators
    for (const listener of this.#listeners) listener()
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  setLimits = async (): Promise<void> => this.become([backend('wasm')], [])
  status = () => []
  backendFor = (_manifest: ModelManifest) => null
  mayRun = () => false
  settle = nothing
  execute = () => Promise.reject(new MeshError('executor.no_backend'))
  warm = () => Promise.resolve()
  describe = () => Promise.reject(new MeshError('executor.no_backend'))
  close = () => Promise.resolve()
  stats = () => ({ slots: 1, running: 0, queued: 0, children: 0, runs: 0, failures: 0 })
}

const NEWS: SessionNews = {
  ...{ report: nothing, changed: nothing, progress: nothing, ran: nothing, demoted: nothing },
  ...{ guardFetch: nothing, fetching: nothing, genesis: nothing, network: nothing },
  nowMs: () => systemClock.nowMs(),
  traffic: { down: nothing, up: nothing },
  isModel: () => false
}

function portsOf(gateway: HandGateway, engine: TabEngine): TabPorts {
  const { genesis } = gateway
  return {
    clock: systemClock,
    verifier: nodeVerifier,
    random: (bytes) => seed(5).slice(0, bytes),
    utcOffsetMin: () => 0,
    lacks: () => null,
    openLedgerLevel: () => new MemoryLevel({ keyEncoding: 'view', valueEncoding: 'view' }),
    openShelf: async (bytesMax) => {
      const disk = new MemoryDisk(() => ({ path: '', withdraw: nothing }))
      const shelf = new BlobShelf(disk, { blobs: [], partials: [] }, { bytesMax })
      return { shelf, close: nothing }
    },
    openNetwork: createNetwork,
    openEngine: async () => engine,
    host: {
      genesis: async () => genesis.bytes,
      notice: async () => null,
      blob: async () => null
    },
    place: { claim: async () => nothing, whenFree: async () => {} },
    beginAnew: nothing,
    sense: () => nothing,
    fatal: (error) => {
      throw error
    }
  }
}

describe('a session of a tab', () => {
  const started = new Started()
  let gateway: HandGateway
  let engine: EngineByHand
  let session: MeshSession

  beforeEach(async function () {
    this.timeout(PATIENCE_MS)
    gateway = started.add(await HandGateway.start(), (one) => one.stop())
    engine = new EngineByHand()
    const level = new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' })
    const options = {
      mesh: gateway.genesis.id,
      peers: [gateway.address],
      limits: DEFAULT_LIMITS,
      profile: await Profile.open(level),
      trials: { read: async () => undefined, write: async () => {} }
    }
    session = await MeshSession.open(options, portsOf(gateway, engine), NEWS)
    started.add(session, (one) => one.close())
    session.work()
    await until(() => hellos().length === 1, 'a hello', PATIENCE_MS)
  })
  afterEach(() => started.endAll())

  const hellos = () => gateway.bodies('hello').map(({ descriptor }) => descriptor)
  const accelerators = () => hellos().map((one) => one.accelerators)

  it('tells the mesh that its GPU is lost, and works on', async () => {
    deepEqual(accelerators(), [['webgpu']])
    engine.become([backend('wasm')], [])
    await until(() => hellos().length === 2, 'a hello without the GPU', PATIENCE_MS)
    deepEqual(accelerators(), [['webgpu'], []])
    deepEqual(
      hellos().map((one) => one.backend.provider),
      ['wasm', 'wasm']
    )
    await until(() => session.status().mode === 'serving', 'work again', PATIENCE_MS)
  })

  it('says nothing anew where a processor that the mesh never heard of goes', async () => {
    engine.become([backend('wasm')], ['webgpu'])
    engine.become([backend('webgpu'), backend('wasm')], ['webgpu'])
    // a change that it must tell of comes after those that it need not
    engine.become([backend('wasm')], [])
    await until(() => hellos().length === 2, 'the second hello', PATIENCE_MS)
    equal(hellos().length, 2)
  })

  it('says it once where the owner switches the GPU off, and takes no work that it had let go', async () => {
    session.letGo()
    await session.setLimits({ ...DEFAULT_LIMITS, gpu: false })
    await until(() => hellos().length === 2, 'a hello without the GPU', PATIENCE_MS)
    deepEqual(accelerators(), [['webgpu'], []])
    equal(session.status().mode, 'paused')
  })
})
