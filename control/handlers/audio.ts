/**
 * Sound, without a model: decode to 16 kHz mono, cut into blocks for voice activity detection, turn
 * speech probabilities into chunks, join the chunk texts. Silence yields no chunk, so that it never
 * costs a call of the large model. Does not recognise anything.
 */
import { isValueMap, type Value } from '#contracts'
import { Arguments, float32Of, type Handler, samplesTensor } from './handler.ts'
import { resample } from './resample.ts'
import { SPEECH_DEFAULTS, segmentSpeech, WINDOW_SAMPLES } from './speech.ts'
import { readWav } from './wav.ts'

/** What Silero VAD and Moonshine were trained on. */
const RATE_HZ = 16_000
const SAMPLES_PER_MS = RATE_HZ / 1_000

const decode: Handler = {
  version: 1,
  summary: '{file: WAV bytes} → {samples: float32 [1, n] at 16 kHz, rate_hz, duration_ms, …}',
  run(args, context) {
    const given = new Arguments('audio.decode', args, ['file'])
    const wav = readWav(given.bytes('file'), context.audioDurationMsMax)
    const samples = resample(wav.samples, wav.rateHz, RATE_HZ)
    return {
      samples: samplesTensor(samples),
      rate_hz: RATE_HZ,
      duration_ms: Math.round(samples.length / SAMPLES_PER_MS),
      source_rate_hz: wav.rateHz,
      source_channels: wav.channels
    }
  }
}

/**
 * Blocks are whole windows long, so that windows of consecutive blocks join without a seam. The
 * detector's memory starts afresh in each block; 30 s is hundreds of times that memory.
 */
const blocks: Handler = {
  version: 1,
  summary: '{samples, block_ms?} → {blocks: float32 [1, n] each, starts_ms}; at most 30 s each',
  run(args) {
    const given = new Arguments('audio.blocks', args, ['samples', 'block_ms'])
    const samples = given.samples('samples')
    const blockMs = given.integer('block_ms', { min: 1_000, max: 30_000, fallback: 30_000 })
    const windows = Math.floor((blockMs * SAMPLES_PER_MS) / WINDOW_SAMPLES)
    const size = windows * WINDOW_SAMPLES
    const starts: number[] = []
    const parts: Value[] = []
    for (let start = 0; start < samples.length; start += size) {
      starts.push(start / SAMPLES_PER_MS)
      parts.push(samplesTensor(samples.slice(start, start + size)))
    }
    return { blocks: parts, starts_ms: starts }
  }
}

/** Probabilities come as one tensor, or as one tensor or model output for each block. */
function readProbabilities(given: Arguments): Float32Array {
  const value = given.value('probabilities')
  const items = Array.isArray(value) ? given.list('probabilities') : [value]
  const parts = items.map((item) => {
    const inner = isValueMap(item) ? (item['probabilities'] ?? null) : item
    return float32Of(given.asTensor('probabilities', inner, 'float32'))
  })
  const joined = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

const segment: Handler = {
  version: 1,
  summary:
    '{samples, probabilities, …thresholds?} → {chunks: [{start_ms, end_ms}], audio: float32 [1, n] each, speech_ms}',
  run(args) {
    const keys = ['samples', 'probabilities', ...Object.keys(SPEECH_DEFAULTS)]
    const given = new Arguments('audio.segment-speech', args, keys)
    const samples = given.samples('samples')
    const probabilities = readProbabilities(given)
    const windows = Math.ceil(samples.length / WINDOW_SAMPLES)
    if (probabilities.length !== windows) {
      throw given.fault('probabilities', `${windows} windows of ${WINDOW_SAMPLES} samples`)
    }
    const time = (key: keyof typeof SPEECH_DEFAULTS, min: number, max: number): number =>
      given.number(key, { min, max, fallback: SPEECH_DEFAULTS[key] })
    const found = segmentSpeech(probabilities, samples.length, {
      threshold: time('threshold', 0.01, 1),
      threshold_end: time('threshold_end', 0, 1),
      speech_ms_min: time('speech_ms_min', 0, 10_000),
      silence_ms_min: time('silence_ms_min', 0, 10_000),
      pad_ms: time('pad_ms', 0, 1_000),
      chunk_ms_max: time('chunk_ms_max', 1_000, 30_000),
      merge_gap_ms: time('merge_gap_ms', 0, 10_000)
    })
    return {
      chunks: found.map(({ start, end }) => ({
        start_ms: Math.round(start / SAMPLES_PER_MS),
        end_ms: Math.round(end / SAMPLES_PER_MS)
      })),
      audio: found.map(({ start, end }) => samplesTensor(samples.slice(start, end))),
      speech_ms: Math.round(found.reduce((sum, c) => sum + c.end - c.start, 0) / SAMPLES_PER_MS)
    }
  }
}

const join: Handler = {
  version: 1,
  summary: '{chunks, texts: text or {text} each} → {text, segments: [{start_ms, end_ms, text}]}',
  run(args) {
    const given = new Arguments('transcript.join', args, ['chunks', 'texts'])
    const texts = given.list('texts')
    const chunks = given.list('chunks')
    if (texts.length !== chunks.length) throw given.fault('texts', `${chunks.length} texts`)
    const segments = chunks.map((chunk, index) => {
      const item = texts[index] ?? null
      const text = isValueMap(item) ? item['text'] : item
      if (typeof text !== 'string') throw given.fault('texts', 'text or {text} each')
      const start = isValueMap(chunk) ? chunk['start_ms'] : undefined
      const end = isValueMap(chunk) ? chunk['end_ms'] : undefined
      if (typeof start !== 'number' || typeof end !== 'number') {
        throw given.fault('chunks', '{start_ms, end_ms} each')
      }
      return { start_ms: start, end_ms: end, text: text.replace(/\s+/g, ' ').trim() }
    })
    const spoken = segments.filter(({ text }) => text !== '')
    return { text: spoken.map(({ text }) => text).join(' '), segments }
  }
}

export const AUDIO_HANDLERS = {
  'audio.blocks': blocks,
  'audio.decode': decode,
  'audio.segment-speech': segment,
  'transcript.join': join
} as const satisfies Record<string, Handler>
