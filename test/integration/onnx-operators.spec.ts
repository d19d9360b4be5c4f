/** ONNX's own operator cases through the tensor runner: every one gives the outputs of the standard. */
import { equal, ok } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { agree, type Value, type ValueMap } from '#contracts'
import { nodeRuntime } from '../../mesh-node/exec/ort-node.ts'
import { tensorRunner } from '../../mesh-node/exec/runners/tensor.ts'
import { tensorManifest } from '../support/models.ts'
import { readOnnxTensor } from '../support/onnx-tensors.ts'

const FOLDER = fileURLToPath(new URL('../fixtures/onnx/', import.meta.url))
/** Twice the largest error that index.csv holds for its case, and no less than this. */
const ATOL_MIN = 1e-6

interface Case {
  readonly name: string
  readonly maxAbsError: number
}

const CASES: readonly Case[] = readFileSync(join(FOLDER, 'index.csv'), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split(','))
  .filter((columns) => columns[6] === 'pass')
  .map((columns) => ({ name: columns[0] ?? '', maxAbsError: Number(columns[7]) }))

/** Tensors of a data set by their place; the files name inputs and outputs by number. */
function tensorsOf(folder: string, kind: 'input' | 'output'): Value[] {
  const files = readdirSync(folder).filter((file) => file.startsWith(`${kind}_`))
  return files
    .sort((a, b) => Number(a.match(/\d+/)?.[0]) - Number(b.match(/\d+/)?.[0]))
    .map((file) => readOnnxTensor(readFileSync(join(folder, file))).tensor)
}

function named(names: readonly string[], tensors: readonly Value[]): ValueMap {
  return Object.fromEntries(tensors.map((tensor, index) => [names[index] ?? '', tensor]))
}

describe('ONNX operator cases', () => {
  const runtime = nodeRuntime({ provider: 'cpu', threads: 1 })

  it('sees all sixty cases', () => {
    equal(CASES.length, 60)
  })

  for (const { name, maxAbsError } of CASES) {
    it(`gives the outputs of ${name}`, async () => {
      const bytes = readFileSync(join(FOLDER, name, 'model.onnx'))
      const session = await runtime.createSession(bytes)
      const files = { 'model.onnx': { source: bytes, read: () => Promise.resolve(bytes) } }
      const model = await tensorRunner.load(tensorManifest(name, bytes), files, runtime)
      const rule = { level: 'numeric', rtol: 0, atol: Math.max(ATOL_MIN, 2 * maxAbsError) } as const
      const folder = join(FOLDER, name, 'test_data_set_0')
      const inputs = named(
        session.inputs.map((port) => port.name),
        tensorsOf(folder, 'input')
      )
      const wanted = named(
        session.outputs.map((port) => port.name),
        tensorsOf(folder, 'output')
      )
      const { outputs } = await model.run(inputs, { max_tokens: 0 })
      const verdict = agree(
        rule,
        { cid: 'got', value: outputs, backendClass: 'here' },
        { cid: 'wanted', value: wanted, backendClass: 'standard' }
      )
      ok(verdict === 'agree', `${name}: outputs differ from the standard's`)
      await model.release()
      await session.release()
    })
  }
})
