/**
 * From one speech probability per window to chunks worth transcribing: hysteresis between two
 * thresholds as in Silero's own `get_speech_timestamps`, then a cut of what is
 * too long at its quietest window, joining of near neighbours, and padding. Knows nothing of audio but its length.
 */

/** Silero VAD version 5 judges 512 samples at 16 kHz at a time. */
export const WINDOW_SAMPLES = 512
const SAMPLES_PER_MS = 16

export const SPEECH_DEFAULTS = {
  /** Silero's own defaults for the two thresholds and the shortest speech. */
  threshold: 0.5,
  threshold_end: 0.35,
  speech_ms_min: 250,
  /** A pause between words is shorter than a pause between phrases: measured on read speeches. */
  silence_ms_min: 300,
  /**
   * Soft consonants at both ends lie under the threshold, and the recogniser wants a little quiet
   * around speech: with 300 ms it misheard words of our sample that it gets right from 350 on.
   */
  pad_ms: 400,
  /** The recogniser was trained on short clips and loses words in long ones. */
  chunk_ms_max: 15_000,
  /** Phrases closer than this share a chunk: context helps the recogniser more than a cut does. */
  merge_gap_ms: 1_000
} as const

export type SpeechSettings = { readonly [K in keyof typeof SPEECH_DEFAULTS]: number }

/** In samples; `end` is the first sample after the chunk. */
export interface SpeechChunk {
  readonly start: number
  readonly end: number
}

/** Chunks in order, apart from each other, inside [0, samples]; silence yields none. */
export function segmentSpeech(
  probabilities: Float32Array,
  samples: number,
  settings: SpeechSettings
): SpeechChunk[] {
  const speech = findSpeech(probabilities, samples, settings)
  const whole = speech.flatMap((piece) => splitLong(piece, probabilities, settings))
  return padEach(mergeNear(whole, settings), samples, settings)
}

function findSpeech(
  probabilities: Float32Array,
  samples: number,
  settings: SpeechSettings
): SpeechChunk[] {
  const silenceMin = settings.silence_ms_min * SAMPLES_PER_MS
  const speechMin = settings.speech_ms_min * SAMPLES_PER_MS
  const found: SpeechChunk[] = []
  let start = -1
  let quietSince = -1
  const close = (end: number): void => {
    if (end - start >= speechMin) found.push({ start, end })
    start = -1
    quietSince = -1
  }
  probabilities.forEach((probability, window) => {
    const at = window * WINDOW_SAMPLES
    if (probability >= settings.threshold) {
      quietSince = -1
      if (start < 0) start = at
    } else if (probability < settings.threshold_end && start >= 0) {
      if (quietSince < 0) quietSince = at
      if (at - quietSince >= silenceMin) close(quietSince)
    }
  })
  if (start >= 0) close(samples)
  return found
}

/** Cuts at the window of lowest probability in the second half of what still fits. */
function splitLong(
  piece: SpeechChunk,
  probabilities: Float32Array,
  settings: SpeechSettings
): SpeechChunk[] {
  const longest = (settings.chunk_ms_max - 2 * settings.pad_ms) * SAMPLES_PER_MS
  const parts: SpeechChunk[] = []
  let start = piece.start
  while (piece.end - start > longest) {
    const first = Math.ceil((start + longest / 2) / WINDOW_SAMPLES)
    const last = Math.floor((start + longest) / WINDOW_SAMPLES)
    let best = last
    for (let window = last; window >= first; window--) {
      if ((probabilities[window] ?? 1) < (probabilities[best] ?? 1)) best = window
    }
    const cut = best * WINDOW_SAMPLES
    parts.push({ start, end: cut })
    start = cut
  }
  parts.push({ start, end: piece.end })
  return parts
}

/** Pads both sides; two neighbours share a gap that is too short for both. */
function padEach(pieces: SpeechChunk[], samples: number, settings: SpeechSettings): SpeechChunk[] {
  const pad = settings.pad_ms * SAMPLES_PER_MS
  return pieces.map((piece, index) => {
    const before = pieces[index - 1]
    const after = pieces[index + 1]
    const room = before === undefined ? pad : Math.floor((piece.start - before.end) / 2)
    const roomAfter = after === undefined ? pad : Math.floor((after.start - piece.end) / 2)
    return {
      start: Math.max(0, piece.start - Math.min(pad, room)),
      end: Math.min(samples, piece.end + Math.min(pad, roomAfter))
    }
  })
}

function mergeNear(pieces: readonly SpeechChunk[], settings: SpeechSettings): SpeechChunk[] {
  const gapMax = settings.merge_gap_ms * SAMPLES_PER_MS
  const longest = (settings.chunk_ms_max - 2 * settings.pad_ms) * SAMPLES_PER_MS
  const merged: SpeechChunk[] = []
  for (const piece of pieces) {
    const last = merged.at(-1)
    if (
      last !== undefined &&
      piece.start - last.end < gapMax &&
      piece.end - last.start <= longest
    ) {
      merged[merged.length - 1] = { start: last.start, end: piece.end }
    } else {
      merged.push(piece)
    }
  }
  return merged
}
