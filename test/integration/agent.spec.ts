/**
 * A whole node against a gateway that is driven by hand: real network, real executors, real ledger.
 * What the node does on a right and on a wrong word from its gateway.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import {
  type Cid,
  cidOfBytes,
  commitmentOf,
  decodeValue,
  encodeManifest,
  encodeValue,
  isValueMap,
  type LeaseId,
  type ModelManifest,
  parseLeaseId,
  sealFrame,
  type Value,
  type WorkUnit
} from '#contracts'
import { type AgentReport, type NodeOptions, nodeSigner, type RunningNode } from '#mesh-node'
import { noopOf, unitOf } from '../support/agent-fixtures.ts'
import { code } from '../support/expect-code.ts'
import { HandGateway, LARGE_BYTES } from '../support/hand-gateway.ts'
import { OTHER_MESH, seed } from '../support/mesh-fixtures.ts'
import { Started, until } from '../support/mesh-hosts.ts'
import { floats, longs, numbersOf, tensorManifest } from '../support/models.ts'
import { doublingModel, hungryModel, loopingModel } from '../support/onnx-builder.ts'
import { wholeNode } from '../support/whole-node.ts'

const handlerUnit = (index: number, handler: string, inputs: WorkUnit['inputs']): WorkUnit =>
  unitOf(index, { kind: 'deterministic', model: { cid: null, handler }, inputs })

describe('a node and its gateway', function () {
  this.timeout(60_000)
  let started: Started
  let gateway: HandGateway
  let reports: AgentReport[]

  beforeEach(async () => {
    started = new Started()
    gateway = started.add(await HandGateway.start(), (one) => one.stop())
    reports = []
  })
  afterEach(() => started.endAll())

  const startedNode = (changes: Partial<NodeOptions> = {}): Promise<RunningNode> =>
    wholeNode(started, {
      mesh: { kind: 'id', id: gateway.genesis.id },
      bootstrap: [gateway.address],
      reports,
      ...changes
    })

  /** Puts the model with its golden pair into the gateway's store. */
  async function publish(
    name: string,
    file: Uint8Array,
    golden: { inputs: Value; outputs: Value }
  ): Promise<Cid> {
    const { blobs } = gateway
    await blobs.put(file)
    const pair = {
      inputs: await blobs.put(encodeValue(golden.inputs)),
      outputs: await blobs.put(encodeValue(golden.outputs))
    }
    const manifest: ModelManifest = {
      ...tensorManifest(name, file),
      inputs: [{ name: 'x', dtype: 'float32', shape: [null, 3] }],
      golden: [pair],
      tolerances: { '*': { level: 'numeric', rtol: 1e-5, atol: 1e-6 } }
    }
    return blobs.put(encodeManifest(manifest))
  }

  const doubling = (outputs: Value = { y: floats([1, 3], 2, 4, 6) }) =>
    publish('doubling', doublingModel(), { inputs: { x: floats([1, 3], 1, 2, 3) }, outputs })

  it('joins by the mesh id alone: genesis from the first peer, hello, claim, heartbeats', async () => {
    const node = await startedNode()
    const [hello] = await gateway.hears('hello')
    equal(hello?.node, node.peerId)
    const [claim] = await gateway.hears('claim')
    deepEqual(claim?.kinds, ['deterministic', 'small_model'])
    equal((await gateway.hears('heartbeat', 2)).at(1)?.seq, 2)
    equal(node.status().agent.idle?.rule, 'no_work')
  })

  it('answers many units of one grant in one signed batch, and logs the verdicts', async () => {
    const node = await startedNode()
    await gateway.hears('claim')
    const units = Array.from({ length: 400 }, (_, index) => noopOf(index))
    const granted = gateway.grant(units)
    const attested = await gateway.attests(400)
    equal(gateway.bodies('result').length, 1)
    equal(gateway.bodies('result')[0]?.outputs.length, 1)
    deepEqual(
      new Set(attested.map(({ lease_id }) => lease_id)),
      new Set(granted.map(({ lease }) => lease))
    )
    gateway.acknowledge(granted.map(({ lease }) => lease))
    await until(() => node.status().agent.ends.accepted === 400, 'verdicts')
    equal(node.status().agent.earnedMicro, 2_000)
    await until(() => node.status().log.entries === 2, 'two entries of the own log')
  })

  it('gives inputs back by echo: those that rode along and those it had to fetch', async () => {
    await startedNode()
    await gateway.hears('claim')
    const small = await gateway.input('small', 'hello')
    const large = await gateway.input('large', new Uint8Array(LARGE_BYTES))
    gateway.grant([handlerUnit(1, 'echo', [small.input, large.input])], { blobs: [small.bytes] })
    const [attestation] = await gateway.attests(1)
    ok(attestation)
    // the output is too large to ride along: it is fetched by hash, from the node
    equal(gateway.output(attestation.output_cid), undefined)
    const again = gateway.grant([handlerUnit(2, 'echo', [small.input])])
    const echoed = (await gateway.attests(2)).find(({ lease_id }) => lease_id === again[0]?.lease)
    deepEqual(outputOf(echoed?.output_cid), { small: 'hello' })
  })

  it('checks a model by its golden vectors before it runs it, and claims it then', async () => {
    const model = await doubling()
    await startedNode()
    await gateway.hears('claim')
    const { input } = await gateway.input('x', floats([1, 3], 5, 6, 7))
    gateway.grant([unitOf(1, { model: { cid: model, handler: null }, inputs: [input] })])
    const [attestation] = await gateway.attests(1)
    const output = outputOf(attestation?.output_cid)
    deepEqual(isValueMap(output) ? numbersOf(output['y']) : null, [10, 12, 14])
    deepEqual((await gateway.hears('claim', 2)).at(-1)?.models, [model])
    ok((attestation?.usage.wall_ms ?? 0) > 0)
  })

  it('hands back units of a model whose golden vectors it does not reproduce', async () => {
    const model = await doubling({ y: floats([1, 3], 2, 4, 7) })
    const node = await startedNode()
    await gateway.hears('claim')
    gateway.grant([unitOf(1, { model: { cid: model, handler: null } })])
    const [release] = await gateway.hears('release')
    equal(release?.reason, 'model_refused')
    const [refused] = node.status().agent.models
    equal(refused?.phase, 'refused')
    ok(refused?.reason.startsWith('golden 0'), refused?.reason)
    equal(gateway.bodies('failure').length, 0)
  })

  it('ends a unit that eats memory, and goes on with the next', async () => {
    const golden = { inputs: { size: longs(4) }, outputs: { y: floats([1], 4) } }
    const model = await publish('hungry', hungryModel(), golden)
    const node = await startedNode()
    await gateway.hears('claim')
    const sized = async (index: number, size: number): Promise<WorkUnit> => {
      const { input } = await gateway.input('size', longs(size))
      return unitOf(index, { model: { cid: model, handler: null }, inputs: [input] })
    }
    gateway.grant([await sized(1, 2 ** 33), await sized(2, 8)])
    const [attestation] = await gateway.attests(1)
    const output = outputOf(attestation?.output_cid)
    deepEqual(isValueMap(output) ? numbersOf(output['y']) : null, [8])
    const [failure] = await gateway.hears('failure')
    equal(failure?.failures[0]?.class, 'execution')
    equal(node.status().agent.ends.failed, 1)
  })

  it('ends a unit that never ends, and goes on with the next', async () => {
    const golden = {
      inputs: { turns: longs(2), x: floats([1], 3) },
      outputs: { y: floats([1], 12) }
    }
    const model = await publish('looping', loopingModel(), golden)
    await startedNode()
    await gateway.hears('claim')
    const x = await gateway.input('x', floats([1], 1))
    const turning = async (index: number, turns: number): Promise<WorkUnit> => {
      const { input } = await gateway.input('turns', longs(turns))
      return unitOf(index, {
        model: { cid: model, handler: null },
        inputs: [input, x.input],
        timeouts: { dispatch_ms: 10_000, run_ms: 500 }
      })
    }
    gateway.grant([await turning(1, 2 ** 40), await turning(2, 3)])
    const [attestation] = await gateway.attests(1)
    const output = outputOf(attestation?.output_cid)
    deepEqual(isValueMap(output) ? numbersOf(output['y']) : null, [8])
    const [failure] = await gateway.hears('failure')
    equal(failure?.failures[0]?.class, 'timeout')
    equal(failure?.failures[0]?.code, 'executor.timed_out')
  })

  it('commits before it reveals', async () => {
    const node = await startedNode()
    await gateway.hears('claim')
    const [granted] = gateway.grant([noopOf(1)], { commit: true })
    ok(granted)
    const [commit] = await gateway.hears('commit')
    equal(gateway.bodies('result').length, 0)
    gateway.send({ kind: 'reveal', body: { v: 1, leases: [granted.lease] } })
    const [attestation] = await gateway.attests(1)
    ok(attestation)
    deepEqual(commit?.commitments[0]?.commitment, commitmentOf(attestation.output_cid, node.peerId))
  })

  it('tells a kept result again after the link was lost', async () => {
    await startedNode()
    await gateway.hears('claim')
    const [granted] = gateway.grant([noopOf(1)])
    ok(granted)
    await gateway.attests(1)
    await gateway.link.close()
    await gateway.hears('hello', 2)
    deepEqual(gateway.bodies('hello').at(-1)?.holding, [granted.lease])
    const [first, second] = await gateway.attests(2)
    deepEqual(first, second)
  })

  it('runs a lease once, however often it is granted', async () => {
    const node = await startedNode()
    await gateway.hears('claim')
    for (let time = 0; time < 3; time++) gateway.grant([noopOf(1)])
    const leases = (await gateway.attests(3)).map(({ lease_id }) => lease_id)
    equal(new Set(leases).size, 1)
    gateway.acknowledge(leases.slice(0, 1))
    await until(() => node.status().agent.ends.accepted === 1, 'the verdict')
    gateway.grant([noopOf(1)])
    equal((await gateway.hears('release'))[0]?.reason, 'ended')
  })

  it('refuses frames that are not from its gateway or its mesh, and comes back', async () => {
    await startedNode()
    await gateway.hears('claim')
    const mesh = gateway.genesis.id
    const frame = { kind: 'reveal', body: { v: 1, leases: [leaseOf(1)] } } as const
    const body = { ...frame.body, leases: [...frame.body.leases] }
    const bad = [
      sealFrame({ kind: 'reveal', body }, { mesh, signer: nodeSigner(seed(9)) }),
      sealFrame({ kind: 'reveal', body }, { mesh: OTHER_MESH, signer: nodeSigner(seed(77)) }),
      Uint8Array.of(99, 1, 2, 3)
    ]
    for (const [round, bytes] of bad.entries()) {
      gateway.link.send(bytes)
      await until(() => refusals().length === round + 1, `refusal ${round + 1}`)
      await gateway.hears('hello', round + 2)
    }
    deepEqual(refusals(), [
      'contracts.signature_invalid',
      'contracts.signature_invalid',
      'wire.kind_unknown'
    ])
  })

  it('fails a unit that breaks its contract, and runs the others of the same grant', async () => {
    await startedNode()
    await gateway.hears('claim')
    const lease = { attempt: 1, expires_at_ms: 0, ttl_ms: 9_000, commit: false }
    const broken = { ...lease, lease_id: leaseOf(1), unit: encodeValue({ v: 1 }) }
    gateway.send({ kind: 'grant', body: { v: 1, leases: [broken], blobs: [] } })
    gateway.grant([noopOf(1)])
    const [failure] = await gateway.hears('failure')
    equal(failure?.failures[0]?.code, 'unit.malformed')
    equal(failure?.failures[0]?.class, 'validation')
    await gateway.attests(1)
  })

  it('fails a unit whose input nobody holds', async () => {
    await startedNode()
    await gateway.hears('claim')
    const cid = cidOfBytes(new TextEncoder().encode('nowhere'))
    gateway.grant([handlerUnit(1, 'echo', [{ name: 'x', cid, dtype: 'value', shape: [7] }])])
    const [failure] = await gateway.hears('failure')
    equal(failure?.failures[0]?.code, 'blob.not_found')
  })

  it('lies about outputs in the drill, and about nothing else', async () => {
    const model = await doubling()
    await startedNode({ drill: 'forge-outputs' })
    await gateway.hears('claim')
    const { input } = await gateway.input('x', floats([1, 3], 5, 6, 7))
    gateway.grant([unitOf(1, { model: { cid: model, handler: null }, inputs: [input] })])
    const [attestation] = await gateway.attests(1)
    const output = outputOf(attestation?.output_cid)
    ok(isValueMap(output))
    ok(numbersOf(output['y']).join() !== '10,12,14', 'the output is forged')
  })

  it('drains: withdraws, hands back, and is done', async () => {
    const node = await startedNode()
    await gateway.hears('claim')
    await node.drain()
    equal((await gateway.hears('withdraw'))[0]?.reason, 'draining')
    equal(node.status().agent.mode, 'drained')
  })

  it('says so where no peer has the genesis', async () => {
    const dataDir = await started.folder()
    const mesh = { kind: 'id', id: OTHER_MESH } as const
    await rejects(startedNode({ dataDir, mesh, bootstrap: [] }), code('net.unreachable'))
  })

  it('refuses a data folder of another mesh, and one that another node holds', async () => {
    const dataDir = await started.folder()
    await startedNode({ dataDir })
    await rejects(startedNode({ dataDir }), code('ledger.store_locked'))
    const mesh = { kind: 'id', id: OTHER_MESH } as const
    await rejects(startedNode({ dataDir, mesh }), code('genesis.other_mesh'))
  })

  const refusals = (): string[] =>
    reports.flatMap((report) => (report.type === 'frame-refused' ? [report.error.code] : []))
  const leaseOf = (fill: number): LeaseId => {
    const text = `l${String(fill).repeat(32)}`
    return parseLeaseId(text)
  }
  function outputOf(cid: Cid | undefined): Value | undefined {
    const bytes = cid === undefined ? undefined : gateway.output(cid)
    return bytes === undefined ? undefined : decodeValue(bytes)
  }
})
