/**
 * What a hostile gateway or peer sends over a real link to a whole node, beyond frames that are no
 * messages (`agent.spec.ts`): refused by name, never run or logged, and the next unit goes its way.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { FRAME_BYTES_MAX, leaseIdOf, packUnit, type WorkUnit } from '#contracts'
import { type AgentReport, BlobExchange, LINK_PROTOCOLS, type RunningNode } from '#mesh-node'
import { MemoryBlobs } from '#mesh-node/store'
import { noopOf, unitOf } from '../support/agent-fixtures.ts'
import { bareStream } from '../support/bare-host.ts'
import { HandGateway, LARGE_BYTES } from '../support/hand-gateway.ts'
import { HostileBlobs } from '../support/hostile-blobs.ts'
import { Started, until } from '../support/mesh-hosts.ts'
import { wholeNode } from '../support/whole-node.ts'

const echoOf = (index: number, inputs: WorkUnit['inputs']): WorkUnit =>
  unitOf(index, { kind: 'deterministic', model: { cid: null, handler: 'echo' }, inputs })

describe('a node and hostile peers', function () {
  this.timeout(60_000)
  let started: Started
  let gateway: HandGateway
  let blobs: HostileBlobs
  let node: RunningNode
  let reports: AgentReport[]

  beforeEach(async () => {
    started = new Started()
    reports = []
    blobs = new HostileBlobs()
    gateway = started.add(await HandGateway.start(blobs), (one) => one.stop())
    node = await wholeNode(started, {
      mesh: { kind: 'id', id: gateway.genesis.id },
      bootstrap: [gateway.address],
      reports
    })
    await gateway.hears('claim')
  })
  afterEach(() => started.endAll())

  /** The node answers the next grant, and what it was told before has left nothing in its log. */
  async function worksOn(): Promise<void> {
    const before = gateway.attestations().length
    const [granted] = gateway.grant([noopOf(1_000)])
    ok(granted)
    await gateway.attests(before + 1)
    gateway.acknowledge([granted.lease])
    await until(() => node.status().agent.ends.accepted === 1, 'the verdict')
    await until(() => node.status().log.entries > 0, 'its entry')
    equal(node.status().log.entries, 1, 'one verdict is logged')
  }

  it('never runs a lease that has expired before its input is there', async () => {
    const late = await gateway.input('x', { bytes: new Uint8Array(LARGE_BYTES) })
    blobs.lies.set(late.input.cid, null)
    gateway.grant([echoOf(1, [late.input])], { ttlMs: 100 })
    await until(() => blobs.asked.includes(late.input.cid), 'the node asks for the input')
    await until(() => node.status().agent.ends.expired === 1, 'the lease ends')
    await worksOn()
    deepEqual([gateway.attestations().length, gateway.bodies('failure').length], [1, 0])
  })

  it('hands back a lease of another node, and logs no verdict on what it never held', async () => {
    const { id, bytes } = packUnit(noopOf(1))
    const foreign = leaseIdOf(id, 1, gateway.network.peerId)
    const lease = { attempt: 1, unit: bytes, expires_at_ms: 0, ttl_ms: 9_000, commit: false }
    gateway.send({
      kind: 'grant',
      body: { v: 1, leases: [{ ...lease, lease_id: foreign }], blobs: [] }
    })
    equal((await gateway.hears('release'))[0]?.reason, 'mismatched')
    gateway.acknowledge([foreign])
    gateway.send({ kind: 'reveal', body: { v: 1, leases: [foreign] } })
    await worksOn()
    equal(gateway.attestations().length, 1)
  })

  it('holds on to its leases when a welcome comes again that no hello asked for', async () => {
    const { log } = gateway.bodies('hello')[0] ?? { log: '' }
    const [granted] = gateway.grant([noopOf(1)], { commit: true })
    ok(granted)
    await gateway.hears('commit')
    for (let time = 0; time < 3; time++) {
      gateway.send({ kind: 'welcome', body: { v: 1, log, standing: [], heartbeat_ms: 200 } })
    }
    gateway.send({ kind: 'reveal', body: { v: 1, leases: [granted.lease] } })
    await gateway.attests(1)
    equal(gateway.bodies('hello').length, 1)
    gateway.acknowledge([granted.lease])
    await until(() => node.status().agent.ends.accepted === 1, 'the verdict')
  })

  it('names whoever serves other bytes than were asked for, and takes them from the next', async () => {
    const value = { bytes: new Uint8Array(LARGE_BYTES).fill(3) }
    const large = await gateway.input('x', value)
    blobs.lies.set(large.input.cid, new Uint8Array(large.bytes.length).fill(9))
    gateway.grant([echoOf(1, [large.input])])
    const [failure] = await gateway.hears('failure')
    equal(failure?.failures[0]?.code, 'blob.mismatch')
    deepEqual(blobs.asked.slice(-1), [large.input.cid])
    const store = new MemoryBlobs()
    await store.put(large.bytes)
    const honest = await started.host(31, {
      mesh: gateway.genesis.id,
      bootstrap: node.addresses()
    })
    new BlobExchange({ network: honest, store })
    await until(() => node.status().peers === 2, 'the honest peer')
    gateway.grant([echoOf(2, [large.input])])
    const [attested] = await gateway.attests(1)
    deepEqual(attested?.input_cids, [large.input.cid])
  })

  it('cuts off whoever announces a frame over the limit, on whatever link', async () => {
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, FRAME_BYTES_MAX + 1)
    const [address = ''] = node.addresses()
    for (const [at, kind] of (['blob', 'sync', 'status'] as const).entries()) {
      const protocol = LINK_PROTOCOLS[kind]
      const stream = await bareStream(started, address, { protocol, fill: 40 + at })
      stream.send(length)
      await until(() => stream.status !== 'open', `the ${kind} stream is reset`)
    }
    await until(
      () =>
        reports.some(
          (report) =>
            report.type === 'ledger-refused' && report.error.code === 'net.frame_too_large'
        ),
      'the refusal by name'
    )
    await worksOn()
  })
})
