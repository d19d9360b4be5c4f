/**
 * Another operator's control node, asked over the network as a client: the same questions as of one's
 * own, with graph and inputs handed over, and outputs brought into the own data folder. Verifies no
 * result itself: it asks the mesh's sequencer, and knows it by its key.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  type Cid,
  type ControlPart,
  MeshError,
  type MeshId,
  type PeerId,
  parseSessionId,
  type SessionId
} from '#contracts'
import type { BlobExchange, MeshNetwork } from '#mesh-node'
import type { MemoryBlobs } from '#mesh-node/store'
import type { SessionProgress } from '../session/progress.ts'
import { PartPacker, unpack } from './control-parts.ts'
import type { ControlDone, ControlQuestions } from './control-questions.ts'
import type {
  BillDocument,
  ExplainDocument,
  ReplayDocument,
  SessionDocument,
  SessionService,
  StatusDocument,
  Submission
} from './control-service.ts'
import {
  readBill,
  readExplain,
  readReplay,
  readSession,
  readStatus,
  readSubmitted
} from './document-shapes.ts'
import { SessionFeed } from './session-feed.ts'

export interface RemoteControlParts {
  readonly mesh: MeshId
  readonly control: PeerId
  /** The folder that outputs are brought into. */
  readonly folder: string
  readonly network: MeshNetwork
  readonly exchange: BlobExchange
  /** What the control node may fetch from here, and what was fetched from it. */
  readonly store: MemoryBlobs
  readonly questions: ControlQuestions
}

export class RemoteControl implements SessionService {
  readonly #parts: RemoteControlParts

  constructor(parts: RemoteControlParts) {
    this.#parts = parts
  }

  get mesh(): MeshId {
    return this.#parts.mesh
  }

  async submit({ graph, inputs, useCache, requestId }: Submission): Promise<SessionId> {
    const kept: Cid[] = []
    const packer = new PartPacker(async (bytes) => {
      const cid = await this.#parts.store.put(bytes)
      kept.push(cid)
      return cid
    })
    const packed: Record<string, ControlPart> = {}
    const graphPart = await packer.pack(graph)
    for (const [name, bytes] of Object.entries(inputs)) packed[name] = await packer.pack(bytes)
    const done = await this.#parts.questions.ask({
      t: 'submit',
      request_id: requestId ?? randomUUID(),
      graph: graphPart,
      inputs: packed,
      use_cache: useCache
    })
    for (const cid of kept) await this.#parts.store.remove(cid)
    return parseSessionId(readSubmitted(await this.#bytesOf(done.document)))
  }

  async *follow(session: SessionId, signal?: AbortSignal): AsyncGenerator<SessionProgress> {
    const feed = new SessionFeed()
    feed.begin(session)
    const ended = this.#parts.questions
      .ask({ t: 'follow', session }, (progress) => feed.update(session, progress))
      .finally(() => feed.end(session))
    // said below, where somebody still watches
    ended.catch(() => {})
    yield* feed.follow(session, signal)
    if (signal?.aborted !== true) await ended
  }

  /** The document, and its files in the own folder. */
  async result(session: SessionId): Promise<SessionDocument> {
    const { document, files } = await this.#parts.questions.ask({ t: 'result', session })
    const read = readSession(await this.#bytesOf(document))
    return { ...read, files: await this.#keep(session, files) }
  }

  async cancel(session: SessionId): Promise<void> {
    await this.#parts.questions.ask({ t: 'cancel', session })
  }

  async status(): Promise<StatusDocument> {
    const { document } = await this.#parts.questions.ask({ t: 'status' })
    return readStatus(await this.#bytesOf(document))
  }

  async explain(unit: string): Promise<ExplainDocument> {
    const { document } = await this.#parts.questions.ask({ t: 'explain', unit })
    return readExplain(await this.#bytesOf(document))
  }

  async replay(session: SessionId): Promise<ReplayDocument> {
    const { document } = await this.#parts.questions.ask({ t: 'replay', session })
    return readReplay(await this.#bytesOf(document))
  }

  async bill(session: SessionId | null): Promise<BillDocument> {
    if (session === null) throw new MeshError('session.unknown', { session: 'all' })
    const { document } = await this.#parts.questions.ask({ t: 'bill', session })
    return readBill(await this.#bytesOf(document))
  }

  async close(): Promise<void> {
    await this.#parts.questions.close()
    await this.#parts.network.stop()
  }

  /** Names were checked to be names: none leaves the folder. */
  async #keep(session: SessionId, files: ControlDone['files']): Promise<Record<string, string>> {
    const folder = resolve(this.#parts.folder, 'meshes', this.#parts.mesh, session)
    const paths: Record<string, string> = {}
    if (files.length > 0) mkdirSync(folder, { recursive: true })
    for (const { name, part } of files) {
      const path = join(folder, name)
      writeFileSync(`${path}.part`, await this.#bytesOf(part))
      renameSync(`${path}.part`, path)
      paths[name] = path
    }
    return paths
  }

  #bytesOf(part: ControlPart): Promise<Uint8Array> {
    const { exchange, store, control } = this.#parts
    return unpack(part, async (cid, bytesMax) => {
      const bytes = await exchange.fetchBytes(cid, { from: [control], bytesMax })
      await store.remove(cid)
      return bytes
    })
  }
}
