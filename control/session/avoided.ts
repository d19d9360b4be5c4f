/**
 * Model calls that were not made, each with its reason. Counted are three things and no others:
 *
 * 1. a task or part answered by a deterministic handler, where a graph without handlers would have
 *    asked a model: one call each;
 * 2. a unit answered from the cache of finished work: one call each, replicas not counted;
 * 3. silence: chunks of the largest size that a recording would have been cut into blindly, less the
 *    chunks of speech that were found.
 *
 * What a large model alone would have needed for the same job is not known and not guessed.
 */
import { isValueList, isValueMap, type Value } from '#contracts'

export interface Avoided {
  readonly calls: number
  readonly because: readonly string[]
}

/** Collects reasons as a session runs. */
export class AvoidedCalls {
  readonly #handlers = new Map<string, { handler: string; runs: number }>()
  readonly #cached = new Map<string, number>()
  #silent = 0
  readonly #silentBecause: string[] = []

  handled(task: string, handler: string, args: Value, result: Value): void {
    const known = this.#handlers.get(task) ?? { handler, runs: 0 }
    this.#handlers.set(task, { handler, runs: known.runs + 1 })
    if (handler === 'audio.segment-speech') this.#silence(task, args, result)
  }

  cached(task: string): void {
    this.#cached.set(task, (this.#cached.get(task) ?? 0) + 1)
  }

  total(): Avoided {
    const handlers = [...this.#handlers]
    const cached = [...this.#cached]
    const calls =
      handlers.reduce((sum, [, { runs }]) => sum + runs, 0) +
      cached.reduce((sum, [, units]) => sum + units, 0) +
      this.#silent
    const because = [
      ...handlers.map(([task, { handler, runs }]) => `${task}: ${runs} by handler ${handler}`),
      ...cached.map(([task, units]) => `${task}: ${units} taken from finished work`),
      ...this.#silentBecause
    ]
    return { calls, because }
  }

  #silence(task: string, args: Value, result: Value): void {
    if (!isValueMap(result) || !isValueMap(args)) return
    const chunks = result['chunks']
    const speechMs = result['speech_ms']
    const samples = args['samples']
    if (!isValueList(chunks) || typeof speechMs !== 'number' || !isTensorLike(samples)) return
    const totalMs = (samples.shape.at(-1) ?? 0) / SAMPLES_PER_MS
    const given = args['chunk_ms_max']
    const chunkMs = typeof given === 'number' ? given : CHUNK_MS
    const dropped = Math.max(0, Math.ceil(totalMs / chunkMs) - chunks.length)
    const silentMs = Math.round(totalMs - speechMs)
    this.#silent += dropped
    this.#silentBecause.push(
      `${task}: ${silentMs} ms of ${Math.round(totalMs)} ms are silence and reach no large model (${dropped} calls)`
    )
  }
}

/** Speech is segmented at 16 kHz. */
const SAMPLES_PER_MS = 16
/** The longest chunk of `audio.segment-speech` where its task does not say. */
const CHUNK_MS = 15_000

const isTensorLike = (value: Value | undefined): value is Extract<Value, { dtype: string }> =>
  typeof value === 'object' && value !== null && 'shape' in value && 'dtype' in value
