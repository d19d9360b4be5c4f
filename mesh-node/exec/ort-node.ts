/**
 * ONNX Runtime for Node behind the runners' port. Loaded in executor children alone: a run blocks
 * its thread, and a native fault takes its process along.
 */
import './no-telemetry.ts'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { OPTIMISATION_LEVEL } from './backend-class.ts'
import type { Provider } from './protocol.ts'
import {
  type OrtSession,
  type Runtime,
  type RuntimeTensor,
  runtimeOf,
  type TensorData
} from './runners/runtime.ts'

interface OrtNodeOptions {
  readonly provider: Provider
  readonly threads: number
}

/** A runtime with one provider; memory is returned after each run instead of kept in an arena. */
export function nodeRuntime(options: OrtNodeOptions): Runtime {
  const sessionOptions: InferenceSession.SessionOptions = {
    executionProviders: [options.provider],
    graphOptimizationLevel: OPTIMISATION_LEVEL,
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3
  }
  return runtimeOf({
    create: (source): Promise<OrtSession> =>
      typeof source === 'string'
        ? InferenceSession.create(source, sessionOptions)
        : InferenceSession.create(source, sessionOptions),
    tensor: (type, data, dims) =>
      type === 'float16' ? halfTensor(data, dims) : Reflect.construct(Tensor, [type, data, dims])
  })
}

/**
 * The runtime's Tensor turns half-precision bits into a Float16Array where the engine has one, which
 * its native part (1.30) then reads as empty. The native part takes the bits themselves.
 */
function halfTensor(data: TensorData, dims: readonly number[]): RuntimeTensor {
  return { type: 'float16', dims, data, location: 'cpu' }
}
