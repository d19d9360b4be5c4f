/**
 * Draws inputs that fit a signature, from a seed: the same model file gives the same inputs
 * everywhere. Chooses plain numbers; it cannot know what a model means by them.
 */
import {
  DTYPE_BYTES,
  type Dtype,
  encodeCanonical,
  Tensor,
  tensorBytes,
  type ValueMap
} from '#contracts'
import type { Signature } from '#mesh-node/exec'

/** Sizes tried for open axes, the first axis excepted, which is a batch of one. */
export const DRAWN_SIZES = [8, 1, 32, 64, 224] as const

/** Marsaglia's xorshift32 (2003): good enough to tell right outputs from wrong ones. */
class Draw {
  #state: number

  constructor(seed: Uint8Array) {
    const view = new DataView(seed.buffer, seed.byteOffset, seed.byteLength)
    this.#state = view.getUint32(0) || 1
  }

  /** In [0, 1). */
  next(): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state / 2 ** 32
  }
}

/** Half-precision bits of a few plain numbers: 0, 0.25, 0.5, 1, -0.5, -1. */
const HALVES = [0x0000, 0x3400, 0x3800, 0x3c00, 0xb800, 0xbc00] as const

/** Integers are 0 and 1: valid as indices, counts and flags alike. */
function writeDrawn(view: DataView, offset: number, dtype: Dtype, draw: number): void {
  if (dtype === 'float32') view.setFloat32(offset, 2 * draw - 1, true)
  else if (dtype === 'float64') view.setFloat64(offset, 2 * draw - 1, true)
  else if (dtype === 'float16') {
    view.setUint16(offset, HALVES[Math.floor(draw * HALVES.length)] ?? 0, true)
  } else view.setUint8(offset, draw < 0.5 ? 0 : 1)
}

function drawTensor(dtype: Dtype, shape: readonly number[], draw: Draw): Tensor {
  if (dtype === 'string') {
    const elements = shape.reduce((product, size) => product * size, 1)
    const words = Array.from({ length: elements }, () => (draw.next() < 0.5 ? 'a' : 'b'))
    return new Tensor('string', shape, encodeCanonical(words))
  }
  const data = new Uint8Array(tensorBytes(dtype, shape))
  const view = new DataView(data.buffer)
  for (let offset = 0; offset < data.length; offset += DTYPE_BYTES[dtype]) {
    writeDrawn(view, offset, dtype, draw.next())
  }
  return new Tensor(dtype, shape, data)
}

/** One value for each input; open axes get `size`, an open first axis 1. */
export function drawInputs(ports: Signature['inputs'], size: number, seed: Uint8Array): ValueMap {
  const draw = new Draw(seed)
  const inputs: Record<string, Tensor> = {}
  for (const { name, dtype, shape } of ports) {
    const drawn = shape.map((given, axis) => given ?? (axis === 0 ? 1 : size))
    inputs[name] = drawTensor(dtype, drawn, draw)
  }
  return inputs
}
