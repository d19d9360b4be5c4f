/**
 * Carries the gateway machine's effects out: ledger appends, frames to nodes, announcements, judging
 * and timers; and stands before KORA as the fabric of a mesh. Inputs of one turn, and those that come
 * while an append is under way, are one step: one append and one frame per node carry many units.
 */
import {
  type AnnouncementMessage,
  assert,
  assertNever,
  type Cid,
  cidOfBytes,
  type Fabric,
  type GatewayFrame,
  INLINE_BLOB_BYTES_MAX,
  isNodeFrame,
  MeshError,
  type MeshId,
  type NodeFrame,
  openResults,
  type PeerId,
  type SessionId,
  type SessionSpec,
  type StopReason,
  type UnitId,
  type UnitSubmission
} from '#contracts'
import {
  type GatewayEffect,
  type GatewayInput,
  GatewayMachine,
  type GatewayOptions,
  type GatewaySnapshot,
  type JudgeRequest,
  type NodeStanding,
  type UnitExplanation
} from '#mesh-node/core'
import { FrameLines } from '../net/frame-lines.ts'
import { packAnnouncement } from './announcements.ts'
import { InputQueue } from './input-queue.ts'
import { OutputJudge } from './output-judge.ts'
import type { GatewayPorts } from './ports.ts'
import { checking, sameStanding } from './standings.ts'

/** Units that one input hands to the machine: a step stays a few milliseconds long. */
const SUBMIT_UNITS_MAX = 1_000
/** How often the fold is asked what it thinks of the nodes. */
const TRUST_REFRESH_MS = 5_000

export interface GatewayDriverOptions extends Omit<GatewayOptions, 'gateway'> {
  readonly mesh: MeshId
}

type Untimed<T> = T extends GatewayInput ? Omit<T, 'nowMs'> : never
type Input = Untimed<GatewayInput>
type SendEffect = Extract<GatewayEffect, { readonly type: 'send' }>

export class GatewayDriver implements Fabric {
  readonly #options: GatewayDriverOptions
  readonly #ports: GatewayPorts
  readonly #machine: GatewayMachine
  readonly #links: FrameLines<NodeFrame, GatewayFrame>
  readonly #judge: OutputJudge
  readonly #queue = new InputQueue()
  readonly #sessions = new Set<SessionId>()
  readonly #standings = new Map<PeerId, NodeStanding>()
  readonly #background = new Set<Promise<void>>()
  #cancelTimer: () => void = () => {}
  #cancelRefresh: () => void = () => {}
  #pumping: Promise<void> | null = null
  #isStopped = false
  /** Why nothing more is done: what the machine has decided was not carried out. */
  #failure: { readonly error: unknown } | null = null

  constructor(options: GatewayDriverOptions, ports: GatewayPorts) {
    this.#options = options
    this.#ports = ports
    this.#machine = new GatewayMachine({
      ...options,
      gateway: ports.signer.peerId,
      ...checking(options.mesh, ports)
    })
    this.#judge = new OutputJudge(ports)
    this.#links = new FrameLines({
      ...ports,
      mesh: options.mesh,
      takes: isNodeFrame,
      onFrame: (node, frame) => this.#receive(node, frame),
      onRefused: (node, { code, facts }) => ports.report({ type: 'refused', node, code, facts }),
      onClosed: (node) => {
        this.#standings.delete(node)
        ports.report({ type: 'node', node, phase: 'lost' })
        this.#feed({ type: 'disconnected', node })
      }
    })
  }

  /** Takes links of nodes from now on. */
  start(): void {
    this.#ports.network.onLink('work', (link) => {
      if (this.#isStopped) return
      this.#ports.report({ type: 'node', node: link.peer, phase: 'linked' })
      this.#links.attach(link)
    })
    this.#refreshTrust()
  }

  /** Opens a session, or goes on with it where the ledger knows it. Resolves when that is written. */
  async open(spec: SessionSpec): Promise<void> {
    const { ledger } = this.#ports
    const history = await ledger.history(spec.session)
    const availableMicro = ledger.availableMicro(spec.tenant)
    this.#sessions.add(spec.session)
    await this.#done({ type: 'open', spec, history, availableMicro })
  }

  /** Throws gateway.session_unknown for a session that was not opened. */
  submit(session: SessionId, units: readonly UnitSubmission[]): void {
    this.#assertKnown(session)
    for (let start = 0; start < units.length; start += SUBMIT_UNITS_MAX) {
      const part = units.slice(start, start + SUBMIT_UNITS_MAX)
      this.#feed({ type: 'submit', session, units: part }, part.length)
    }
  }

  cancel(session: SessionId): void {
    this.#feed({ type: 'cancel', session })
  }

  /** Resolves when the session's last word is in the log. */
  async close(session: SessionId, stopReason: StopReason, stateHash: string): Promise<void> {
    this.#assertKnown(session)
    this.#sessions.delete(session)
    await this.#done({ type: 'close', session, stopReason, stateHash })
  }

  /** Tells the scheduler what a model asks of a node, beside what its units say. */
  knowModel(
    model: Pick<Extract<Input, { type: 'model' }>, 'cid' | 'tier' | 'memoryMb' | 'cost'>
  ): void {
    this.#feed({ type: 'model', ...model })
  }

  /** Null where the gateway has no such unit. */
  explain(session: SessionId, unit: UnitId): UnitExplanation | null {
    return this.#machine.explain(session, unit)
  }

  /** Nodes that are connected and may work. */
  nodesReady(): number {
    return this.#machine.nodesReady()
  }

  snapshot(): GatewaySnapshot {
    return this.#machine.snapshot()
  }

  /** Ends at once. Sessions go on when they are opened again; leases stand until they end. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#cancelTimer()
    this.#cancelRefresh()
    await this.#pumping
    this.#queue.abandon()
    await this.#links.close()
    await Promise.all(this.#background)
  }

  #assertKnown(session: SessionId): void {
    if (!this.#sessions.has(session)) throw new MeshError('gateway.session_unknown', { session })
  }

  #receive(node: PeerId, frame: NodeFrame): void {
    switch (frame.kind) {
      case 'hello': {
        const standing = this.#ports.ledger.standing(node)
        if (standing !== null) this.#standings.set(node, standing)
        this.#feed({ type: 'hello', node, body: frame.body, standing })
        break
      }
      case 'result':
        this.#receiveResults(node, frame.body)
        break
      case 'claim':
        this.#feed({ type: 'claim', node, body: frame.body })
        break
      case 'withdraw':
        this.#feed({ type: 'withdraw', node, body: frame.body })
        break
      case 'commit':
        this.#feed({ type: 'commit', node, body: frame.body })
        break
      case 'failure':
        this.#feed({ type: 'failure', node, body: frame.body })
        break
      case 'release':
        this.#feed({ type: 'release', node, body: frame.body })
        break
      case 'heartbeat':
        this.#feed({ type: 'heartbeat', node, body: frame.body })
        break
      default:
        assertNever(frame)
    }
  }

  /** Results whose batch is not signed by this node cost it the link, as any forged frame. */
  #receiveResults(node: PeerId, body: Extract<NodeFrame, { kind: 'result' }>['body']): void {
    const { verifier, report } = this.#ports
    try {
      const results = openResults(body, { mesh: this.#options.mesh, verifier })
      const stranger = results.attestations.find((one) => one.node !== node)
      if (stranger !== undefined) {
        throw new MeshError('attestation.signer_mismatch', { node: stranger.node, signer: node })
      }
      for (const output of body.outputs) this.#judge.keep(cidOfBytes(output), output)
      this.#feed({ type: 'result', node, results }, results.attestations.length)
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      report({ type: 'refused', node, code: error.code, facts: error.facts })
      this.#links.drop(node)
    }
  }

  #feed(input: Input, weight = 1): void {
    if (this.#isStopped || this.#failure !== null) return
    this.#queue.push(input, weight)
    this.#wake()
  }

  /** As `#feed`; resolves when everything that follows from the input is done. */
  #done(input: Input): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure.error)
    const done = this.#queue.pushAwaited(input)
    this.#wake()
    return done
  }

  /** One turn later, so that all inputs of this turn are one step. */
  #wake(): void {
    if (this.#pumping !== null || this.#isStopped) return
    this.#pumping = new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => this.#pump())
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#pumping = null
        if (this.#queue.size > 0) this.#wake()
      })
  }

  /** The machine is ahead of its log from now on: it takes no more, and a restart begins at the log. */
  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#cancelTimer()
    this.#queue.fail(error)
    this.#ports.fatal(error)
  }

  async #pump(): Promise<void> {
    const taken = this.#queue.take()
    if (taken.inputs.length === 0) return
    try {
      await this.#carryOut(taken.inputs)
    } catch (error) {
      taken.fail(error)
      throw error
    }
    taken.settle()
  }

  async #carryOut(inputs: readonly Input[]): Promise<void> {
    const effects = this.#step(inputs)
    await this.#judge.stored()
    const contents = effects.flatMap((effect) => (effect.type === 'record' ? effect.contents : []))
    if (contents.length > 0) await this.#ports.ledger.append(contents)
    for (const effect of effects) {
      const waiting = this.#perform(effect)
      if (waiting !== undefined) await waiting
    }
  }

  /** Steps the machine, and again for judgements that need nothing fetched: all of it is one append. */
  #step(inputs: readonly Input[]): readonly GatewayEffect[] {
    const nowMs = this.#ports.clock.nowMs()
    const timed = inputs.map((input): GatewayInput => ({ ...input, nowMs }))
    const all: GatewayEffect[] = []
    let effects = this.#machine.steps(timed)
    for (;;) {
      const items = []
      for (const effect of effects) {
        if (effect.type !== 'judge') all.push(effect)
        else {
          for (const request of effect.items) {
            const judged = this.#judge.judgeNow(request)
            if (judged === null) this.#judgeLater(request)
            else items.push(judged)
          }
        }
      }
      if (items.length === 0) return all
      effects = this.#machine.steps([{ type: 'judged', items, nowMs }])
    }
  }

  #judgeLater(request: JudgeRequest): void {
    this.#float(
      this.#judge.judge(request).then((judged) => this.#feed({ type: 'judged', items: [judged] }))
    )
  }

  /** Work that nobody waits for: only our own mistakes come out of it. */
  #float(work: Promise<void>): void {
    const floating = work
      .catch((error: unknown) => this.#ports.fatal(error))
      .finally(() => this.#background.delete(floating))
    this.#background.add(floating)
  }

  /** A promise only where later effects must wait for it. */
  #perform(effect: GatewayEffect): Promise<void> | undefined {
    switch (effect.type) {
      case 'record':
      case 'judge':
        return
      case 'send':
        if (effect.attach !== undefined) return this.#sendWith(effect, effect.attach)
        this.#links.send(effect.node, effect.frame)
        return
      case 'announce':
        this.#float(this.#announce(effect.body))
        return
      case 'event':
        this.#ports.onSignal({ type: 'event', event: effect.event })
        return
      case 'outcome':
      case 'corrected':
        this.#ports.onSignal({ type: 'outcome', outcome: effect.outcome })
        return
      case 'refuse-session':
        this.#ports.onSignal({ ...effect, type: 'session-refused' })
        return
      case 'refuse':
        this.#ports.report({ ...effect, type: 'refused' })
        return
      case 'drop':
        this.#links.drop(effect.node)
        return
      case 'timer':
        this.#setTimer(effect.atMs)
        return
      default:
        assertNever(effect)
    }
  }

  /** The grant with small inputs that are at hand; a node fetches the rest by hash. */
  async #sendWith({ node, frame }: SendEffect, attach: readonly Cid[]): Promise<void> {
    assert(frame.kind === 'grant', 'only grants carry blobs along')
    const found = await Promise.all(attach.map((cid) => this.#ports.blobs.get(cid)))
    const blobs = found.filter((blob) => blob !== null)
    const small = blobs.filter(({ length }) => length <= INLINE_BLOB_BYTES_MAX)
    this.#links.send(node, { kind: 'grant', body: { ...frame.body, blobs: small } })
  }

  async #announce(body: AnnouncementMessage): Promise<void> {
    const { network, signer, blobs, report } = this.#ports
    const addresses = network.addresses().slice(0, 8)
    try {
      const sealed = await packAnnouncement(
        { ...body, addresses },
        { mesh: this.#options.mesh, signer, keep: (bytes) => blobs.putVolatile(bytes) }
      )
      await network.publish('work', sealed)
    } catch (error) {
      // said again while the units wait
      if (!(error instanceof MeshError)) throw error
      report({ type: 'announce-failed', code: error.code })
    }
  }

  #setTimer(atMs: number): void {
    this.#cancelTimer()
    if (this.#isStopped) return
    this.#cancelTimer = this.#ports.clock.setTimer(atMs, () => this.#feed({ type: 'tick' }))
  }

  /** What the fold has come to think of nodes that are linked. */
  #refreshTrust(): void {
    const { clock, ledger } = this.#ports
    this.#cancelRefresh = clock.setTimer(clock.nowMs() + TRUST_REFRESH_MS, () => {
      for (const { node, connected } of this.#machine.snapshot().nodes) {
        const standing = connected ? ledger.standing(node) : null
        const before = this.#standings.get(node)
        if (standing === null || sameStanding(standing, before)) continue
        this.#standings.set(node, standing)
        this.#feed({ type: 'trust', node, standing })
      }
      if (!this.#isStopped) this.#refreshTrust()
    })
  }
}
