/**
 * A real mesh on this machine for benchmarks: this process is the control node with its ledger on
 * disk, the nodes are `krako-node` processes, and between them is libp2p on loopback. Units go in
 * through the same port that KORA uses. Leaves no process and no folder behind.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import {
  assert,
  bytesToHex,
  type Fabric,
  parseSessionId,
  SESSION_OPEN_UNITS_MAX,
  type SessionId,
  type UnitOutcome,
  type UnitSubmission
} from '#contracts'
import { EventLog } from '../../control/drivers/event-log.ts'
import { type LocalNodes, startLocalNodes } from '../../control/drivers/local-nodes.ts'
import { genesisFile } from '../../control/drivers/mesh-folder.ts'
import { type OpenControl, openControl } from '../../control/drivers/open-control.ts'
import { spec } from '../support/mesh-units.ts'
import { cpuMs } from './cpu-time.ts'

/** Under a tenth of a core in half a second is heartbeats; a mesh never idle is measured as it is. */
const IDLE_LOOK_MS = 500
const IDLE_SHARE = 0.1
const IDLE_WAIT_MS_MAX = 20_000

export interface LocalMeshOptions {
  readonly nodes: number
  readonly flags: readonly string[]
}

export class LocalMesh implements AsyncDisposable {
  readonly #folder: string
  readonly #control: OpenControl
  readonly #nodes: LocalNodes

  private constructor(folder: string, control: OpenControl, nodes: LocalNodes) {
    this.#folder = folder
    this.#control = control
    this.#nodes = nodes
  }

  static async open({ nodes: count, flags }: LocalMeshOptions): Promise<LocalMesh> {
    const folder = mkdtempSync(join(tmpdir(), 'bench-mesh-'))
    // a signal ends a process without its disposers; the nodes end with their channel to this process
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    process.once('SIGINT', () => process.exit(130))
    process.once('SIGTERM', () => process.exit(143))
    await using undo = new AsyncDisposableStack()
    undo.defer(() => rmSync(folder, { recursive: true, force: true }))
    const listen = ['/ip4/127.0.0.1/tcp/0']
    const control = await openControl(
      { data: folder, mesh: null, listen, bootstrap: [], localNodes: 0 },
      (line) => console.error(line)
    )
    undo.defer(() => control.close())
    const nodes = await startLocalNodes({
      count,
      genesisFile: genesisFile(folder),
      bootstrap: control.node.addresses(),
      dataRoot: join(folder, 'nodes'),
      flags: () => flags
    })
    undo.move()
    return new LocalMesh(folder, control, nodes)
  }

  get control(): OpenControl['node'] {
    return this.#control.node
  }

  /** Of the control node and all nodes. */
  cpuMs(): number | null {
    return cpuMs(this.#nodes.nodes.map(({ pid }) => pid))
  }

  /** Waits until the nodes have caught up with the ledger and nothing works any more. */
  async idle(): Promise<void> {
    const deadlineMs = performance.now() + IDLE_WAIT_MS_MAX
    let before = this.cpuMs()
    while (before !== null && performance.now() < deadlineMs) {
      await wait(IDLE_LOOK_MS)
      const now = this.cpuMs()
      if (now === null || now - before < IDLE_LOOK_MS * IDLE_SHARE) return
      before = now
    }
  }

  session(): Promise<MeshSession> {
    return MeshSession.open(this.#control.node, this.#folder)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#nodes.stop()
    await this.#control.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

/** A benchmark on a full disk measures nothing. */
function broken(error: unknown): never {
  throw error
}

/** One session of the control node's fabric, with its telemetry on disk as every session has it. */
export class MeshSession {
  readonly id: SessionId
  readonly #fabric: Fabric
  readonly #events: EventLog
  #heard: (outcome: UnitOutcome) => void = () => {}

  private constructor(id: SessionId, control: OpenControl['node'], folder: string) {
    this.id = id
    this.#events = new EventLog({ dataFolder: folder, session: id, failed: broken })
    this.#fabric = control.fabric(id, (signal) => {
      if (signal.type === 'event') this.#events.append(signal.event)
      else if (signal.type === 'outcome') this.#heard(signal.outcome)
      else if (signal.type === 'session-refused')
        throw new Error(`the session was refused: ${signal.refusal}`)
    })
  }

  static async open(control: OpenControl['node'], folder: string): Promise<MeshSession> {
    const id = parseSessionId(`s${bytesToHex(randomBytes(16))}`)
    const session = new MeshSession(id, control, folder)
    await session.#fabric.open(spec({ session: id }))
    return session
  }

  /** Runs one unit alone and gives its outcome. */
  one(submission: UnitSubmission): Promise<UnitOutcome> {
    return new Promise((resolve) => {
      this.#heard = resolve
      this.#fabric.submit(this.id, [submission])
    })
  }

  /** Runs so many units, at most as many open at once as KORA has; all must succeed. */
  run(count: number, make: (index: number) => UnitSubmission): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let made = 0
    let ended = 0
    const fill = (): void => {
      const units: UnitSubmission[] = []
      while (made < count && made - ended < SESSION_OPEN_UNITS_MAX) units.push(make(made++))
      if (units.length > 0) this.#fabric.submit(this.id, units)
    }
    let isFilling = false
    this.#heard = ({ status, error }) => {
      ended += 1
      if (status !== 'success') reject(new Error(`a unit ended as ${status}: ${error?.detail}`))
      if (ended === count) resolve()
      if (isFilling) return
      isFilling = true
      queueMicrotask(() => {
        isFilling = false
        fill()
      })
    }
    fill()
    return promise
  }

  async close(): Promise<void> {
    await this.#fabric.close(this.id, 'success', '00'.repeat(32))
    this.#events.flush()
    assert(this.#heard !== undefined, 'a session is closed once')
  }
}
