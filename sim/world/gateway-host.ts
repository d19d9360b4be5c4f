/**
 * The control node of the simulated mesh: the product's gateway machine over the sequencer's ledger,
 * and in place of its driver one that acts in virtual time. Judges as KORA does; checks what it records.
 */
import {
  type AnnouncementMessage,
  type Attestation,
  assertNever,
  encodeAttestation,
  type GatewayFrame,
  type NodeFrame,
  type PeerId
} from '#contracts'
import { type GatewayEffect, type GatewayInput, GatewayMachine } from '#mesh-node/core'
import type { Checks } from './checks.ts'
import type { Scenario } from './scenario.ts'
import { Sequencer } from './sequencer.ts'
import { KIND, type VirtualTime } from './virtual-time.ts'
import { judge, MODEL, SESSION, sessionSpec, unitOf } from './work.ts'

/** A run on the reference machine, as the ledger prices it. */
const MODEL_BASE_US = 100_000

export interface GatewayPorts {
  readonly time: VirtualTime
  readonly checks: Checks
  /** Its host number. */
  readonly hub: number
  readonly send: (node: PeerId, frame: GatewayFrame) => void
  readonly announce: (body: AnnouncementMessage) => void
}

export class GatewayHost {
  readonly sequencer: Sequencer
  readonly #ports: GatewayPorts
  readonly #machine: GatewayMachine
  #wake = 0

  constructor(seed: number, ports: GatewayPorts) {
    this.#ports = ports
    const key = new Uint8Array(32)
    new DataView(key.buffer).setUint32(0, seed)
    this.sequencer = new Sequencer(key)
    const { log, gateway } = this.sequencer
    this.#machine = new GatewayMachine({
      gateway,
      log,
      trusted: new Set(),
      price: (question) => this.sequencer.priceOf(question),
      tenantLeasesMax: null,
      recoveryGraceMs: 0
    })
  }

  /** Registers the model and opens the session. */
  begin(units: number): void {
    const cost = { baseUs: MODEL_BASE_US, usPerKib: 0 }
    this.sequencer.append([
      {
        kind: 'model.registered',
        body: { model: MODEL, name: 'simulated', base_us: MODEL_BASE_US, us_per_kib: 0 }
      }
    ])
    this.#feed({ type: 'model', cid: MODEL, tier: 'small', memoryMb: 64, cost, nowMs: this.#nowMs })
    const availableMicro = this.sequencer.availableMicro()
    const spec = sessionSpec(units)
    this.#feed({ type: 'open', spec, history: null, availableMicro, nowMs: this.#nowMs })
  }

  submit(indices: readonly number[], scenario: Scenario): void {
    const units = indices.map((index) => ({ unit: unitOf(index, scenario), edges: [] }))
    this.#feed({ type: 'submit', session: SESSION, units, nowMs: this.#nowMs })
  }

  disconnected(node: PeerId): void {
    this.#feed({ type: 'disconnected', node, nowMs: this.#nowMs })
  }

  take(node: PeerId, frame: Exclude<NodeFrame, { kind: 'result' }>): void {
    this.#feed(this.#inputOf(node, frame))
  }

  results(node: PeerId, attestations: readonly Attestation[]): void {
    const items = attestations.map(encodeAttestation)
    const receipt = (index: number) => ({
      item: items[index] ?? new Uint8Array(0),
      index,
      path: [],
      head: new Uint8Array(0)
    })
    this.#feed({
      type: 'result',
      node,
      results: { attestations, receipt },
      nowMs: this.#nowMs
    })
  }

  get #nowMs(): number {
    return this.#ports.time.wallMs
  }

  #inputOf(node: PeerId, frame: Exclude<NodeFrame, { kind: 'result' }>): GatewayInput {
    const nowMs = this.#nowMs
    switch (frame.kind) {
      case 'hello': {
        const standing = this.sequencer.standing(node)
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

  /** As the product's driver: judgements that need nothing fetched belong to the same step. */
  #feed(input: GatewayInput): void {
    let effects = this.#machine.step(input)
    const all: GatewayEffect[] = []
    for (;;) {
      const judged = effects.flatMap((effect) =>
        effect.type === 'judge' ? effect.items.map(judge) : []
      )
      for (const effect of effects) if (effect.type !== 'judge') all.push(effect)
      if (judged.length === 0) break
      effects = this.#machine.step({ type: 'judged', items: judged, nowMs: this.#nowMs })
    }
    this.#record(all)
    for (const effect of all) this.#perform(effect)
  }

  #record(effects: readonly GatewayEffect[]): void {
    const { checks } = this.#ports
    const contents = effects.flatMap((effect) => (effect.type === 'record' ? effect.contents : []))
    if (contents.length === 0) return
    for (const content of contents) checks.recorded(content)
    this.sequencer.append(contents)
    checks.folded(this.sequencer.fold)
  }

  #perform(effect: GatewayEffect): void {
    switch (effect.type) {
      case 'send':
        this.#ports.send(effect.node, effect.frame)
        return
      case 'announce':
        this.#ports.announce(effect.body)
        return
      case 'outcome':
        this.#ports.checks.outcome(effect.outcome)
        return
      case 'timer':
        this.#setTimer(effect.atMs)
        return
      case 'record':
      case 'judge':
      case 'event':
      case 'refuse':
      case 'refuse-session':
      case 'drop':
        return
      default:
        assertNever(effect)
    }
  }

  #setTimer(atMs: number): void {
    const { time, hub } = this.#ports
    const wake = ++this.#wake
    time.after(time.untilUs(atMs), hub, KIND.timer, 0, () => {
      if (wake === this.#wake) this.#feed({ type: 'tick', nowMs: this.#nowMs })
    })
  }
}
