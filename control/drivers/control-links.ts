/**
 * A control node for clients on other machines: takes links of kind `control`, checks who signed each
 * question and whether the operator lets that one in, asks the same service that HTTP asks, and sends
 * back progress and the answer. A client that goes away leaves its sessions running.
 */
import { statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import {
  assertNever,
  CONTROL_ASKS_PER_LINK_MAX,
  CONTROL_LINKS_MAX,
  CONTROL_REPLAYS_MAX,
  type ControlAnswer,
  type ControlAsk,
  type ControlFrame,
  type ControlPart,
  type ControlWant,
  MeshError,
  type MeshId,
  openControlFrame,
  type PeerId,
  type SessionId,
  type Signer,
  sealControlFrame,
  type Verifier
} from '#contracts'
import type { Link, MeshNetwork } from '#mesh-node'
import type { DiskBlobStore } from '#mesh-node/store'
import { PartPacker } from './control-parts.ts'
import { progressMessage, refusalOf } from './control-replies.ts'
import type { SessionService } from './control-service.ts'
import { type Inbox, SubmissionInbox } from './submission-inbox.ts'

export interface ControlLinksPorts {
  readonly network: MeshNetwork
  readonly mesh: MeshId
  readonly signer: Signer
  readonly verifier: Verifier
  /** Holds answers that are fetched by hash. */
  readonly blobs: DiskBlobStore
  /** What this client may use; null: nothing, it was not let in. */
  readonly serviceOf: (client: PeerId) => SessionService | null
  readonly onRefused: (peer: PeerId, error: MeshError) => void
  readonly fatal: (error: unknown) => void
}

interface Line {
  readonly link: Link
  readonly inbox: Inbox
  /** Somebody whom the operator lets in has asked over it. */
  isKnown: boolean
  /** Open questions, each with what calls it off. */
  readonly asks: Map<number, AbortController>
}

type Done = Extract<ControlAnswer['end'], { t: 'done' }>
const ALL_SAID: Done['files'] = []

export class ControlLinks {
  readonly #ports: ControlLinksPorts
  readonly #lines = new Set<Line>()
  readonly #inbox: SubmissionInbox
  #replays = 0

  constructor(ports: ControlLinksPorts) {
    this.#ports = ports
    this.#inbox = new SubmissionInbox(ports.network)
  }

  /** Takes links from now on; those that clients opened before wait for it. */
  start(): void {
    this.#ports.network.onLink('control', (link) => this.#accept(link))
  }

  async close(): Promise<void> {
    await Promise.all([...this.#lines].map(({ link }) => link.close()))
  }

  #accept(link: Link): void {
    const full = this.#lines.size >= CONTROL_LINKS_MAX
    const stranger = full ? [...this.#lines].find(({ isKnown }) => !isKnown) : undefined
    // strangers make room for each other, so that they keep no client out
    if (full)
      this.#refuse(
        stranger?.link ?? link,
        new MeshError('control.busy', { links: this.#lines.size })
      )
    if (full && stranger === undefined) return
    const inbox = this.#inbox.of(link.peer)
    const line: Line = { link, inbox, isKnown: false, asks: new Map() }
    this.#lines.add(line)
    link.onClose(() => {
      this.#lines.delete(line)
      for (const ask of line.asks.values()) ask.abort()
    })
    link.onFrame((raw) => this.#receive(line, raw))
  }

  #receive(line: Line, raw: Uint8Array): void {
    const { mesh, verifier, serviceOf } = this.#ports
    try {
      const { frame, signer } = openControlFrame(raw, { mesh, verifier })
      const ask = this.#checked(line, frame)
      const service = serviceOf(signer)
      if (service === null) {
        const error = new MeshError('admission.client_refused', { client: signer, mesh })
        this.#answer(line, ask.id, refusalOf(error))
        throw error
      }
      line.isKnown = true
      if (line.asks.size >= CONTROL_ASKS_PER_LINK_MAX) {
        const busy = new MeshError('control.busy', { asks: line.asks.size })
        this.#answer(line, ask.id, refusalOf(busy))
        return
      }
      this.#perform(line, ask, service).catch(this.#ports.fatal)
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      // what follows on a link that carries such a question is not to be believed either
      this.#refuse(line.link, error)
    }
  }

  /** A question that was asked here, over this very link, and not yet. */
  #checked({ link, asks }: Line, frame: ControlFrame): ControlAsk {
    if (frame.kind !== 'ask') throw new MeshError('wire.kind_unknown', { kind: frame.kind })
    const { id, control, via } = frame.body
    const here = this.#ports.network.peerId
    if (control !== here) throw new MeshError('wire.signer_mismatch', { named: control, here })
    if (via !== link.peer)
      throw new MeshError('wire.signer_mismatch', { named: via, signer: link.peer })
    if (asks.has(id)) throw new MeshError('wire.message_malformed', { part: 'id', id })
    return frame.body
  }

  #refuse(link: Link, error: MeshError): void {
    this.#ports.onRefused(link.peer, error)
    link.close().catch(this.#ports.fatal)
  }

  async #perform(line: Line, { id, want }: ControlAsk, service: SessionService): Promise<void> {
    const abort = new AbortController()
    line.asks.set(id, abort)
    try {
      const end = await this.#asked(line, { id, want, service, signal: abort.signal })
      this.#answer(line, id, end)
    } catch (error) {
      this.#answer(line, id, refusalOf(error))
    } finally {
      line.asks.delete(id)
    }
  }

  async #asked(line: Line, asked: Asked): Promise<Done> {
    const { want, service } = asked
    switch (want.t) {
      case 'submit':
        return this.#done({ session: await this.#submit(line, want, service) })
      case 'follow':
        await this.#follow(line, want.session, asked)
        return this.#done({ session: want.session })
      case 'result':
        return this.#result(want.session, asked)
      case 'cancel':
        await service.cancel(want.session)
        return this.#done({ cancelled: want.session })
      case 'replay':
        return this.#done(await this.#replay(want.session, service))
      case 'bill':
        return this.#done(await service.bill(want.session))
      case 'explain':
        return this.#done(await service.explain(want.unit))
      case 'status':
        return this.#done(await service.status())
      default:
        return assertNever(want)
    }
  }

  async #submit(
    { inbox }: Line,
    want: Extract<ControlWant, { t: 'submit' }>,
    service: SessionService
  ): Promise<SessionId> {
    return inbox.read(want, ({ graph, inputs }) =>
      service.submit({ graph, inputs, useCache: want.use_cache, requestId: want.request_id })
    )
  }

  /** The newest progress whenever the link has room for it. */
  async #follow({ link }: Line, session: SessionId, { id, service, signal }: Asked): Promise<void> {
    for await (const progress of service.follow(session, signal)) {
      const sent = link.send(this.#seal({ kind: 'progress', body: progressMessage(id, progress) }))
      if (!sent) await link.drained()
    }
  }

  /** Waits as a watcher does, so that nothing stays behind for a client that goes away. */
  async #result(session: SessionId, { service, signal }: Asked): Promise<Done> {
    await ended(service.follow(session, signal))
    if (signal.aborted) throw new MeshError('net.link_closed', { session })
    const { files, ...document } = await service.result(session)
    const packer = this.#packer()
    const parts: Done['files'] = []
    for (const [name, path] of Object.entries(files))
      parts.push({ name, part: await this.#filePart(path, packer) })
    return this.#done({ ...document, files: {} }, parts, packer)
  }

  async #filePart(path: string, packer: PartPacker): Promise<ControlPart> {
    const { size } = statSync(path)
    if (packer.hasRoomFor(size)) return packer.pack(new Uint8Array(await readFile(path)))
    return { cid: await this.#ports.blobs.putFile(path), bytes: size }
  }

  async #replay(session: SessionId, service: SessionService): Promise<unknown> {
    if (this.#replays >= CONTROL_REPLAYS_MAX)
      throw new MeshError('control.busy', { replays: this.#replays })
    this.#replays++
    try {
      return await service.replay(session)
    } finally {
      this.#replays--
    }
  }

  #packer(): PartPacker {
    return new PartPacker((bytes) => this.#ports.blobs.putVolatile(bytes))
  }

  async #done(document: unknown, files = ALL_SAID, packer = this.#packer()): Promise<Done> {
    const text = new TextEncoder().encode(JSON.stringify(document))
    return { t: 'done', document: await packer.pack(text), files }
  }

  #answer({ link }: Line, id: number, end: ControlAnswer['end']): void {
    link.send(this.#seal({ kind: 'answer', body: { v: 1, id, end } }))
  }

  #seal(frame: ControlFrame): Uint8Array {
    return sealControlFrame(frame, this.#ports)
  }
}

async function ended(progress: AsyncIterable<unknown>): Promise<void> {
  const steps = progress[Symbol.asyncIterator]()
  while ((await steps.next()).done !== true) {
    // only the end is of interest
  }
}

interface Asked {
  readonly id: number
  readonly want: ControlWant
  readonly service: SessionService
  readonly signal: AbortSignal
}
