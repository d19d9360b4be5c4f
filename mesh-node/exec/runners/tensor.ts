/**
 * Runs any ONNX model as it is: tensors in, tensors out, by the names of its own signature. Refuses
 * models with sequences, maps or optional values, and inputs that do not fit the signature.
 */
import type { ValueMap } from '#contracts'
import {
  checkInputNames,
  checkTensor,
  type LoadedModel,
  modelFile,
  NO_TOKENS,
  type Runner,
  type RunOutcome
} from './runner.ts'
import type { Port, Runtime, RuntimeTensor, Session } from './runtime.ts'
import { fromRuntime, toRuntime } from './tensors.ts'

/** The runtime reports a shape that is not stated as an empty one: both take any rank there. */
function checkPort(port: Port, inputs: ValueMap): ReturnType<typeof checkTensor> {
  const value = inputs[port.name]
  const isOpen = port.shape.length === 0
  const shape = isOpen && value !== undefined ? anyShape(value) : port.shape
  return checkTensor(port.name, value, port.dtype, shape)
}

function anyShape(value: ValueMap[string]): null[] {
  const isShaped = typeof value === 'object' && value !== null && 'shape' in value
  return isShaped && Array.isArray(value.shape) ? value.shape.map(() => null) : []
}

async function runSession(
  session: Session,
  runtime: Runtime,
  inputs: ValueMap
): Promise<RunOutcome> {
  checkInputNames(
    inputs,
    session.inputs.map((port) => port.name)
  )
  const feeds: Record<string, RuntimeTensor> = {}
  for (const port of session.inputs) feeds[port.name] = toRuntime(runtime, checkPort(port, inputs))
  const results = await session.run(feeds)
  const outputs: Record<string, ValueMap[string]> = {}
  for (const port of session.outputs) {
    const result = results[port.name]
    if (result !== undefined) outputs[port.name] = fromRuntime(port.dtype, result)
  }
  return { outputs, usage: NO_TOKENS }
}

export const tensorRunner: Runner = {
  async load(manifest, files, runtime): Promise<LoadedModel> {
    const name = manifest.files[0]?.name ?? 'model.onnx'
    const session = await runtime.createSession(modelFile(files, name).source)
    return {
      run: (inputs) => runSession(session, runtime, inputs),
      release: () => session.release()
    }
  }
}
