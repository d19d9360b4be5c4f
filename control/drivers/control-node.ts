/**
 * A control node: KORA over the gateway of a mesh, with ledger, blobs and network put together. Runs
 * sessions, keeps what they were asked and what they gave, and takes up those that a crash cut off.
 * Parses no flags and serves no HTTP.
 */
import { join } from 'node:path'
import {
  assert,
  type EventDraft,
  type Fabric,
  type FabricSignal,
  isDiskFault,
  isUnitId,
  MeshError,
  parseCid,
  parseSessionId,
  type SessionHistory,
  type SessionId,
  type SignedGenesis,
  type TaskGraph,
  type ValueMap
} from '#contracts'
import { type Ledger, ReceiptChecker } from '#ledger'
import { type GatewayDriver, type MeshNetwork, nodeVerifier } from '#mesh-node'
import type { DiskBlobStore } from '#mesh-node/store'
import type { ResultCache } from '../cache/result-cache.ts'
import { readGraph } from '../graph/read-graph.ts'
import { runHandler } from '../handlers/index.ts'
import type { ModelRegistry } from '../registry/model-registry.ts'
import { outputFiles, outputsView } from '../session/output-view.ts'
import type { SessionPorts } from '../session/ports.ts'
import type { SessionProgress } from '../session/progress.ts'
import { readInputs } from '../session/read-inputs.ts'
import { runSession } from '../session/session-driver.ts'
import { bindInputs, nameSession, type SessionNames } from '../session/session-ids.ts'
import type { SessionResult } from '../session/session-result.ts'
import type { SessionJudge } from '../verify/judge.ts'
import type {
  ControlService,
  ExplainDocument,
  SessionDocument,
  StatusDocument,
  Submission
} from './control-service.ts'
import { EventLog } from './event-log.ts'
import { explainLive, liveRow, nodeRows } from './live-views.ts'
import type { ModelOffer } from './model-offer.ts'
import type { RecordedControl } from './recorded-control.ts'
import { replayFolder } from './replay-driver.ts'
import type { SessionFeed } from './session-feed.ts'
import type { SignalBoard } from './signal-board.ts'
import { keepSubmission, loadSubmission } from './submission-store.ts'
import { freshRequestId, StoppableClock } from './system-clock.ts'

/** What a control node is made of; `openControlNode` puts it together. */
export interface ControlParts {
  readonly folder: string
  readonly ledger: Ledger
  readonly blobs: DiskBlobStore
  readonly network: MeshNetwork
  readonly gateway: GatewayDriver
  readonly registry: ModelRegistry
  readonly offer: ModelOffer
  readonly cache: ResultCache
  readonly judge: SessionJudge
  readonly recorded: RecordedControl
  readonly feed: SessionFeed
  readonly signals: SignalBoard
  readonly close: () => Promise<void>
  /** Ends the node; `failed` then rejects. */
  readonly fatal: (error: unknown) => void
  /** Rejects where the node cannot go on. */
  readonly failed: Promise<never>
}

/** Which sessions somebody may see. */
export type OwnSessions = (session: SessionId) => boolean
const everyone: OwnSessions = () => true

/** Counting nodes costs a microsecond for a hundred of them; people see no faster change. */
const NODES_LOOK_MS = 250
/** As many as late watchers find in the feed. */
const BROKEN_MAX = 1_000

interface Running {
  readonly graph: TaskGraph
  readonly abort: AbortController
  readonly ended: Promise<SessionDocument>
}

interface Job {
  readonly graph: TaskGraph
  readonly inputs: ValueMap
  readonly requestId: string
  readonly useCache: boolean
}

export class ControlNode implements ControlService {
  readonly #parts: ControlParts
  readonly #running = new Map<SessionId, Running>()
  readonly #clock = new StoppableClock()
  #isWatching = false
  /** Why sessions have no result, for whoever asks after they ended. */
  readonly #broken = new Map<SessionId, Error>()

  constructor(parts: ControlParts) {
    this.#parts = parts
  }

  get peerId(): string {
    return this.#parts.network.peerId
  }

  get mesh(): string {
    return this.#parts.ledger.genesis.id
  }

  get genesis(): SignedGenesis {
    return this.#parts.ledger.genesis
  }

  get models(): ModelRegistry {
    return this.#parts.registry
  }

  addresses(): readonly string[] {
    return this.#parts.network.addresses()
  }

  /** The mesh as one session's fabric; the listener hears what is said of that session. */
  fabric(session: SessionId, listener: (signal: FabricSignal) => void): Fabric {
    this.#parts.signals.hear(session, listener)
    return this.#parts.gateway
  }

  /** Nodes that are connected and may work. */
  nodesReady(): number {
    return this.#parts.gateway.nodesReady()
  }

  submit(submission: Submission): Promise<SessionId> {
    return this.submitGraph(readGraph(submission.graph), submission)
  }

  /** As `submit`, for a graph that was read already: the bytes of it are not looked at. */
  submitGraph(graph: TaskGraph, { inputs: given, ...rest }: Submission): Promise<SessionId> {
    const inputs = bindInputs(graph, readInputs(graph, given))
    const requestId = graph.request_id ?? rest.requestId ?? freshRequestId()
    return this.start({ graph, inputs, requestId, useCache: rest.useCache })
  }

  /** Whose the session is; null where it is not known here. */
  tenantOf(session: SessionId): string | null {
    const running = this.#running.get(session)
    return running?.graph.tenant_id ?? this.#parts.ledger.fold.session(session)?.tenant ?? null
  }

  /** Sessions of a tenant that run here. */
  runningOf(tenant: string): number {
    return [...this.#running.values()].filter(({ graph }) => graph.tenant_id === tenant).length
  }

  follow(session: SessionId, signal?: AbortSignal): AsyncIterable<SessionProgress> {
    return this.#parts.feed.follow(session, signal)
  }

  /** Starts a session, or finds the one that the same request already is. */
  async start(job: Job): Promise<SessionId> {
    const names = nameSession(job.graph, job.inputs, job.requestId)
    const { session } = names
    const owner = this.tenantOf(session)
    // a trace id names its session for everybody, and is easily guessed
    if (owner !== null && owner !== job.graph.tenant_id)
      throw new MeshError('admission.tenant_mismatch', { session, reason: 'trace_id in use' })
    if (this.#running.has(session) || this.#parts.recorded.has(session)) return session
    await keepSubmission(this.#parts.blobs, job.graph, job.inputs)
    // a model may have been added a moment ago
    await this.#parts.offer.refresh()
    // the same request may have come a second time meanwhile
    if (this.#running.has(session)) return session
    this.#broken.delete(session)
    const abort = new AbortController()
    this.#parts.feed.begin(session)
    const run = this.#run(names, job, abort.signal)
    const ended = Promise.race([run, this.#parts.failed])
      .catch((error: unknown) => {
        this.#keepBroken(session, error)
        throw error
      })
      .finally(() => {
        this.#running.delete(session)
        this.#parts.feed.end(session)
      })
    // nobody may ask for the result
    ended.catch(() => {})
    this.#running.set(session, { graph: job.graph, abort, ended })
    this.#watchNodes()
    return session
  }

  /**
   * Takes up every session that was opened and not closed, and those that closed in the moment before
   * their result was kept: their units are all in the ledger, so nothing of them is run again.
   */
  async resume(): Promise<readonly SessionId[]> {
    const { ledger, recorded } = this.#parts
    const open = ledger.fold
      .sessions()
      .filter(
        ({ session, stopReason }) =>
          stopReason === null || (stopReason === 'success' && !recorded.has(session))
      )
    const resumed: SessionId[] = []
    for (const { session, graphCid, inputsCid, requestId } of open) {
      const cids = { graphCid: parseCid(graphCid), inputsCid: parseCid(inputsCid) }
      try {
        const { graph, inputs } = await loadSubmission(this.#parts.blobs, cids)
        resumed.push(await this.start({ graph, inputs, requestId, useCache: true }))
      } catch (error) {
        // one whose blobs are gone holds up no other
        if (!(error instanceof MeshError)) throw error
        this.#keepBroken(session, error)
      }
    }
    return resumed
  }

  async result(session: SessionId): Promise<SessionDocument> {
    const running = this.#running.get(session)
    if (running !== undefined) return running.ended
    const broken = this.#broken.get(session)
    if (broken !== undefined) throw broken
    return this.#parts.recorded.result(session)
  }

  async cancel(session: SessionId): Promise<void> {
    const running = this.#running.get(session)
    if (running === undefined) throw new MeshError('session.unknown', { session })
    running.abort.abort()
    await running.ended
  }

  /** Of all sessions, or of those that are `mine`. */
  async status(mine: OwnSessions = everyone): Promise<StatusDocument> {
    const { recorded, gateway, feed, ledger } = this.#parts
    const past = recorded.status(mine)
    const sessions = past.sessions.map((row) => {
      const session = parseSessionId(row.session)
      const running = this.#running.get(session)
      return running === undefined ? row : liveRow(row, running.graph, feed.latest(session))
    })
    return { ...past, addresses: this.addresses(), sessions, nodes: nodeRows(gateway, ledger) }
  }

  async explain(unit: string, mine: OwnSessions = everyone): Promise<ExplainDocument> {
    const { gateway, recorded } = this.#parts
    const sessions = [...this.#running.keys()].filter(mine)
    const live = isUnitId(unit) ? explainLive(unit, sessions, gateway) : null
    return live ?? recorded.explain(unit, mine)
  }

  replay(session: SessionId): ReturnType<ControlService['replay']> {
    return replayFolder(session, this.#parts)
  }

  verifyLedger(): ReturnType<ControlService['verifyLedger']> {
    return this.#parts.recorded.verifyLedger()
  }

  async balances(): ReturnType<ControlService['balances']> {
    return this.#parts.recorded.balances()
  }

  async bill(session: SessionId | null): ReturnType<ControlService['bill']> {
    return this.#parts.recorded.bill(session)
  }

  exportLedger(): AsyncIterable<string> {
    return this.#parts.recorded.exportLedger()
  }

  /** Lets go of everything. Sessions that still run are taken up by the next start. */
  async close(): Promise<void> {
    this.#clock.stop()
    await this.#parts.close()
  }

  /** Sessions hear of nodes that come and go while their own units only wait. */
  #watchNodes(): void {
    if (this.#isWatching) return
    this.#isWatching = true
    const look = (): void => {
      this.#isWatching = this.#running.size > 0
      if (!this.#isWatching) return
      this.#parts.feed.nodesChanged(this.nodesReady())
      this.#clock.after(NODES_LOOK_MS, look)
    }
    this.#clock.after(NODES_LOOK_MS, look)
  }

  #keepBroken(session: SessionId, error: unknown): void {
    if (this.#broken.size >= BROKEN_MAX) this.#broken.clear()
    this.#broken.set(session, error instanceof Error ? error : new Error(String(error)))
  }

  async #run(names: SessionNames, job: Job, signal: AbortSignal): Promise<SessionDocument> {
    const { session } = names
    const { feed, folder, signals, fatal } = this.#parts
    let events: EventLog | null = null
    try {
      const log = new EventLog({ dataFolder: folder, session, failed: fatal })
      events = log
      const result = await runSession(
        {
          graph: job.graph,
          inputs: job.inputs,
          requestId: job.requestId,
          names,
          signal,
          nodes: () => this.nodesReady(),
          onProgress: (progress) => feed.update(session, progress),
          onEvent: (event: EventDraft) => log.append(event)
        },
        this.#sessionPorts(session, job.useCache)
      )
      return await this.#document(result)
    } catch (error) {
      // no session could be kept from now on
      if (isDiskFault(error)) fatal(error)
      throw error
    } finally {
      signals.forget(session)
      events?.flush()
    }
  }

  #sessionPorts(session: SessionId, useCache: boolean): SessionPorts {
    const { blobs, cache, judge, registry } = this.#parts
    return {
      fabric: (listener) => this.fabric(session, listener),
      blobs,
      cache: useCache ? cache : null,
      handle: (handler, args) => runHandler(handler, args),
      models: registry,
      judge,
      clock: this.#clock,
      freshId: freshRequestId
    }
  }

  async #document(result: SessionResult): Promise<SessionDocument> {
    const { ledger, recorded } = this.#parts
    const history = await ledger.history(result.session)
    const files = recorded.keepOutputs(result.session, outputFiles(result.outputs))
    const document: SessionDocument = {
      ...result,
      outputs: outputsView(result.outputs),
      files,
      mesh: this.mesh,
      status: statusOf(result),
      receipts_checked: history === null ? 0 : checkReceipts(history, ledger),
      bill: recorded.bill(result.session)
    }
    recorded.keep(document)
    return document
  }
}

/** Checks signature and path of every receipt of the session; gives how many there are. */
function checkReceipts({ units }: SessionHistory, { genesis }: Ledger): number {
  const checker = new ReceiptChecker({ mesh: genesis.id, verifier: nodeVerifier })
  let checked = 0
  for (const { accepted, voided } of units.values()) {
    for (const { receipt } of [...accepted, ...voided]) {
      if (receipt === null) continue
      const facts = checker.check(receipt)
      assert(typeof facts !== 'string', `a receipt in the ledger is sound: ${facts}`)
      checked += 1
    }
  }
  return checked
}

const statusOf = ({ stop_reason }: SessionResult): SessionDocument['status'] =>
  stop_reason === 'success' ? 'completed' : stop_reason === 'cancelled' ? 'cancelled' : 'failed'

export const blobsFolder = (folder: string): string => join(folder, 'blobs')
