/**
 * Moonshine: speech to text by an encoder and an autoregressive decoder with a key-value cache.
 * Greedy: the largest logit wins, the first of equals, so equal logits give equal text. Stops at the
 * end token, at six tokens a second of audio, or at the caller's limit, whichever comes first.
 */
import { MeshError, MODEL_TOKENS_MAX, Tensor } from '#contracts'
import {
  checkInputNames,
  checkTensor,
  type LoadedModel,
  modelFile,
  type OnProgress,
  type Runner,
  setting
} from './runner.ts'
import type { Runtime, RuntimeTensor, Session } from './runtime.ts'
import { floats, floatsOf, toRuntime } from './tensors.ts'

const RATE_HZ = 16_000
const START_TOKEN = 1
const END_TOKEN = 2
/** Faster speech than this is a loop of the decoder; the model's authors set the same bound. */
const TOKENS_PER_SECOND = 6
/** The encoder's convolutions need this much sound to make one frame. */
const SAMPLES_MIN = 1_600

interface Decoder {
  readonly session: Session
  readonly pastNames: readonly string[]
  readonly heads: number
  readonly headSize: number
}

function decoderOf(session: Session): Decoder {
  const pasts = session.inputs.filter((port) => port.name.startsWith('past_key_values.'))
  const [, heads, , headSize] = pasts[0]?.shape ?? []
  if (typeof heads !== 'number' || typeof headSize !== 'number') {
    throw new MeshError('model.unsupported', { port: 'past_key_values', type: 'absent' })
  }
  return { session, pastNames: pasts.map((port) => port.name), heads, headSize }
}

function argmax(logits: Float32Array): number {
  let best = 0
  for (let index = 1; index < logits.length; index++) {
    if ((logits[index] ?? 0) > (logits[best] ?? 0)) best = index
  }
  return best
}

/** Keys and values after a step: the encoder's are kept from the first one. */
function nextPast(
  past: Readonly<Record<string, RuntimeTensor>>,
  results: Readonly<Record<string, RuntimeTensor>>,
  isFirst: boolean
): Record<string, RuntimeTensor> {
  const next: Record<string, RuntimeTensor> = {}
  for (const [name, kept] of Object.entries(past)) {
    const present = results[name.replace('past_key_values.', 'present.')]
    next[name] = isFirst || name.includes('.decoder.') ? (present ?? kept) : kept
  }
  return next
}

async function decode(
  decoder: Decoder,
  runtime: Runtime,
  hidden: RuntimeTensor,
  tokensMax: number,
  onProgress: OnProgress | undefined
): Promise<number[]> {
  const empty = floats(runtime, new Float32Array(0), [0, decoder.heads, 1, decoder.headSize])
  let past: Record<string, RuntimeTensor> = {}
  for (const name of decoder.pastNames) past[name] = empty
  const tokens: number[] = []
  let last = START_TOKEN
  for (let step = 0; step < tokensMax; step++) {
    const results = await decoder.session.run({
      ...past,
      input_ids: runtime.tensor('int64', BigInt64Array.of(BigInt(last)), [1, 1]),
      encoder_hidden_states: hidden,
      use_cache_branch: runtime.tensor('bool', Uint8Array.of(step > 0 ? 1 : 0), [1])
    })
    last = argmax(floatsOf(results['logits'], 'logits'))
    if (last === END_TOKEN) break
    tokens.push(last)
    past = nextPast(past, results, step === 0)
    onProgress?.((step + 1) / tokensMax)
  }
  return tokens
}

export const moonshineRunner: Runner = {
  async load(manifest, files, runtime): Promise<LoadedModel> {
    const encoder = await runtime.createSession(modelFile(files, 'encoder.onnx').source)
    const session = await runtime.createSession(modelFile(files, 'decoder.onnx').source)
    const decoder = decoderOf(session)
    // Half a megabyte of vocabulary that no other model needs.
    const { default: tokenizer } = await import('llama-tokenizer-js')
    const secondsMax = setting(manifest, 'seconds_max', 60)
    return {
      async run(inputs, limits, onProgress) {
        checkInputNames(inputs, ['samples'])
        const samples = checkTensor('samples', inputs['samples'], 'float32', [1, null])
        const length = samples.shape[1] ?? 0
        if (length < SAMPLES_MIN || length > secondsMax * RATE_HZ) {
          const expected = `${SAMPLES_MIN} to ${secondsMax * RATE_HZ} samples at 16 kHz`
          throw new MeshError('model.input_invalid', { input: 'samples', length, expected })
        }
        const bySpeed = Math.trunc((length / RATE_HZ) * TOKENS_PER_SECOND)
        const tokensMax = Math.max(1, Math.min(bySpeed, limits.max_tokens, MODEL_TOKENS_MAX))
        const encoded = await encoder.run({ input_values: toRuntime(runtime, samples) })
        const hidden = encoded['last_hidden_state']
        if (hidden === undefined) throw new MeshError('model.unsupported', { port: 'hidden' })
        const tokens = await decode(decoder, runtime, hidden, tokensMax, onProgress)
        const text = tokenizer.decode([START_TOKEN, ...tokens]).trim()
        const ids = new Uint8Array(Int32Array.from(tokens).buffer)
        return {
          outputs: { text, tokens: new Tensor('int32', [tokens.length], ids) },
          usage: { tokens_in: hidden.dims[1] ?? 0, tokens_out: tokens.length }
        }
      },
      async release() {
        await encoder.release()
        await session.release()
      }
    }
  }
}
