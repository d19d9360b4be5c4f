/**
 * Silero VAD, version 5: float32 samples at 16 kHz to one speech probability per window of 512. Each
 * window is seen with the 64 samples before it, and the model's memory is carried from window to
 * window; a run starts with an empty memory.
 */
import { float32Tensor } from '#contracts'
import {
  checkInputNames,
  checkTensor,
  type LoadedModel,
  modelFile,
  NO_TOKENS,
  type Runner
} from './runner.ts'
import type { Runtime, Session } from './runtime.ts'
import { float32Numbers, floats, floatsOf } from './tensors.ts'

const RATE_HZ = 16_000n
const WINDOW_SAMPLES = 512
const CONTEXT_SAMPLES = 64
const STATE_DIMS = [2, 1, 128] as const
const STATE_NUMBERS = 256
/** Often enough to follow, rarely enough to cost nothing. */
const PROGRESS_WINDOWS = 256

async function detect(
  session: Session,
  runtime: Runtime,
  samples: Float32Array,
  onProgress: ((share: number) => void) | undefined
): Promise<Float32Array> {
  const windows = Math.ceil(samples.length / WINDOW_SAMPLES)
  const probabilities = new Float32Array(windows)
  const rate = runtime.tensor('int64', BigInt64Array.of(RATE_HZ), [])
  let state: Float32Array = new Float32Array(STATE_NUMBERS)
  for (let window = 0; window < windows; window++) {
    const start = window * WINDOW_SAMPLES
    const frame = new Float32Array(CONTEXT_SAMPLES + WINDOW_SAMPLES)
    const from = Math.max(0, start - CONTEXT_SAMPLES)
    frame.set(samples.subarray(from, start + WINDOW_SAMPLES), CONTEXT_SAMPLES - (start - from))
    const results = await session.run({
      input: floats(runtime, frame, [1, frame.length]),
      state: floats(runtime, state, STATE_DIMS),
      sr: rate
    })
    probabilities[window] = floatsOf(results['output'], 'output')[0] ?? 0
    state = floatsOf(results['stateN'], 'stateN')
    if (window % PROGRESS_WINDOWS === PROGRESS_WINDOWS - 1) onProgress?.(window / windows)
  }
  return probabilities
}

export const sileroVadRunner: Runner = {
  async load(_manifest, files, runtime): Promise<LoadedModel> {
    const session = await runtime.createSession(modelFile(files, 'model.onnx').source)
    return {
      async run(inputs, _limits, onProgress) {
        checkInputNames(inputs, ['samples'])
        const samples = checkTensor('samples', inputs['samples'], 'float32', [1, null])
        const numbers = float32Numbers(samples)
        const probabilities = await detect(session, runtime, numbers, onProgress)
        return {
          outputs: { probabilities: float32Tensor([probabilities.length], probabilities) },
          usage: NO_TOKENS
        }
      },
      release: () => session.release()
    }
  }
}
