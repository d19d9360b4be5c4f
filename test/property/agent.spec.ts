/**
 * The agent machine under any order of inputs: late, repeated, contradictory or from a stranger. A
 * stand-in for the driver keeps its promises (every run is answered once) and nothing more.
 */
import { equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import type { LeaseId } from '#contracts'
import type { AgentEffect, AgentOffer } from '#mesh-node/core'
import {
  AgentBench,
  agentOptions,
  BLOB,
  GATEWAY,
  noopOf,
  OTHER_GATEWAY,
  offerOf,
  type Untimed,
  unitOf
} from '../support/agent-fixtures.ts'

const SLOTS = 2
const UNITS = 12

const OFFERS: readonly AgentOffer[] = Array.from({ length: UNITS }, (_, index) => {
  const commit = index % 3 === 1
  const ttlMs = index % 4 === 3 ? 2_000 : 60_000
  if (index % 5 === 4) return offerOf(noopOf(index), { commit, ttlMs })
  const inputs =
    index % 2 === 0 ? [] : [{ name: 'x', cid: BLOB, dtype: 'value', shape: [1] } as const]
  const unit = unitOf(index, { inputs: inputs.map((input) => ({ ...input, shape: [1] })) })
  return offerOf(unit, { commit, ttlMs })
})

type Move =
  | { readonly do: 'grant' | 'blobs' | 'reveal' | 'revoke' | 'ack'; readonly index: number }
  | { readonly do: 'finish' | 'fail'; readonly index: number }
  | { readonly do: 'stranger'; readonly index: number }
  | { readonly do: 'wait'; readonly ms: number }
  | { readonly do: 'lose' | 'link' | 'pause' | 'resume' }

const index = fc.nat({ max: UNITS - 1 })
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constantFrom('grant', 'blobs'), index }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constantFrom('reveal', 'revoke', 'ack', 'stranger'), index })
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('finish', 'fail'), index }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait'), ms: fc.nat({ max: 3_000 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('lose', 'link', 'pause', 'resume') })
  }
)

/** Carries effects out as a driver would, and holds the machine to its promises. */
class Pump {
  readonly bench = AgentBench.ready(agentOptions({ slots: SLOTS, queue_max: 8 }))
  readonly started = new Set<LeaseId>()
  readonly inExecutor = new Set<LeaseId>()
  /** Finished here, not yet acknowledged, revoked or dropped. */
  readonly finished = new Set<LeaseId>()
  isOnline = true
  isDrained = false

  feed(input: Untimed): readonly AgentEffect[] {
    const effects = this.bench.step(input)
    if (this.isDrained) equal(effects.length, 0, 'a drained agent is silent')
    for (const effect of effects) this.#watch(effect)
    ok(this.inExecutor.size <= SLOTS, `${this.inExecutor.size} runs in ${SLOTS} slots`)
    return effects
  }

  #watch(effect: AgentEffect): void {
    switch (effect.type) {
      case 'execute':
        this.#begin(effect.lease)
        this.inExecutor.add(effect.lease)
        return
      case 'run-built-in': {
        const leases = effect.items.map(({ lease }) => lease)
        for (const lease of leases) this.#begin(lease)
        for (const lease of leases) this.finish(lease)
        return
      }
      case 'kill':
        ok(this.inExecutor.has(effect.lease), 'only what runs is killed')
        return
      case 'forget':
        for (const lease of effect.leases) this.finished.delete(lease)
        return
      case 'drained':
        this.isDrained = true
        return
      default:
        return
    }
  }

  #begin(lease: LeaseId): void {
    ok(!this.started.has(lease), 'a lease runs once')
    this.started.add(lease)
  }

  finish(lease: LeaseId): void {
    this.inExecutor.delete(lease)
    const before = this.bench.status().leases
    this.finished.add(lease)
    this.feed({ type: 'finished', results: [resultFor(lease)] })
    const after = this.bench.status().leases
    const isKept = after.committed + after.delivered > before.committed + before.delivered
    if (!isKept) this.finished.delete(lease)
  }

  link(standing: readonly LeaseId[]): Set<LeaseId> {
    this.feed({ type: 'linked', gateway: GATEWAY })
    const body = { v: 1 as const, log: '66'.repeat(32), standing: [...standing], heartbeat_ms: 500 }
    this.isOnline = true
    return told(this.feed({ type: 'welcome', gateway: GATEWAY, body }))
  }
}

const resultFor = (lease: LeaseId) => ({
  lease,
  outputCid: BLOB,
  usage: { cpu_ms: 1, gpu_ms: 0, wall_ms: 1, tokens_in: 0, tokens_out: 0 },
  backend: agentOptions().descriptor.backend,
  startedMs: 0,
  finishedMs: 1
})

/** Leases whose result or commitment the effects send. */
function told(effects: readonly AgentEffect[]): Set<LeaseId> {
  const leases = new Set<LeaseId>()
  for (const effect of effects) {
    if (effect.type === 'attest') for (const one of effect.attestations) leases.add(one.lease_id)
    if (effect.type === 'send' && effect.frame.kind === 'commit') {
      for (const one of effect.frame.body.commitments) leases.add(one.lease_id)
    }
  }
  return leases
}

function play(pump: Pump, moves: readonly Move[]): void {
  for (const one of moves) {
    pump.bench.nowMs += 1
    perform(pump, one)
  }
}

function perform(pump: Pump, one: Move): void {
  if (one.do === 'wait') {
    pump.bench.nowMs += one.ms
    pump.feed({ type: 'tick' })
  } else if (one.do === 'lose') {
    pump.isOnline = false
    pump.feed({ type: 'unlinked', gateway: GATEWAY })
  } else if (one.do === 'link') {
    pump.link(OFFERS.map(({ lease }) => lease))
  } else if (one.do === 'pause' || one.do === 'resume') {
    pump.feed({ type: one.do })
  } else if ('index' in one) {
    performOn(pump, one.do, OFFERS[one.index])
  }
}

function performOn(pump: Pump, what: Move['do'], offer: AgentOffer | undefined): void {
  if (offer === undefined) return
  const { lease } = offer
  const gateway = GATEWAY
  if (what === 'grant') pump.feed({ type: 'grant', gateway, offers: [offer] })
  else if (what === 'stranger') {
    const body = { v: 1 as const, leases: [lease], reason: 'cancelled' as const }
    const before = pump.bench.status().leases
    pump.feed({ type: 'revoke', gateway: OTHER_GATEWAY, body })
    equal(JSON.stringify(pump.bench.status().leases), JSON.stringify(before))
  } else if (what === 'blobs') pump.feed({ type: 'blobs-ready', lease })
  else if (what === 'reveal') pump.feed({ type: 'reveal', gateway, leases: [lease] })
  else if (what === 'revoke') {
    pump.feed({ type: 'revoke', gateway, body: { v: 1, leases: [lease], reason: 'settled' } })
  } else if (what === 'ack') {
    const verdicts = [
      { lease_id: lease, verdict: 'accepted' as const, reason: '', earned_micro: 1 }
    ]
    pump.feed({ type: 'ack', gateway, verdicts })
  } else if (pump.inExecutor.has(lease)) {
    if (what === 'finish') pump.finish(lease)
    else {
      pump.inExecutor.delete(lease)
      pump.feed({ type: 'failed', lease, class: 'execution', code: 'x', detail: '' })
    }
  }
}

const moves = fc.array(move, { maxLength: 120, size: 'max' })

describe('an agent under any order of inputs', () => {
  it('runs no lease twice and never more than it has slots', () => {
    fc.assert(fc.property(moves, (played) => play(new Pump(), played)))
  })

  it('keeps every result until it is acknowledged, and tells it after every welcome', () => {
    fc.assert(
      fc.property(moves, (played) => {
        const pump = new Pump()
        play(pump, played)
        pump.feed({ type: 'unlinked', gateway: GATEWAY })
        const kept = [...pump.finished]
        const again = pump.link(OFFERS.map(({ lease }) => lease))
        for (const lease of kept) ok(again.has(lease), 'a kept result is told again')
      })
    )
  })

  it('gives no effect once it has drained, and drains within its grace', () => {
    fc.assert(
      fc.property(moves, moves, (before, after) => {
        const pump = new Pump()
        play(pump, before)
        pump.feed({ type: 'drain' })
        play(pump, after)
        pump.bench.nowMs += agentOptions().drainGraceMs
        pump.feed({ type: 'tick' })
        ok(pump.isDrained, 'the grace is over')
        play(pump, after)
      })
    )
  })

  it('holds nothing once every lease was revoked and every run has ended', () => {
    fc.assert(
      fc.property(moves, (played) => {
        const pump = new Pump()
        play(pump, played)
        for (const { lease } of OFFERS) {
          const body = { v: 1 as const, leases: [lease], reason: 'settled' as const }
          pump.feed({ type: 'revoke', gateway: GATEWAY, body })
        }
        const { leases } = pump.bench.status()
        equal(Object.values(leases).join(), '0,0,0,0,0')
      })
    )
  })
})
