/** Replay: a session's history gives its state hash again, and what differs is named. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import {
  type Blobs,
  type Cid,
  cidOfBytes,
  encodeAttestation,
  encodeValue,
  type Fabric,
  type FabricSignal,
  leaseIdOf,
  MeshError,
  parseCid,
  parseMeshId,
  parseUnitId,
  resultsOf,
  type SessionHistory,
  signResults,
  tweetnaclSigner,
  type UnitHistory,
  type UnitId,
  type UnitOutcome,
  type Value
} from '#contracts'
import {
  replaySession,
  runHandler,
  runSession,
  SessionJudge,
  type SessionPorts,
  type SessionResult,
  SYSTEM_CLOCK
} from '#control'
import { graphOf, MODELS, TASK_BUDGET } from '../support/conduct.ts'

const MESH = parseMeshId('11'.repeat(32))
const SIGNER = tweetnaclSigner(new Uint8Array(32).fill(7))

/** Blobs in memory. */
class MemoryBlobs implements Blobs {
  readonly held = new Map<Cid, Uint8Array>()
  async has(cid: Cid): Promise<boolean> {
    return this.held.has(cid)
  }
  async get(cid: Cid): Promise<Uint8Array | null> {
    return this.held.get(cid) ?? null
  }
  async put(bytes: Uint8Array): Promise<Cid> {
    const cid = cidOfBytes(bytes)
    this.held.set(cid, bytes)
    return cid
  }
}

/** Answers every unit with a value that follows from its place; `failing` fails, `holding` waits for ever. */
class EchoFabric implements Fabric {
  readonly #blobs: Blobs
  readonly #emit: (signal: FabricSignal) => void
  readonly #behaviour: (index: number) => 'good' | 'failed' | 'held'
  readonly #held: UnitId[] = []
  onHeld: () => void = () => {}

  constructor(
    blobs: Blobs,
    emit: (signal: FabricSignal) => void,
    behaviour: (index: number) => 'good' | 'failed' | 'held'
  ) {
    this.#blobs = blobs
    this.#emit = emit
    this.#behaviour = behaviour
  }

  async open(): Promise<void> {}
  async close(): Promise<void> {}

  cancel(session: Parameters<Fabric['cancel']>[0]): void {
    for (const unitId of this.#held.splice(0)) this.#answer(session, unitId, 'cancelled', null)
  }

  submit(...[session, units]: Parameters<Fabric['submit']>): void {
    for (const { unit } of units) {
      const how = this.#behaviour(unit.unit.index)
      const value: Value = { n: unit.unit.index, text: 'said' }
      if (how === 'held') {
        this.#held.push(unit.id)
        this.onHeld()
      } else if (how === 'failed') this.#answer(session, unit.id, 'failed', null)
      else
        void this.#blobs
          .put(encodeValue(value))
          .then((cid) => this.#answer(session, unit.id, 'success', cid))
    }
  }

  #answer(
    session: UnitOutcome['session'],
    unitId: UnitId,
    status: UnitOutcome['status'],
    outputCid: Cid | null
  ): void {
    const stopReason =
      status === 'success' ? 'success' : status === 'failed' ? 'retry_exhausted' : 'cancelled'
    this.#emit({
      type: 'outcome',
      outcome: {
        session,
        unitId,
        finalUnitId: unitId,
        escalations: [],
        status,
        stopReason,
        failureClass: status === 'failed' ? 'execution' : null,
        error: null,
        outputCid,
        verification: status === 'success' ? 'schema' : 'unverified',
        usage: null,
        costMicro: 5,
        executions: []
      }
    })
  }
}

function historyOf(result: SessionResult): SessionHistory {
  const units = new Map<UnitId, UnitHistory>()
  for (const { unit, kind, status, output_cid } of result.units) {
    if (kind === 'deterministic') continue
    const none = {
      attempts: 1,
      accepted: [],
      voided: [],
      outstanding: [],
      ended: null,
      escalatedTo: []
    }
    const id = parseUnitId(unit)
    if (status === 'success' && output_cid !== null)
      units.set(id, { ...none, accepted: [acceptedOf(id, parseCid(output_cid))] })
    else if (status === 'failed')
      units.set(id, {
        ...none,
        ended: {
          status: 'failed',
          stopReason: 'retry_exhausted',
          failureClass: 'execution',
          code: 'executor.crashed'
        }
      })
    else if (status === 'cancelled')
      units.set(id, {
        ...none,
        ended: {
          status: 'cancelled',
          stopReason: 'cancelled',
          failureClass: null,
          code: 'unit.cancelled'
        }
      })
  }
  const closed = { stopReason: result.stop_reason, stateHash: result.state_hash }
  return { session: result.session, units, closed }
}

function acceptedOf(unit: UnitId, output_cid: Cid): UnitHistory['accepted'][number] {
  const lease = leaseIdOf(unit, 1, SIGNER.peerId)
  const attestation = encodeAttestation({
    v: 1,
    work_unit_id: unit,
    attempt: 1,
    lease_id: lease,
    node: SIGNER.peerId,
    model_cid: null,
    input_cids: [],
    output_cid,
    backend: { runtime: 'r', version: '1', provider: 'cpu', device_class: 'c' },
    usage: { cpu_ms: 1, gpu_ms: 0, wall_ms: 1, tokens_in: 0, tokens_out: 0 },
    started_ms: 1,
    finished_ms: 2
  })
  const receipt = resultsOf(signResults([attestation], { mesh: MESH, signer: SIGNER })).receipt(0)
  return { attempt: 1, lease, node: SIGNER.peerId, canonical: true, receipt, costMicro: 5 }
}

const SCHEMA = { type: 'object', properties: { n: { type: 'integer' }, text: true } } as const
const GRAPH = graphOf(
  [
    { id: 'make', type: 'deterministic', handler: 'value.echo', input: { list: [1, 2, 3] } },
    {
      id: 'each',
      type: 'model',
      model: 'small-one',
      tier: 'small',
      budget: TASK_BUDGET,
      schema: SCHEMA,
      fanout: { over: { $task: 'make', select: '/list' } },
      input: { x: { $item: true } }
    }
  ],
  { request_id: 'replayed', outputs: { all: { $task: 'each' } } }
)

describe('replay', () => {
  let blobs: MemoryBlobs
  let ports: Omit<SessionPorts, 'fabric'>
  beforeEach(() => {
    blobs = new MemoryBlobs()
    ports = {
      blobs,
      cache: null,
      handle: (handler, args) => runHandler(handler, args),
      models: MODELS,
      judge: new SessionJudge(),
      clock: SYSTEM_CLOCK,
      freshId: () => 'fresh'
    }
  })

  const run = (
    behaviour: (index: number) => 'good' | 'failed' | 'held' = () => 'good',
    isImpatient = true
  ) => {
    const stop = new AbortController()
    const fabric: SessionPorts['fabric'] = (emit) => {
      const made = new EchoFabric(blobs, emit, behaviour)
      made.onHeld = () => (isImpatient ? stop.abort() : undefined)
      return made
    }
    return runSession({ graph: GRAPH, inputs: {}, signal: stop.signal }, { ...ports, fabric })
  }
  const replay = (history: SessionHistory, graph = GRAPH) =>
    replaySession({ history, graph, inputs: {} }, ports)

  const ENDS: Readonly<Record<string, (index: number) => 'good' | 'failed' | 'held'>> = {
    succeeded: () => 'good',
    failed: (index) => (index === 1 ? 'failed' : 'good'),
    'was cancelled': (index) => (index === 2 ? 'held' : 'good')
  }
  for (const [what, behaviour] of Object.entries(ENDS)) {
    it(`comes to the same state hash for a session that ${what}`, async () => {
      const report = await replay(historyOf(await run(behaviour)))
      equal(report.difference, null)
      equal(report.equal, true)
    })
  }

  it('takes a unit that was cancelled because a later one failed for no failure of its own', async () => {
    const result = await run((index) => (index === 2 ? 'failed' : 'held'), false)
    equal(result.stop_reason, 'retry_exhausted')
    const report = await replay(historyOf(result))
    equal(report.difference, null)
  })

  it('names the unit of which the log knows nothing', async () => {
    const history = historyOf(await run())
    const [first] = history.units.keys()
    ok(first !== undefined)
    const units = new Map([...history.units].slice(1))
    const report = await replay({ ...history, units })
    equal(report.equal, false)
    equal(report.difference, `unit ${first} is not in the log`)
  })

  it('names the output that is gone, and the one that was put in its place', async () => {
    const result = await run()
    const history = historyOf(result)
    const [first] = history.units.keys()
    ok(first !== undefined)
    const forged = await blobs.put(encodeValue({ n: 9, text: 'forged' }))
    const units = new Map(history.units)
    const none = { attempts: 1, voided: [], outstanding: [], ended: null, escalatedTo: [] }
    units.set(first, { ...none, accepted: [acceptedOf(first, forged)] })
    const report = await replay({ ...history, units })
    ok(report.difference?.startsWith('/units/0/1: '), String(report.difference))
    blobs.held.delete(forged)
    const gone = await replay({ ...history, units })
    equal(gone.difference, `the output of unit ${first} is not in the store`)
  })

  it('names a recorded output that its schema does not take', async () => {
    const history = historyOf(await run())
    const [first] = history.units.keys()
    ok(first !== undefined)
    const bad = await blobs.put(encodeValue({ n: 'many' }))
    const units = new Map(history.units)
    const none = { attempts: 1, voided: [], outstanding: [], ended: null, escalatedTo: [] }
    units.set(first, { ...none, accepted: [acceptedOf(first, bad)] })
    const report = await replay({ ...history, units })
    equal(report.difference, `the output of unit ${first} is not what its schema asks for`)
  })

  it('names a graph that is not the one that ran', async () => {
    const history = historyOf(await run())
    const other = { ...GRAPH, graph_version: 2 }
    const report = await replay(history, other)
    ok(report.difference?.includes('make session'), String(report.difference))
  })

  it('refuses a session that has not ended', async () => {
    const history = { ...historyOf(await run()), closed: null }
    await rejects(
      replay(history),
      (error) => error instanceof MeshError && error.code === 'replay.not_recorded'
    )
  })

  it('keeps the state behind the hash, to compare part by part', async () => {
    const result = await run()
    const states = [...blobs.held.keys()].length
    await replay(historyOf(result))
    deepEqual([...blobs.held.keys()].length, states)
  })
})
