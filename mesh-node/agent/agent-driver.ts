/**
 * Carries the agent machine's effects out: links to gateways, announcements, timers, signatures and
 * the node's own log; the slow work goes to the bench. Everything that is decided is decided by the
 * machine.
 */
import {
  type AnnouncementMessage,
  assertNever,
  type GatewayFrame,
  isDiskFault,
  isGatewayFrame,
  MeshError,
  type NodeFrame,
  openUnit,
  type PeerId
} from '#contracts'
import {
  type AgentEffect,
  AgentMachine,
  type AgentOffer,
  type AgentStatus,
  type UnreadableOffer
} from '#mesh-node/core'
import { FrameLines } from '../net/frame-lines.ts'
import { AnnouncementDoor } from './announcement-door.ts'
import type { AgentDriverOptions, Feed, Untimed } from './driver-options.ts'
import { openWorkLink } from './open-work-link.ts'
import type { AgentPorts } from './ports.ts'
import { ResultSender } from './result-sender.ts'
import { WorkBench } from './work-bench.ts'

/** How often free memory is looked at. */
const MEASURE_MS = 5_000

type EffectOf<T extends AgentEffect['type']> = Extract<AgentEffect, { readonly type: T }>
type GrantBody = Extract<GatewayFrame, { kind: 'grant' }>['body']

export class AgentDriver {
  readonly #options: AgentDriverOptions
  readonly #ports: AgentPorts
  readonly #machine: AgentMachine
  readonly #links: FrameLines<GatewayFrame, NodeFrame>
  readonly #results: ResultSender
  readonly #bench: WorkBench
  readonly #drained = Promise.withResolvers<void>()
  #grants: Promise<void> = Promise.resolve()
  #grantsWaiting = 0
  #records: Promise<unknown> = Promise.resolve()
  #cancelTimer: () => void = () => {}
  #cancelMeasure: () => void = () => {}
  #isStopped = false

  constructor(options: AgentDriverOptions, ports: AgentPorts) {
    this.#options = options
    this.#ports = ports
    this.#machine = new AgentMachine(options)
    this.#results = new ResultSender({ mesh: options.mesh, signer: ports.signer })
    const feed: Feed = (input) => this.#feed(input)
    this.#bench = new WorkBench(options, ports, { results: this.#results, feed })
    this.#links = new FrameLines({
      ...ports,
      mesh: options.mesh,
      takes: isGatewayFrame,
      onFrame: (gateway, frame) => this.#receive(gateway, frame),
      onRefused: (gateway, error) => ports.report({ type: 'frame-refused', gateway, error }),
      onClosed: (gateway) => {
        ports.report({ type: 'gateway', gateway, phase: 'lost' })
        this.#feed({ type: 'unlinked', gateway })
      }
    })
  }

  /** Listens for work and dials the gateways it knows. */
  start(): void {
    const { network, verifier } = this.#ports
    const { mesh, authorized } = this.#options
    const take = (body: AnnouncementMessage) => this.#feed({ type: 'announcement', body })
    network.subscribe('work', new AnnouncementDoor({ mesh, verifier, authorized, take }))
    network.onPeer((change, peer) => {
      if (change === 'connected') this.#feed({ type: 'reachable', gateway: peer })
    })
    this.#measure()
    this.#feed({ type: 'tick' })
  }

  status(): AgentStatus {
    return this.#machine.status(this.#ports.clock.nowMs())
  }

  pause(): void {
    this.#feed({ type: 'pause' })
  }

  /** Takes nothing new and lets what runs end; `resume` takes it back. */
  finish(): void {
    this.#feed({ type: 'finish' })
  }

  resume(): void {
    this.#feed({ type: 'resume' })
  }

  /** The engine's backends are others than before. */
  backendsChanged(): void {
    this.#feed({ type: 'backends-changed' })
  }

  /** Takes no more work, finishes what runs within the grace period and hands back the rest. */
  async drain(): Promise<void> {
    this.#feed({ type: 'drain' })
    await this.#drained.promise
  }

  /** Ends everything at once; what was not handed back before ends with its leases. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#drained.resolve()
    this.#cancelTimer()
    this.#cancelMeasure()
    this.#bench.stop()
    await this.#links.close()
    await this.#records
  }

  #feed(input: Untimed): void {
    if (this.#isStopped) return
    const nowMs = this.#ports.clock.nowMs()
    for (const effect of this.#machine.step({ ...input, nowMs })) this.#perform(effect)
  }

  #perform(effect: AgentEffect): void {
    switch (effect.type) {
      case 'dial':
        this.#background(this.#dial(effect))
        return
      case 'send':
        this.#links.send(effect.gateway, effect.frame)
        return
      case 'attest':
        for (const body of this.#results.pack(effect.attestations)) {
          this.#links.send(effect.gateway, { kind: 'result', body })
        }
        return
      case 'fetch':
        this.#background(this.#bench.fetch(effect))
        return
      case 'read-manifest':
        this.#background(this.#bench.readManifest(effect))
        return
      case 'check-model':
        this.#background(this.#bench.checkModel(effect))
        return
      case 'execute':
        this.#background(this.#bench.execute(effect))
        return
      case 'run-built-in':
        this.#background(this.#bench.runBuiltIn(effect.items))
        return
      case 'kill':
        this.#bench.kill(effect.lease)
        return
      case 'record':
        this.#record(effect)
        return
      case 'forget':
        for (const lease of effect.leases) this.#bench.forget(lease)
        this.#ports.report({ type: 'leases-ended', leases: effect.leases })
        return
      case 'event':
        this.#ports.report(effect)
        return
      case 'timer':
        this.#cancelTimer()
        this.#cancelTimer = this.#ports.clock.setTimer(effect.atMs, () => {
          this.#feed({ type: 'tick' })
        })
        return
      case 'drained':
        this.#drained.resolve()
        return
      default:
        assertNever(effect)
    }
  }

  #receive(gateway: PeerId, frame: GatewayFrame): void {
    switch (frame.kind) {
      case 'welcome':
        this.#ports.report({ type: 'gateway', gateway, phase: 'online' })
        this.#feed({ type: 'welcome', gateway, body: frame.body })
        return
      case 'grant':
        this.#takeGrant(gateway, frame.body)
        return
      case 'reveal':
        this.#inOrder(() => this.#feed({ type: 'reveal', gateway, leases: frame.body.leases }))
        return
      case 'revoke':
        this.#inOrder(() => this.#feed({ type: 'revoke', gateway, body: frame.body }))
        return
      case 'ack':
        this.#feed({ type: 'ack', gateway, verdicts: frame.body.verdicts })
        return
      default:
        assertNever(frame)
    }
  }

  /** Blobs that ride along are stored before the machine hears of the leases that need them. */
  #takeGrant(gateway: PeerId, body: GrantBody): void {
    const feed = () => {
      const read = readOffers(body)
      this.#ports.report({ type: 'offered', offers: read.offers })
      this.#feed({ type: 'grant', gateway, ...read })
    }
    if (body.blobs.length === 0) {
      this.#inOrder(feed)
      return
    }
    this.#grantsWaiting += 1
    const { blobs } = this.#ports
    this.#grants = this.#grants
      .then(() => Promise.all(body.blobs.map((blob) => blobs.putVolatile(blob))))
      .catch((error: unknown) => {
        // a blob that cannot be kept is missing when it is read, which fails its units alone
        if (!(error instanceof MeshError) || isDiskFault(error)) throw error
      })
      .then(() => {
        this.#grantsWaiting -= 1
        feed()
      })
    this.#background(this.#grants)
  }

  /** Now, or after the grants that still store their blobs. */
  #inOrder(work: () => void): void {
    if (this.#grantsWaiting === 0) {
      work()
      return
    }
    this.#grants = this.#grants.then(work)
    this.#background(this.#grants)
  }

  async #dial({ gateway, addresses }: EffectOf<'dial'>): Promise<void> {
    try {
      this.#links.attach(await openWorkLink(this.#ports.network, { gateway, addresses }))
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      this.#feed({ type: 'unlinked', gateway })
      return
    }
    this.#feed({ type: 'linked', gateway })
  }

  #record({ gateway, verdicts }: EffectOf<'record'>): void {
    this.#ports.report({ type: 'judged', verdicts })
    const contents = this.#results.record(gateway, [...verdicts])
    this.#records = this.#records
      .then(() => this.#ports.ledger.append(contents))
      .catch((error: unknown) => {
        // the verdict stands in the sequencer's log; the operator hears that the node's own lacks it
        if (!(error instanceof MeshError) || isDiskFault(error)) throw error
        this.#ports.report({ type: 'record-failed', error })
      })
    this.#background(this.#records)
  }

  #measure(): void {
    const { clock } = this.#ports
    this.#cancelMeasure = clock.setTimer(clock.nowMs() + MEASURE_MS, () => {
      this.#feed({ type: 'measured', freeMemoryMb: this.#options.freeMemoryMb() })
      if (!this.#isStopped) this.#measure()
    })
  }

  /** Work that nobody waits for: only our own mistakes and a disk that refuses come out of it. */
  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#ports.fatal(error))
  }
}

/** Opens the units of a grant; a unit that breaks its contract costs its own lease alone. */
function readOffers({ leases }: GrantBody): {
  readonly offers: AgentOffer[]
  readonly unreadable: UnreadableOffer[]
} {
  const offers: AgentOffer[] = []
  const unreadable: UnreadableOffer[] = []
  for (const { lease_id: lease, attempt, unit, ttl_ms: ttlMs, commit } of leases) {
    try {
      offers.push({ lease, attempt, unit: openUnit(unit), ttlMs, commit })
    } catch (error) {
      if (!(error instanceof MeshError)) throw error
      unreadable.push({ lease, code: error.code, detail: error.message.slice(0, 500) })
    }
  }
  return { offers, unreadable }
}
