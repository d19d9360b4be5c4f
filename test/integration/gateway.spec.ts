/** The real gateway with whole nodes over the real network, a real ledger on disk and a real bill. */
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import {
  type Attestation,
  encodeAttestation,
  type Frame,
  type MeshId,
  type NodeFrame,
  openFrame,
  parseLeaseId,
  sealFrame,
  signResults
} from '#contracts'
import { balancesSumToZero } from '#ledger'
import { createNetwork, type Link, type MeshNetwork, nodeSigner, nodeVerifier } from '#mesh-node'
import { MemoryBlobs } from '#mesh-node/store'
import { ControlHost, type ControlOptions, joinedNode } from '../support/control-host.ts'
import { HOSTILE_FRAMES } from '../support/hostile-frames.ts'
import { seed, withCode } from '../support/mesh-fixtures.ts'
import { LOOPBACK, Started, until } from '../support/mesh-hosts.ts'
import { SESSION, unitOf } from '../support/mesh-units.ts'
import { attestationOf, ModelNode } from '../support/model-node.ts'

const LEASE = parseLeaseId(`l${'12'.repeat(16)}`)
const ATTESTATION: Attestation = attestationOf(
  new ModelNode(60, {}),
  {
    lease_id: LEASE,
    attempt: 1,
    unit: new Uint8Array(0),
    expires_at_ms: 0,
    ttl_ms: 1,
    commit: false
  },
  unitOf('nobody-asked'),
  'honest'
)

describe('the gateway over the network', function () {
  this.timeout(60_000)
  let started: Started
  beforeEach(() => {
    started = new Started()
  })
  afterEach(() => started.endAll())

  async function control(options: Partial<ControlOptions> = {}): Promise<ControlHost> {
    const dataDir = options.dataDir ?? (await started.folder())
    const host = await ControlHost.start({ ...options, dataDir })
    return started.add(host, async (one) => {
      await one.stop()
      deepEqual(one.fatal, [])
    })
  }

  it('leases units to nodes, accepts what they attest, and the fold bills it without a refusal', async () => {
    const host = await control()
    await joinedNode(started, host)
    await joinedNode(started, host)
    await until(() => host.connected().length === 2, 'two nodes', 20_000)
    await host.open()
    const units = Array.from({ length: 200 }, (_, index) => unitOf('noop', { index }))
    const agreed = unitOf('agreed', { verification: { mode: 'quorum', replicas: 2 } })
    host.gateway.submit(
      SESSION,
      [...units, agreed].map((unit) => ({ unit, edges: [] }))
    )
    const outcomes = await host.outcome(...units.map(({ id }) => id), agreed.id)
    ok(outcomes.every(({ status }) => status === 'success'))
    equal(host.outcomes.get(agreed.id)?.verification, 'agreed')
    const cid = outcomes[0]?.outputCid
    ok(cid != null && (await host.blobs.get(cid)) !== null, 'the output is in the store')
    await host.gateway.close(SESSION, 'success', '00'.repeat(32))
    deepEqual(host.ledger.fold.rejections(), [])
    ok(balancesSumToZero(host.ledger.fold.balances()))
    const history = await host.ledger.history(SESSION)
    equal(history?.units.get(agreed.id)?.accepted.length, 2)
    equal(history?.closed?.stopReason, 'success')
  })

  it('refuses units of a session that was never opened', async () => {
    const host = await control()
    throws(() => host.gateway.submit(SESSION, []), withCode('gateway.session_unknown'))
    await rejects(host.gateway.close(SESSION, 'success', ''), withCode('gateway.session_unknown'))
  })

  it('goes on after it was killed: nothing runs or is billed twice', async () => {
    const dataDir = await started.folder()
    const blobs = new MemoryBlobs()
    const first = await ControlHost.start({ dataDir, blobs })
    const address = first.address
    const listen = [address.replace(/\/p2p\/.*$/, '')]
    await joinedNode(started, first)
    await until(() => first.connected().length === 1, 'a node', 20_000)
    await first.open()
    const slow = Array.from({ length: 300 }, (_, index) => unitOf('noop', { index }))
    const submissions = slow.map((unit) => ({ unit, edges: [] }))
    first.gateway.submit(SESSION, submissions)
    await until(() => first.outcomes.size > 0, 'a first outcome', 20_000)
    // the session is not closed and no lease is handed back: as after a crash, the log alone remains
    await first.stop()
    const done = first.outcomes.size
    const second = await control({ dataDir, blobs, listen })
    await second.open()
    second.gateway.submit(SESSION, submissions)
    const outcomes = await second.outcome(...slow.map(({ id }) => id))
    ok(outcomes.every(({ status }) => status === 'success'))
    await second.gateway.close(SESSION, 'success', '00'.repeat(32))
    deepEqual(second.ledger.fold.rejections(), [])
    const history = await second.ledger.history(SESSION)
    for (const { id } of slow) {
      equal(history?.units.get(id)?.accepted.length, 1, 'each unit is accepted once')
    }
    ok(done > 0 && done <= slow.length)
  })
})

describe('the gateway and hostile links', function () {
  this.timeout(60_000)
  let started: Started
  let host: ControlHost
  let stranger: MeshNetwork
  let link: Link
  const key = seed(60)
  const signer = nodeSigner(key)

  beforeEach(async () => {
    started = new Started()
    host = await ControlHost.start({ dataDir: await started.folder(), recoveryGraceMs: 0 })
    started.add(host, (one) => one.stop())
    stranger = await createNetwork({ seed: key, mesh: host.genesis.id, listen: [LOOPBACK] })
    started.add(stranger, (one) => one.stop())
    await stranger.dial(host.address)
    link = await stranger.openLink(host.genesis.genesis.sequencer, 'work')
  })
  afterEach(async () => {
    await started.endAll()
    deepEqual(host.fatal, [], 'a stranger never brings the gateway down')
  })

  const hello: NodeFrame = {
    kind: 'hello',
    body: {
      v: 1,
      node: signer.peerId,
      log: 'cd'.repeat(32),
      descriptor: new ModelNode(60, {}).descriptor,
      holding: [],
      models: []
    }
  }
  const sealed = (frame: Frame, mesh: MeshId = host.genesis.id, by = signer): Uint8Array =>
    sealFrame(frame, { mesh, signer: by })

  for (const [what, [code, bytes]] of Object.entries(HOSTILE_FRAMES)) {
    it(`refuses ${what} by name and closes the link`, async () => {
      let isClosed = false
      link.onClose(() => {
        isClosed = true
      })
      link.send(sealed(hello))
      link.send(bytes({ mesh: host.genesis.id, signer }))
      await until(() => isClosed, 'the link to close', 10_000)
      deepEqual(
        host.reports.flatMap((report) => (report.type === 'refused' ? [report.code] : [])),
        [code]
      )
    })
  }

  it('answers a result that nobody asked for as often as it comes, and keeps the link', async () => {
    const heard: Uint8Array[] = []
    link.onFrame((frame) => heard.push(frame))
    link.send(sealed(hello))
    await until(() => heard.length === 1, 'the welcome')
    const attestation = { ...ATTESTATION, node: signer.peerId }
    const batch = signResults([encodeAttestation(attestation)], { mesh: host.genesis.id, signer })
    const body = { v: 1 as const, head: batch.head, attestations: [...batch.items], outputs: [] }
    const frame = sealed({ kind: 'result', body })
    link.send(frame)
    link.send(frame)
    const reasons = (): string[] =>
      heard.slice(1).flatMap((raw) => {
        const from = host.genesis.genesis.sequencer
        const answer = openFrame(raw, { mesh: host.genesis.id, verifier: nodeVerifier, from })
        return answer.kind === 'ack' ? answer.body.verdicts.map(({ reason }) => reason) : []
      })
    await until(() => reasons().length === 2, 'an answer to each')
    deepEqual(reasons(), ['lease.unknown', 'lease.unknown'])
  })
})
