/** Nodes and claims: who is there, who may bid, who is fit for what, and what becomes of the lost. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { bidDelayMs, type NodeState, rendezvousDraw, THRESHOLD_ALL } from '#contracts'
import { Batches } from '../../mesh-node/core/gateway/batches.ts'
import { GatewayMesh } from '../support/gateway-mesh.ts'
import { MODEL, modelUnit, peer, SESSION, type UnitParts, unitOf } from '../support/mesh-units.ts'
import { type NodeOptions, rightAnswer } from '../support/model-node.ts'

const OTHER_MODEL = rightAnswer(unitOf('another-model').id)

describe('gateway: which node may run what', () => {
  const refusals: readonly (readonly [string, UnitParts, NodeOptions])[] = [
    ['kind_not_served', { kind: 'retrieval' }, { descriptor: { kinds: ['deterministic'] } }],
    ['pod_tier', { kind: 'llm', model: { cid: MODEL, handler: null } }, {}],
    ['accelerator_missing', { constraints: { accelerators: ['cuda'] } }, {}],
    ['privacy_local_only', { constraints: { privacy: 'local_only' } }, {}],
    ['trusted_node_required', { constraints: { trusted_node_required: true } }, {}],
    ['memory', { constraints: { min_memory_mb: 5_000 } }, {}],
    ['region', { constraints: { region: 'eu' } }, { descriptor: { region: 'us' } }],
    [
      'model_not_conformant',
      { kind: 'small_model', model: { cid: OTHER_MODEL, handler: null } },
      {}
    ],
    ['no_capacity', {}, { slots: 1, manner: 'silent' }]
  ]
  for (const [rule, parts, options] of refusals) {
    it(`names the rule ${rule}`, () => {
      const mesh = new GatewayMesh()
      mesh.open()
      const node = mesh.addNode(0, options)
      if (rule === 'no_capacity') mesh.submit(unitOf('first'))
      const made = unitOf('u', parts)
      mesh.submit(made)
      const explained = mesh.machine.explain(SESSION, made.id)
      deepEqual(
        explained?.refusals.map((one) => [one.node, one.rule]),
        [[node.id, rule]]
      )
    })
  }

  it('does not believe a node that calls itself trusted', () => {
    const mesh = new GatewayMesh({ trusted: [1] })
    mesh.open()
    mesh.addNode(0, { descriptor: { zones: ['trusted'] } })
    const unit = unitOf('u', { constraints: { privacy: 'local_only' } })
    mesh.submit(unit)
    mesh.run(1_000)
    equal(mesh.items('units.reserved').length, 0)
    mesh.addNode(1)
    ok(mesh.drain())
    mesh.audit()
  })

  it('asks for the tier of the model, where it was told', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const needs = { tier: 'large', memoryMb: 10, cost: null } as const
    mesh.feed({ type: 'model', cid: MODEL, ...needs, nowMs: mesh.nowMs })
    mesh.addNode(0, { descriptor: { pod_tiers: ['medium'] } })
    const unit = modelUnit('u', { kind: 'llm' })
    mesh.submit(unit)
    equal(mesh.machine.explain(SESSION, unit.id)?.refusals[0]?.rule, 'pod_tier')
    mesh.addNode(1, { descriptor: { pod_tiers: ['large'] } })
    ok(mesh.drain())
  })

  it('gives a unit up when nobody known could ever run it, and says so', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0)
    const unit = unitOf('u', { constraints: { region: 'eu' } })
    const memory = unitOf('m', { constraints: { min_memory_mb: 1_000_000 } })
    mesh.submit(unit, memory)
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.stopReason, 'admission_rejected')
    equal(mesh.outcomes.get(unit.id)?.error?.detail, 'REGION_UNAVAILABLE')
    equal(mesh.outcomes.get(memory.id)?.stopReason, 'substrate_failure')
    mesh.audit()
  })

  it('shares work out by load, and prefers the node that the ledger trusts more', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const nodes = [0, 1].map((number) => mesh.addNode(number, { manner: 'silent' }))
    mesh.submit(...Array.from({ length: 40 }, (_, index) => unitOf('u', { index })))
    deepEqual(
      nodes.map(({ granted }) => granted.length),
      [20, 20]
    )
    const trusted = nodes[1]
    ok(trusted !== undefined)
    const standing = { log: '', owner: '', state: 'active' as NodeState, trustMilli: 900 }
    mesh.feed({ type: 'trust', node: trusted.id, standing, nowMs: mesh.nowMs })
    mesh.submit(unitOf('next'))
    equal(trusted.granted.length, 21)
  })
})

describe('gateway: how much of long work a node gets ahead', () => {
  /** Runs of 40 ms on two nodes of one slot that never answer. */
  function granted(units: number): readonly number[] {
    const mesh = new GatewayMesh()
    mesh.open()
    const cost = { baseUs: 40_000, usPerKib: 0 }
    const needs = { tier: 'small', memoryMb: 10, cost } as const
    mesh.feed({ type: 'model', cid: MODEL, ...needs, nowMs: mesh.nowMs })
    const descriptor = { slots: 1, queue_max: 1_000 }
    const nodes = [0, 1].map((number) => mesh.addNode(number, { manner: 'silent', descriptor }))
    mesh.submit(...Array.from({ length: units }, (_, index) => modelUnit('u', { index })))
    return nodes.map((node) => node.granted.length)
  }

  it('is a second of it while much waits', () => {
    deepEqual(granted(200), [26, 26])
  })

  it('is less the less waits, so that the last of it is shared', () => {
    const [few = 0, fewToo = 0] = granted(40)
    ok(few >= 6 && few <= 9 && Math.abs(few - fewToo) <= 1, `${few} and ${fewToo} of 40`)
    deepEqual(granted(8), [3, 3])
  })
})

describe('gateway: the life of nodes', () => {
  it('gives the units of a silent node to others when its heartbeats stop', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const lost = mesh.addNode(0, { manner: 'silent' })
    const unit = unitOf('u', { timeouts: { dispatch_ms: 60_000, run_ms: 60_000 } })
    mesh.submit(unit)
    mesh.addNode(1)
    lost.connected = false
    mesh.run(4_000)
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
    equal(mesh.eventsOf('node.unavailable')[0]?.data['reason'], 'heartbeats_missed')
    mesh.audit()
  })

  it('keeps the leases of a node that comes back in time with them', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const node = mesh.addNode(0, { runMs: 1_500 })
    const unit = unitOf('u')
    mesh.submit(unit)
    mesh.run(100)
    mesh.disconnect(node)
    mesh.run(1_000)
    mesh.connect(
      node,
      node.granted.map(({ lease_id }) => lease_id)
    )
    ok(mesh.drain())
    equal(mesh.items('units.reserved').length, 1)
    mesh.audit()
  })

  it('gives a unit away at once when its node comes back without it', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const node = mesh.addNode(0, { manner: ({ attempt }) => (attempt === 1 ? 'silent' : 'honest') })
    const unit = unitOf('u')
    mesh.submit(unit)
    mesh.run(100)
    mesh.disconnect(node)
    mesh.connect(node)
    mesh.run(100)
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
    equal(mesh.outcomes.get(unit.id)?.executions[0]?.verdict, 'expired')
    mesh.audit()
  })

  it('does not count vanished nodes as failures of the unit', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const unit = unitOf('u', { retries: { max_attempts: 1, backoff_ms: 0 } })
    mesh.submit(unit)
    for (let number = 0; number < 5; number++) {
      const node = mesh.addNode(number, { manner: 'silent' })
      mesh.run(100)
      mesh.disconnect(node)
      mesh.run(5_000)
    }
    mesh.addNode(9)
    ok(mesh.drain())
    equal(mesh.outcomes.get(unit.id)?.status, 'success')
    mesh.audit()
  })

  it('gives nothing to a quarantined node until it is restored', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const { id: node } = mesh.addNode(0)
    const { nowMs } = mesh
    const standing = { log: '', owner: '', trustMilli: 100 }
    mesh.feed({ type: 'trust', node, standing: { ...standing, state: 'quarantined' }, nowMs })
    const unit = unitOf('u')
    mesh.submit(unit)
    mesh.run(1_000)
    equal(mesh.machine.explain(SESSION, unit.id)?.refusals[0]?.rule, 'node_state')
    mesh.feed({
      type: 'trust',
      node,
      standing: { ...standing, state: 'active' },
      nowMs: mesh.nowMs
    })
    ok(mesh.drain())
    equal(mesh.eventsOf('node.quarantined').length + mesh.eventsOf('node.restored').length, 2)
  })

  it('lowers the health of a node that says it is down, until it gets nothing', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const { id: node } = mesh.addNode(0)
    const body = { v: 1, seq: 1, running: 0, queued: 0, free_memory_mb: 0 } as const
    for (let beat = 0; beat < 20; beat++) {
      const { nowMs } = mesh
      mesh.feed({ type: 'heartbeat', node, body: { ...body, health: 'down' }, nowMs })
    }
    const unit = unitOf('u')
    mesh.submit(unit)
    equal(mesh.machine.explain(SESSION, unit.id)?.refusals[0]?.rule, 'health')
    ok(mesh.eventsOf('node.health.updated').length > 0)
  })

  it('writes a node into the log once, and again when its owner changes', () => {
    const mesh = new GatewayMesh()
    const node = mesh.addNode(0)
    mesh.connect(node)
    Object.assign(node, { descriptor: { ...node.descriptor, owner: 'somebody else' } })
    mesh.connect(node)
    const written = mesh.records.filter(({ kind }) => kind === 'node.registered')
    equal(written.length, 2)
  })
})

describe('gateway: claims and bids', () => {
  const claim = (over: object) => ({
    v: 1 as const,
    claim: 7,
    batch: null,
    kinds: ['deterministic' as const],
    models: [],
    slots: 1,
    standing: false,
    ...over
  })

  it('announces what no standing claim can place, once, and again while it waits', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const announcements = () => mesh.effects.filter(({ type }) => type === 'announce').length
    mesh.submit(...Array.from({ length: 100 }, (_, index) => unitOf('u', { index })))
    equal(announcements(), 1)
    mesh.run(1_000)
    equal(announcements(), 1)
    mesh.run(5_000)
    equal(announcements(), 2)
  })

  it('names one unit of a kind that it announces again, and counts all that wait', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.submit(...Array.from({ length: 20 }, (_, index) => unitOf(`many-${index}`)))
    mesh.run(6_000)
    const told = mesh.effects.flatMap((effect) => (effect.type === 'announce' ? [effect.body] : []))
    deepEqual(
      told.map(({ units }) => units.length),
      [20, 1]
    )
    ok(told.every(({ wants }) => wants[0]?.units === 20))
  })

  it('announces what waits to a node that comes, at once and no oftener than once a second', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const announcements = () => mesh.effects.filter(({ type }) => type === 'announce').length
    // what no claim of theirs can take
    mesh.submit(unitOf('u', { constraints: { accelerators: ['cuda'] } }))
    equal(announcements(), 1)
    mesh.run(1_000)
    const node = mesh.addNode(1)
    mesh.run(200)
    equal(announcements(), 2)
    for (let time = 0; time < 20; time++) {
      mesh.disconnect(node)
      mesh.connect(node)
      mesh.run(100)
    }
    ok(announcements() <= 5, `${announcements()}`)
  })

  it('announces nothing that standing claims take at once', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    mesh.addNode(0)
    mesh.submit(unitOf('u'))
    ok(mesh.drain())
    equal(mesh.effects.filter(({ type }) => type === 'announce').length, 0)
  })

  it('takes a bid for an announced batch and grants as much as it offers', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const node = mesh.addNode(0, { slots: 0 })
    mesh.submit(unitOf('a'), unitOf('b'), unitOf('c'))
    const announced = mesh.effects.find((effect) => effect.type === 'announce')
    ok(announced?.type === 'announce')
    const body = claim({ batch: announced.body.batch, slots: 2 })
    mesh.feed({ type: 'claim', node: node.id, body, nowMs: mesh.nowMs })
    equal(node.granted.length, 2)
  })

  it('refuses a bid for a batch that was never announced, and one that stands for nothing', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const { id: node } = mesh.addNode(0, { slots: 0 })
    for (const batch of ['ab'.repeat(32), null]) {
      mesh.feed({ type: 'claim', node, body: claim({ batch }), nowMs: mesh.nowMs })
    }
    deepEqual(mesh.refusals, ['claim.refused', 'claim.refused'])
  })

  it('grants nothing under a claim that was withdrawn', () => {
    const mesh = new GatewayMesh()
    mesh.open()
    const node = mesh.addNode(0)
    const body = { v: 1, claim: 1, reason: 'paused' } as const
    mesh.feed({ type: 'withdraw', node: node.id, body, nowMs: mesh.nowMs })
    mesh.submit(unitOf('u'))
    equal(node.granted.length, 0)
  })

  it('lets a node bid when the threshold has widened to its draw, not before', () => {
    const batches = new Batches()
    const batch = 'ab'.repeat(32)
    const threshold = batches.thresholdFor(10_000)
    batches.announced(batch, threshold, 0)
    const late = Array.from({ length: 100 }, (_, number) => peer(number)).find(
      (node) => bidDelayMs(rendezvousDraw(batch, node), threshold, 250) >= 1_000
    )
    ok(late !== undefined)
    const delayMs = bidDelayMs(rendezvousDraw(batch, late), threshold, 250)
    ok(!batches.mayBid(batch, late, delayMs - 100))
    ok(batches.mayBid(batch, late, delayMs))
    ok(!batches.mayBid('cd'.repeat(32), late, delayMs))
  })

  it('draws about as many bids from 10 nodes as from 10,000', () => {
    const bids = [10, 100, 1_000, 10_000].map((nodes) => {
      const peers = Array.from({ length: nodes }, (_, number) => peer(number))
      let drawn = 0
      const batchCount = nodes > 1_000 ? 4 : 20
      for (let index = 0; index < batchCount; index++) {
        const batches = new Batches()
        const batch = index.toString(16).padStart(64, '0')
        const threshold = batches.thresholdFor(nodes)
        drawn += peers.filter((node) => rendezvousDraw(batch, node) <= threshold).length
      }
      return drawn / batchCount
    })
    for (const count of bids) ok(Math.abs(count - 10) <= 3, `${bids.join(' ')} bids`)
  })

  it('learns from early bids that more nodes listen than it knows', () => {
    const batches = new Batches()
    for (let round = 0; round < 40; round++) {
      const batch = round.toString(16).padStart(64, '0')
      const threshold = batches.thresholdFor(1)
      batches.announced(batch, threshold, round * 120_000)
      for (let number = 0; number < 400; number++) {
        const node = peer(number)
        if (rendezvousDraw(batch, node) <= threshold) batches.mayBid(batch, node, round * 120_000)
      }
    }
    ok(batches.thresholdFor(1) < THRESHOLD_ALL / 20, `${batches.listening} nodes`)
  })
})
