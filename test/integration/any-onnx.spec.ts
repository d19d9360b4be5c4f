/**
 * The example any-onnx as its README says: a model is added by one command, and the graph runs it
 * over the rows of a file, here and on a mesh; and the same graph over ONNX's own operator cases.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { agree, Tensor } from '#contracts'
import { describeOnnx, parseGraph, readGraph, Studio } from '#control'
import { readNpy } from '../../control/handlers/npy.ts'
import { fewer } from '../support/long.ts'
import { readOnnxTensor } from '../support/onnx-tensors.ts'
import { type CommandResult, nodesBelow, runCommand } from '../support/run-command.ts'

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const GRAPH = at('examples/any-onnx/graph.yaml')
const ROWS = at('examples/any-onnx/points.npy')
const MODEL = at('examples/any-onnx/nearest-corner.onnx')
const CORNERS = [
  [1, 0],
  [-0.5, 0.75],
  [-0.5, -0.75]
] as const

const Document = z.object({
  outputs: z.object({
    result: z.object({ shape: z.array(z.number()), data: z.array(z.number()) })
  }),
  units: z.array(z.object({ task: z.string(), status: z.string(), node: z.string().nullable() })),
  state_hash: z.string()
})

/** The corner that each row of the shipped file is nearest to, by plain arithmetic. */
function nearestCorners(): readonly number[] {
  const { data, shape } = readNpy(new Uint8Array(readFileSync(ROWS)))
  const numbers = new Float32Array(data.buffer, data.byteOffset, data.length / 4)
  return Array.from({ length: shape[0] ?? 0 }, (_, row) => {
    const [x = 0, y = 0] = numbers.subarray(row * 2, row * 2 + 2)
    return largest(CORNERS.map(([left, top]) => -((x - left) ** 2) - (y - top) ** 2))
  })
}

const largest = (numbers: readonly number[]): number => numbers.indexOf(Math.max(...numbers))

const classesOf = (data: readonly number[]): readonly number[] =>
  Array.from({ length: data.length / 3 }, (_, row) => largest(data.slice(row * 3, row * 3 + 3)))

describe('the example any-onnx', function () {
  this.timeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), 'kora-any-onnx-'))
  const kora = (...args: string[]): Promise<CommandResult> =>
    runCommand('bin/kora.js', [...args, '--data', join(folder, 'data')])

  async function answered(...args: string[]): Promise<z.infer<typeof Document>> {
    const { code, out, err } = await kora(...args, GRAPH, '--input', `rows=${ROWS}`, '--json')
    equal(code, 0, err)
    return Document.parse(JSON.parse(out))
  }

  before(async () => {
    const { code, out, err } = await kora('models', 'add', MODEL, '--name', 'my-model')
    equal(code, 0, err)
    match(out, /input {2}x: float32\[\?, 2\]\n {2}output y: float32\[\?, 3\]\n {2}1 golden vectors/)
  })
  after(async () => {
    deepEqual(await nodesBelow(folder), [])
    rmSync(folder, { recursive: true, force: true })
  })

  it('gives every row of the shipped file its nearest corner, in four units', async () => {
    const { outputs, units } = await answered('studio', 'run')
    deepEqual(outputs.result.shape, [200, 3])
    deepEqual(classesOf(outputs.result.data), nearestCorners())
    equal(units.filter(({ task }) => task === 'run').length, 4)
  })

  it('gives the same on a mesh, where nodes first reproduce the golden vectors', async () => {
    const { outputs, units } = await answered('run', '--local-nodes', '2')
    deepEqual(classesOf(outputs.result.data), nearestCorners())
    const run = units.filter(({ task }) => task === 'run')
    ok(run.length === 4 && run.every(({ status, node }) => status === 'success' && node !== 'kora'))
  })
})

/** Cases with one float32 tensor in and one out; onnx-operators.spec.ts runs all of them. */
const OPERATORS = [
  'test_sin',
  'test_softmax_default_axis',
  'test_globalaveragepool_precomputed',
  'test_depthtospace_example',
  'test_operator_convtranspose',
  'test_elu_example_expanded_ver18'
] as const

describe('the graph of any-onnx over the ONNX operator cases', function () {
  this.timeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), 'kora-operators-'))
  let studio: Studio

  before(async () => {
    studio = await Studio.open({ dataDir: folder, slots: 1 })
  })
  after(async () => {
    await studio.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const caseTensor = (name: string, file: string): Tensor =>
    readOnnxTensor(readFileSync(at(`test/fixtures/onnx/${name}/test_data_set_0/${file}.pb`))).tensor

  /** The shipped graph, with what its README says to change for another model changed. */
  function graphFor(
    name: string,
    input: Tensor,
    ports: { readonly in: string; readonly out: string }
  ) {
    const graph = readGraph(readFileSync(GRAPH))
    return parseGraph({
      ...graph,
      tasks: graph.tasks.map((task) => {
        if (task.id === 'load') {
          const { dtype, shape } = input
          return { ...task, input: { file: { $input: 'rows' }, format: 'raw', dtype, shape } }
        }
        if (task.id === 'run')
          return { ...task, model: name, input: { [ports.in]: { $item: true } } }
        return task.id === 'result'
          ? { ...task, input: { tensors: { $task: 'run' }, key: ports.out } }
          : task
      })
    })
  }

  for (const name of fewer(OPERATORS, 2)) {
    it(`gives the outputs of ${name}`, async () => {
      const input = caseTensor(name, 'input_0')
      const described = await describeOnnx({
        path: at(`test/fixtures/onnx/${name}/model.onnx`),
        name,
        licence: 'Apache-2.0',
        engine: studio.engine
      })
      const { manifest } = await studio.registry.add(described)
      const ports = { in: manifest.inputs[0]?.name ?? '', out: manifest.outputs[0]?.name ?? '' }
      const result = await studio.run({
        graph: graphFor(name, input, ports),
        inputs: { rows: input.data }
      })
      equal(result.error, null)
      const got = result.outputs['result']
      const rule = { level: 'numeric', rtol: 0, atol: 1e-5 } as const
      const wanted = caseTensor(name, 'output_0')
      ok(got instanceof Tensor)
      equal(
        agree(
          rule,
          { cid: 'got', value: { y: got }, backendClass: 'here' },
          { cid: 'wanted', value: { y: wanted }, backendClass: 'standard' }
        ),
        'agree'
      )
    })
  }
})
