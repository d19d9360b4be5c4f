/** The agent machine, rule by rule: what it claims, takes, runs, tells again and hands back. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { commitmentOf, packUnit, rendezvousDraw, THRESHOLD_ALL, type WorkUnit } from '#contracts'
import {
  AgentBench,
  agentOptions,
  announcementOf,
  BLOB,
  effectsOf,
  framesOf,
  GATEWAY,
  MODEL,
  NODE,
  noopOf,
  OTHER_GATEWAY,
  OUTPUT,
  offerOf,
  releasedBy,
  startedBy,
  unitOf
} from '../support/agent-fixtures.ts'

describe('the agent towards its gateways', () => {
  it('dials the gateways it knows at its first tick', () => {
    const [dial] = effectsOf(new AgentBench().tick(), 'dial')
    equal(dial?.gateway, GATEWAY)
  })

  it('says hello when linked, and claims once it is welcomed', () => {
    const bench = new AgentBench()
    bench.tick()
    const hello = framesOf(bench.step({ type: 'linked', gateway: GATEWAY }), 'hello')
    equal(hello[0]?.node, NODE)
    const [claim] = framesOf(bench.welcome([]), 'claim')
    deepEqual(claim?.kinds, ['deterministic', 'retrieval', 'small_model'])
    equal(claim?.slots, 8)
    equal(claim?.standing, true)
  })

  it('does not claim again while nothing has changed', () => {
    const bench = AgentBench.online()
    equal(framesOf(bench.tick(10), 'claim').length, 0)
  })

  it('sends a heartbeat as often as the gateway asks', () => {
    const bench = AgentBench.online()
    equal(framesOf(bench.tick(999), 'heartbeat').length, 0)
    equal(framesOf(bench.tick(1), 'heartbeat')[0]?.seq, 1)
    equal(framesOf(bench.tick(1_000), 'heartbeat')[0]?.seq, 2)
  })

  it('dials again with a growing pause after the link is lost', () => {
    const bench = AgentBench.online()
    const pauses: number[] = []
    for (let round = 0; round < 4; round++) {
      const effects = bench.step({ type: 'unlinked', gateway: GATEWAY })
      const [timer] = effectsOf(effects, 'timer')
      pauses.push((timer?.atMs ?? 0) - bench.nowMs)
      const dials = effectsOf(bench.tick(pauses.at(-1)), 'dial')
      equal(dials.length, 1)
    }
    for (const [round, pauseMs] of pauses.entries()) {
      const leastMs = 500 * 2 ** round
      ok(pauseMs >= leastMs && pauseMs <= leastMs * 1.2, `pause ${round} is ${pauseMs} ms`)
    }
  })

  it('dials a gateway whose leases it holds within the time for which that waits after a restart', () => {
    const longest = (bench: AgentBench): number => {
      let pauseMs = 0
      for (let round = 0; round < 7; round++) {
        const effects = bench.step({ type: 'unlinked', gateway: GATEWAY })
        const [timer] = effectsOf(effects, 'timer')
        pauseMs = (timer?.atMs ?? 0) - bench.nowMs
        bench.tick(pauseMs)
      }
      return pauseMs
    }
    const idle = AgentBench.online()
    const holding = AgentBench.online()
    holding.step({
      type: 'grant',
      gateway: GATEWAY,
      offers: [offerOf(unitOf(1), { ttlMs: 900_000 })]
    })
    ok(longest(idle) >= 30_000)
    ok(longest(holding) <= 10_000)
  })

  it('dials at once when the network sees the gateway', () => {
    const bench = AgentBench.online()
    bench.step({ type: 'unlinked', gateway: GATEWAY })
    equal(effectsOf(bench.step({ type: 'reachable', gateway: GATEWAY }), 'dial').length, 1)
  })

  it('waits with its bid until the threshold has passed its draw', () => {
    const bench = new AgentBench({ ...agentOptions(), gateways: [] })
    const body = announcementOf({ threshold: Math.floor(THRESHOLD_ALL / 1_024), widen_ms: 100 })
    const draw = rendezvousDraw(body.batch, NODE)
    ok(draw > body.threshold, 'the draw of this batch is not under the threshold')
    equal(effectsOf(bench.step({ type: 'announcement', body }), 'dial').length, 0)
    let waitedMs = 0
    while (effectsOf(bench.tick(100), 'dial').length === 0) waitedMs += 100
    ok(body.threshold * 2 ** (waitedMs / 100) < draw)
    ok(body.threshold * 2 ** (waitedMs / 100 + 1) >= draw)
  })

  it('passes over an announcement with nothing in it for this node', () => {
    const bench = new AgentBench({ ...agentOptions(), gateways: [], tenants: ['acme'] })
    const other = announcementOf({ tenant: 'globex' })
    const pod = announcementOf({ tenant: 'acme', wants: [{ kind: 'llm', model: MODEL, units: 1 }] })
    for (const body of [other, pod]) {
      equal(effectsOf(bench.step({ type: 'announcement', body }), 'dial').length, 0)
    }
    equal(bench.status().idle?.rule, 'no_gateway')
  })

  it('takes work from authorized gateways alone', () => {
    const options = { ...agentOptions(), gateways: [], authorized: [GATEWAY] }
    const bench = new AgentBench(options)
    const body = announcementOf({ gateway: OTHER_GATEWAY })
    equal(effectsOf(bench.step({ type: 'announcement', body }), 'dial').length, 0)
    const effects = bench.step({
      type: 'grant',
      gateway: OTHER_GATEWAY,
      offers: [offerOf(noopOf(1))]
    })
    deepEqual(releasedBy(effects), ['unauthorized'])
  })
})

describe('a model that the node does not know', () => {
  it('is read, checked and then claimed, once somebody announces work for it', () => {
    const bench = AgentBench.online()
    const announced = bench.step({ type: 'announcement', body: announcementOf() })
    equal(effectsOf(announced, 'read-manifest')[0]?.model, MODEL)
    const read = bench.step({ type: 'manifest-read', model: MODEL, tier: 'small', memoryMb: 9 })
    equal(effectsOf(read, 'check-model')[0]?.model, MODEL)
    equal(bench.status().idle?.rule, 'model_checking')
    const passed = bench.step({ type: 'model-ready', model: MODEL })
    deepEqual(framesOf(passed, 'claim')[0]?.models, [MODEL])
  })

  it('is refused with its reason when its golden vectors come out wrong', () => {
    const bench = AgentBench.online()
    bench.grant(offerOf(unitOf(1)))
    bench.step({ type: 'manifest-read', model: MODEL, tier: 'small', memoryMb: 9 })
    const reason = 'golden 0: differs by 0.7'
    const refused = { type: 'model-refused', model: MODEL, reason, again: false } as const
    deepEqual(releasedBy(bench.step(refused)), ['model_refused'])
    deepEqual(bench.status().models, [{ model: MODEL, phase: 'refused', reason }])
    equal(bench.status().idle?.rule, 'model_refused')
    deepEqual(releasedBy(bench.grant(offerOf(unitOf(2)))), ['model_refused'])
  })

  it('is not fetched where its manifest says that it does not fit', () => {
    const bench = AgentBench.online()
    bench.step({ type: 'announcement', body: announcementOf() })
    const read = { type: 'manifest-read', model: MODEL, tier: 'small', memoryMb: 2_048 } as const
    equal(effectsOf(bench.step(read), 'check-model').length, 0)
    const [model] = bench.status().models
    equal(model?.reason, 'needs 2048 MB of memory, this node gives 1024 MB')
  })

  it('is refused on a node that is no pod for its tier', () => {
    const bench = AgentBench.online(agentOptions({ pod_tiers: ['medium'], kinds: ['llm'] }))
    const wants = [{ kind: 'llm', model: MODEL, units: 1 }] as const
    bench.step({ type: 'announcement', body: announcementOf({ wants: [...wants] }) })
    bench.step({ type: 'manifest-read', model: MODEL, tier: 'large', memoryMb: 1 })
    equal(bench.status().models[0]?.phase, 'refused')
  })

  it('is tried again later after a fault of fetching', () => {
    const bench = AgentBench.online()
    bench.step({ type: 'announcement', body: announcementOf() })
    bench.step({ type: 'model-refused', model: MODEL, reason: 'blob.not_found', again: true })
    deepEqual(releasedBy(bench.grant(offerOf(unitOf(1)))), ['model_refused'])
    bench.tick(30_000)
    const again = bench.grant(offerOf(unitOf(2)))
    equal(effectsOf(again, 'read-manifest').length, 1)
  })

  it('is checked again when the backends change, and not claimed before it passes', () => {
    const bench = AgentBench.ready()
    const changed = bench.step({ type: 'backends-changed' })
    equal(effectsOf(changed, 'read-manifest')[0]?.model, MODEL)
    deepEqual(framesOf(changed, 'claim')[0]?.models, [])
    const offer = offerOf(unitOf(1))
    deepEqual(startedBy(bench.grant(offer)), [])
    bench.step({ type: 'manifest-read', model: MODEL, tier: 'small', memoryMb: 1 })
    const passed = bench.step({ type: 'model-ready', model: MODEL })
    deepEqual(startedBy(passed), [offer.lease])
    deepEqual(framesOf(passed, 'claim')[0]?.models, [MODEL])
  })

  it('that was refused is checked again when the backends change', () => {
    const bench = AgentBench.online()
    bench.step({ type: 'announcement', body: announcementOf() })
    bench.step({ type: 'model-refused', model: MODEL, reason: 'wrong here', again: false })
    deepEqual(releasedBy(bench.grant(offerOf(unitOf(1)))), ['model_refused'])
    equal(effectsOf(bench.step({ type: 'backends-changed' }), 'read-manifest').length, 1)
    equal(bench.status().models[0]?.phase, 'reading')
  })
})

describe('a lease on the node', () => {
  it('runs as soon as its blobs and its model are there', () => {
    const bench = AgentBench.ready()
    const inputs: WorkUnit['inputs'] = [{ name: 'x', cid: BLOB, dtype: 'value', shape: [4] }]
    const offer = offerOf(unitOf(1, { inputs }))
    const granted = bench.grant(offer)
    deepEqual(effectsOf(granted, 'fetch')[0]?.cids, [BLOB])
    deepEqual(startedBy(granted), [])
    const ready = bench.step({ type: 'blobs-ready', lease: offer.lease })
    deepEqual(startedBy(ready), [offer.lease])
    equal(effectsOf(ready, 'execute')[0]?.timeoutMs, 10_000)
  })

  it('waits for a slot while all are taken, and p0 goes first', () => {
    const bench = AgentBench.ready()
    const [a, b, c] = [1, 2, 3].map((index) => offerOf(unitOf(index)))
    const urgent = offerOf(unitOf(4, { priority: 'p0' }))
    ok(a && b && c)
    deepEqual(startedBy(bench.grant(a, b, c, urgent)), [urgent.lease, a.lease])
    deepEqual(startedBy(bench.finish(a.lease)), [b.lease])
  })

  it('is answered with an attestation of what ran', () => {
    const bench = AgentBench.ready()
    const offer = offerOf(unitOf(1))
    bench.grant(offer)
    const [attest] = effectsOf(bench.finish(offer.lease), 'attest')
    const [attestation] = attest?.attestations ?? []
    equal(attestation?.work_unit_id, offer.unit.id)
    equal(attestation?.lease_id, offer.lease)
    equal(attestation?.output_cid, OUTPUT)
    equal(attestation?.commit, undefined)
  })

  it('commits first and reveals when asked, where the grant says so', () => {
    const bench = AgentBench.ready()
    const offer = offerOf(unitOf(1), { commit: true })
    bench.grant(offer)
    const finished = bench.finish(offer.lease)
    equal(effectsOf(finished, 'attest').length, 0)
    const commitment = commitmentOf(OUTPUT, NODE)
    deepEqual(framesOf(finished, 'commit')[0]?.commitments, [{ lease_id: offer.lease, commitment }])
    const revealed = bench.step({ type: 'reveal', gateway: GATEWAY, leases: [offer.lease] })
    deepEqual(effectsOf(revealed, 'attest')[0]?.attestations[0]?.commit, commitment)
  })

  it('gives many answers of one step in one frame', () => {
    const bench = AgentBench.online()
    const offers = [1, 2, 3, 4].map((index) => offerOf(noopOf(index)))
    const leases = startedBy(bench.grant(...offers))
    equal(leases.length, 4)
    const attests = effectsOf(bench.finish(...leases), 'attest')
    deepEqual(
      attests.map(({ attestations }) => attestations.length),
      [4]
    )
  })

  it('is not run again when it is granted again', () => {
    const bench = AgentBench.ready()
    const offer = offerOf(unitOf(1))
    bench.grant(offer)
    deepEqual(startedBy(bench.grant(offer)), [])
    bench.finish(offer.lease)
    const repeated = bench.grant(offer)
    equal(effectsOf(repeated, 'attest').length, 1)
    deepEqual(startedBy(repeated), [])
    bench.acknowledge(offer.lease)
    const late = bench.grant(offer)
    deepEqual(startedBy(late), [])
    deepEqual(releasedBy(late), ['ended'])
  })

  it('is over once it was handed back, and is not run when the same grant comes later', () => {
    const bench = AgentBench.ready(agentOptions({ slots: 1, queue_max: 1 }))
    const [first, second] = [1, 2].map((index) => offerOf(unitOf(index)))
    ok(first !== undefined && second !== undefined)
    bench.grant(first)
    deepEqual(releasedBy(bench.grant(second)), ['queue_full'])
    bench.finish(first.lease)
    bench.acknowledge(first.lease)
    bench.tick(120_000)
    const again = bench.grant(second)
    deepEqual(startedBy(again), [])
    deepEqual(releasedBy(again), ['ended'])
    const next = offerOf(unitOf(2), { attempt: 2 })
    deepEqual(startedBy(bench.grant(next)), [next.lease], 'another attempt is another lease')
  })

  it('is not ended by somebody who may not give it', () => {
    const bench = AgentBench.ready({ ...agentOptions(), authorized: [GATEWAY] })
    const offer = offerOf(unitOf(1))
    bench.step({ type: 'grant', gateway: OTHER_GATEWAY, offers: [offer] })
    bench.grant({ ...offer, unit: packUnit(unitOf(2)) })
    deepEqual(startedBy(bench.grant(offer)), [offer.lease])
  })

  it('is handed back where the node may not run it, with the rule', () => {
    const constraints = unitOf(0).constraints
    const cases = {
      kind: unitOf(1, { kind: 'llm' }),
      handler: unitOf(2, { kind: 'deterministic', model: { cid: null, handler: 'unheard-of' } }),
      memory: unitOf(3, { constraints: { ...constraints, min_memory_mb: 4_096 } }),
      region: unitOf(4, { constraints: { ...constraints, region: 'eu' } }),
      accelerator: unitOf(5, { constraints: { ...constraints, accelerators: ['gpu'] } })
    }
    for (const [rule, unit] of Object.entries(cases)) {
      deepEqual(releasedBy(AgentBench.ready().grant(offerOf(unit))), [rule])
    }
    const pod = AgentBench.ready(agentOptions({ kinds: ['llm'] }))
    deepEqual(releasedBy(pod.grant(offerOf(unitOf(6, { kind: 'llm' })))), ['pod'])
    const private_ = AgentBench.ready({ ...agentOptions(), tenants: ['acme'] })
    deepEqual(releasedBy(private_.grant(offerOf(unitOf(7)))), ['tenant'])
  })

  it('is handed back when its id is not that of unit, attempt and node', () => {
    const offer = { ...offerOf(unitOf(1)), unit: packUnit(unitOf(2)) }
    deepEqual(releasedBy(AgentBench.ready().grant(offer)), ['mismatched'])
  })

  it('is handed back when the queue is full', () => {
    const bench = AgentBench.ready(agentOptions({ slots: 1, queue_max: 2 }))
    const offers = [1, 2, 3].map((index) => offerOf(unitOf(index)))
    const effects = bench.grant(...offers)
    deepEqual(framesOf(effects, 'release')[0]?.leases, [offers[2]?.lease])
    deepEqual(releasedBy(effects), ['queue_full'])
  })

  it('ends on the clock of the node, and its run is killed', () => {
    const bench = AgentBench.ready()
    const offer = offerOf(unitOf(1), { ttlMs: 5_000 })
    const [timer] = effectsOf(bench.grant(offer), 'timer').slice(-1)
    ok((timer?.atMs ?? 0) <= bench.nowMs + 5_000)
    deepEqual(effectsOf(bench.tick(4_999), 'kill'), [])
    const ended = bench.tick(1)
    deepEqual(effectsOf(ended, 'kill'), [{ type: 'kill', lease: offer.lease }])
    // the gateway's clock may go slower: it need not wait
    deepEqual(releasedBy(ended), ['expired'])
    equal(effectsOf(bench.finish(offer.lease), 'attest').length, 0)
    equal(bench.status().ends.expired, 1)
  })

  it('never starts after it has expired in the queue', () => {
    const bench = AgentBench.ready(agentOptions({ slots: 1 }))
    const first = offerOf(unitOf(1))
    const second = offerOf(unitOf(2), { ttlMs: 1_000 })
    bench.grant(first, second)
    bench.nowMs += 1_000
    deepEqual(startedBy(bench.finish(first.lease)), [])
  })

  it('keeps its slot after a kill until the executor is free', () => {
    const bench = AgentBench.ready(agentOptions({ slots: 1 }))
    const first = offerOf(unitOf(1))
    const second = offerOf(unitOf(2))
    bench.grant(first, second)
    const body = { v: 1, leases: [first.lease], reason: 'cancelled' } as const
    const revoked = bench.step({
      type: 'revoke',
      gateway: GATEWAY,
      body: { ...body, leases: [...body.leases] }
    })
    equal(effectsOf(revoked, 'kill').length, 1)
    deepEqual(startedBy(revoked), [])
    deepEqual(startedBy(bench.fail(first.lease, 'executor.cancelled')), [second.lease])
    equal(bench.status().ends.failed, 0)
  })

  it('fails with class and code when its executor or its blobs fail', () => {
    const bench = AgentBench.ready()
    const offer = offerOf(unitOf(1))
    bench.grant(offer)
    const [failure] = framesOf(bench.fail(offer.lease), 'failure')
    equal(failure?.failures[0]?.code, 'executor.crashed')
    equal(bench.status().lastFailure, 'executor.crashed')
  })

  it('is not touched by another gateway', () => {
    const bench = AgentBench.ready()
    const offer = offerOf(unitOf(1))
    bench.grant(offer)
    const body = { v: 1, leases: [offer.lease], reason: 'cancelled' } as const
    const effects = bench.step({
      type: 'revoke',
      gateway: OTHER_GATEWAY,
      body: { ...body, leases: [...body.leases] }
    })
    deepEqual(effectsOf(effects, 'kill'), [])
  })
})

describe('a result', () => {
  it('is kept until it is acknowledged, and told again after every new link', () => {
    const bench = AgentBench.ready()
    const offer = offerOf(unitOf(1))
    bench.grant(offer)
    bench.step({ type: 'unlinked', gateway: GATEWAY })
    equal(effectsOf(bench.finish(offer.lease), 'attest').length, 0)
    const [hello] = framesOf(bench.step({ type: 'linked', gateway: GATEWAY }), 'hello')
    deepEqual(hello?.holding, [offer.lease])
    equal(effectsOf(bench.welcome([offer.lease]), 'attest').length, 1)
    bench.step({ type: 'unlinked', gateway: GATEWAY })
    bench.step({ type: 'linked', gateway: GATEWAY })
    equal(effectsOf(bench.welcome([offer.lease]), 'attest').length, 1)
    const acknowledged = bench.acknowledge(offer.lease)
    equal(effectsOf(acknowledged, 'record').length, 1)
    deepEqual(effectsOf(acknowledged, 'forget')[0]?.leases, [offer.lease])
    equal(bench.status().earnedMicro, 7)
    equal(bench.status().ends.accepted, 1)
  })

  it('is dropped when the gateway no longer wants its lease', () => {
    const bench = AgentBench.ready()
    const offer = offerOf(unitOf(1))
    bench.grant(offer)
    bench.step({ type: 'unlinked', gateway: GATEWAY })
    bench.step({ type: 'linked', gateway: GATEWAY })
    equal(effectsOf(bench.welcome([]), 'kill').length, 1)
    equal(bench.status().ends.revoked, 1)
  })

  describe("while more of the node's work waits", () => {
    const offers = [1, 2, 3, 4, 5, 6, 7].map((index) => offerOf(unitOf(index)))
    const leases = offers.map(({ lease }) => lease)
    const toldBy = (effects: ReturnType<AgentBench['step']>): number[] =>
      effectsOf(effects, 'attest').map(({ attestations }) => attestations.length)
    const busy = (): AgentBench => {
      const bench = AgentBench.ready(agentOptions({ slots: 1 }))
      bench.grant(...offers)
      return bench
    }

    it('waits for others, and half of the work is told while the other half runs', () => {
      const bench = busy()
      const told = leases.map((lease) => toldBy(bench.finish(lease)))
      deepEqual(told, [[], [], [3], [], [2], [1], [1]])
    })

    it('is told after a quarter of a second even alone', () => {
      const bench = busy()
      const [timer] = effectsOf(bench.finish(...leases.slice(0, 1)), 'timer')
      equal((timer?.atMs ?? 0) - bench.nowMs, 250)
      deepEqual(toldBy(bench.tick(249)), [])
      deepEqual(toldBy(bench.tick(1)), [1])
    })

    it('is told at once where the node is to rest, or takes no more', () => {
      for (const type of ['pause', 'finish', 'drain'] as const) {
        const bench = busy()
        bench.finish(...leases.slice(0, 1))
        deepEqual(toldBy(bench.step({ type })), [1], type)
      }
    })

    it('is told at once where it is urgent or its lease ends soon', () => {
      for (const changes of [{ priority: 'p0' }, {}] as const) {
        const bench = AgentBench.ready(agentOptions({ slots: 1 }))
        const first = offerOf(unitOf(8, changes), { ttlMs: 'priority' in changes ? 60_000 : 500 })
        bench.grant(first, ...offers)
        deepEqual(toldBy(bench.finish(first.lease)), [1])
      }
    })

    it('is told once after a new link, and never where its lease was revoked', () => {
      const bench = busy()
      bench.finish(...leases.slice(0, 1))
      bench.step({ type: 'unlinked', gateway: GATEWAY })
      bench.step({ type: 'linked', gateway: GATEWAY })
      deepEqual(toldBy(bench.welcome(leases)), [1])
      deepEqual(toldBy(bench.tick(250)), [])
      bench.finish(...leases.slice(1, 2))
      const body = { v: 1, leases: leases.slice(1, 2), reason: 'settled' } as const
      bench.step({ type: 'revoke', gateway: GATEWAY, body: { ...body, leases: [...body.leases] } })
      deepEqual(toldBy(bench.tick(250)), [])
    })
  })

  it('counts once when it is acknowledged twice', () => {
    const bench = AgentBench.ready()
    const offer = offerOf(unitOf(1))
    bench.grant(offer)
    bench.finish(offer.lease)
    bench.acknowledge(offer.lease, 'rejected')
    bench.acknowledge(offer.lease, 'rejected')
    equal(bench.status().ends.rejected, 1)
    equal(bench.status().lastRejection, 'ok')
  })
})

describe('a node that stops', () => {
  it('withdraws, hands back what waits, and lets running units finish', () => {
    const bench = AgentBench.ready(agentOptions({ slots: 1 }))
    const [first, second] = [offerOf(unitOf(1)), offerOf(unitOf(2))]
    bench.grant(first, second)
    const draining = bench.step({ type: 'drain' })
    equal(framesOf(draining, 'withdraw')[0]?.reason, 'draining')
    deepEqual(framesOf(draining, 'release')[0]?.leases, [second.lease])
    equal(effectsOf(draining, 'drained').length, 0)
    equal(effectsOf(bench.finish(first.lease), 'attest').length, 1)
    equal(effectsOf(bench.acknowledge(first.lease), 'drained').length, 1)
    deepEqual(bench.tick(1), [])
  })

  it('hands back what still runs when the grace period is over', () => {
    const bench = AgentBench.ready()
    const offer = offerOf(unitOf(1))
    bench.grant(offer)
    bench.step({ type: 'drain' })
    const over = bench.tick(5_000)
    equal(effectsOf(over, 'kill').length, 1)
    deepEqual(framesOf(over, 'release')[0]?.leases, [offer.lease])
    equal(over.at(-1)?.type, 'drained')
  })

  it('is not woken again and again while its gateway is away', () => {
    const bench = AgentBench.ready()
    bench.grant(offerOf(unitOf(1)))
    bench.step({ type: 'drain' })
    bench.step({ type: 'unlinked', gateway: GATEWAY })
    const woken = bench.tick(1_000)
    equal(effectsOf(woken, 'dial').length, 0)
    for (const { atMs } of effectsOf(woken, 'timer')) ok(atMs > bench.nowMs, `${atMs}`)
  })

  it('is over at once when it has nothing', () => {
    equal(AgentBench.online().step({ type: 'drain' }).at(-1)?.type, 'drained')
  })

  it('frees the machine on pause, and claims again on resume', () => {
    const bench = AgentBench.ready()
    const offer = offerOf(unitOf(1))
    bench.grant(offer)
    const paused = bench.step({ type: 'pause' })
    equal(effectsOf(paused, 'kill').length, 1)
    equal(framesOf(paused, 'withdraw')[0]?.reason, 'paused')
    deepEqual(releasedBy(bench.grant(offerOf(unitOf(2)))), ['paused'])
    equal(bench.status().idle?.rule, 'paused')
    equal(framesOf(bench.step({ type: 'resume' }), 'claim').length, 1)
  })

  it('lets what runs end when it is to finish, takes nothing else, and is paused then', () => {
    const bench = AgentBench.ready(agentOptions({ slots: 1 }))
    const [first, second] = [offerOf(unitOf(1)), offerOf(unitOf(2))]
    bench.grant(first, second)
    const finishing = bench.step({ type: 'finish' })
    equal(effectsOf(finishing, 'kill').length, 0)
    equal(framesOf(finishing, 'withdraw')[0]?.reason, 'paused')
    deepEqual(framesOf(finishing, 'release')[0]?.leases, [second.lease])
    equal(bench.status().mode, 'finishing')
    deepEqual(releasedBy(bench.grant(offerOf(unitOf(3)))), ['paused'])
    equal(effectsOf(bench.finish(first.lease), 'attest').length, 1)
    equal(bench.status().mode, 'paused')
    equal(framesOf(bench.step({ type: 'resume' }), 'claim').length, 1)
  })

  it('takes back a finish, or makes it a pause', () => {
    const bench = AgentBench.ready()
    bench.grant(offerOf(unitOf(1)))
    bench.step({ type: 'finish' })
    equal(framesOf(bench.step({ type: 'resume' }), 'claim').length, 1)
    bench.step({ type: 'finish' })
    equal(effectsOf(bench.step({ type: 'pause' }), 'kill').length, 1)
    equal(bench.status().mode, 'paused')
  })
})

describe('the status of an idle node', () => {
  it('says why it is idle', () => {
    const bench = new AgentBench()
    bench.tick()
    equal(bench.status().idle?.rule, 'offline')
    const online = AgentBench.online()
    equal(online.status().idle?.rule, 'no_work')
    const offer = offerOf(noopOf(1), { commit: true })
    online.grant(offer)
    equal(online.status().idle, null)
    online.finish(offer.lease)
    equal(online.status().idle?.rule, 'awaiting_verdict')
  })
})
