/**
 * Pixels for the page models: resizes an RGB picture and lays it out as the networks want it, planes
 * of blue, green and red, normalised. Resizing is a triangle filter that widens when it shrinks, in
 * plain arithmetic, so that two machines feed a model equal numbers.
 */

import type { Value } from '#contracts'
import { MeshError, type Tensor } from '#contracts'
import { checkTensor } from './runner.ts'

export interface Picture {
  readonly width: number
  readonly height: number
  /** RGB, three bytes a pixel. */
  readonly data: Uint8Array
}

/** One input as a picture: uint8 [height, width, 3]. */
export function pictureOf(input: string, value: Value | undefined): Picture {
  const tensor: Tensor = checkTensor(input, value, 'uint8', [null, null, 3])
  const [height = 0, width = 0] = tensor.shape
  if (height === 0 || width === 0) {
    throw new MeshError('model.wrong_shape', {
      input,
      shape: tensor.shape.join('x'),
      expected: 'one pixel or more'
    })
  }
  return { width, height, data: tensor.data }
}

interface Taps {
  readonly first: Int32Array
  readonly counts: Int32Array
  readonly weights: Float64Array
  readonly stride: number
}

/** For each target position: which source positions count, and how much. */
function tapsOf(source: number, target: number): Taps {
  const scale = source / target
  const support = Math.max(1, scale)
  const stride = Math.ceil(support) * 2 + 1
  const first = new Int32Array(target)
  const counts = new Int32Array(target)
  const weights = new Float64Array(target * stride)
  for (let at = 0; at < target; at++) {
    const center = (at + 0.5) * scale - 0.5
    const from = Math.max(0, Math.ceil(center - support))
    const to = Math.min(source - 1, Math.floor(center + support))
    let sum = 0
    for (let position = from; position <= to; position++) {
      const weight = Math.max(0, 1 - Math.abs(position - center) / support)
      weights[at * stride + position - from] = weight
      sum += weight
    }
    for (let tap = 0; tap <= to - from; tap++) {
      weights[at * stride + tap] = (weights[at * stride + tap] ?? 0) / sum
    }
    first[at] = from
    counts[at] = to - from + 1
  }
  return { first, counts, weights, stride }
}

function resizeColumns(picture: Picture, width: number): Float32Array {
  const taps = tapsOf(picture.width, width)
  const rows = new Float32Array(picture.height * width * 3)
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < width; x++) {
      const first = taps.first[x] ?? 0
      const count = taps.counts[x] ?? 0
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0
        let at = (y * picture.width + first) * 3 + channel
        for (let tap = 0; tap < count; tap++) {
          sum += (picture.data[at] ?? 0) * (taps.weights[x * taps.stride + tap] ?? 0)
          at += 3
        }
        rows[(y * width + x) * 3 + channel] = sum
      }
    }
  }
  return rows
}

/** RGB floats from 0 to 255, [height, width, 3]. */
export function resizePicture(picture: Picture, width: number, height: number): Float32Array {
  const rows = resizeColumns(picture, width)
  const taps = tapsOf(picture.height, height)
  const rowLength = width * 3
  const output = new Float32Array(height * rowLength)
  for (let y = 0; y < height; y++) {
    const first = taps.first[y] ?? 0
    const count = taps.counts[y] ?? 0
    for (let tap = 0; tap < count; tap++) {
      const weight = taps.weights[y * taps.stride + tap] ?? 0
      const from = (first + tap) * rowLength
      for (let at = 0; at < rowLength; at++) {
        output[y * rowLength + at] =
          (output[y * rowLength + at] ?? 0) + (rows[from + at] ?? 0) * weight
      }
    }
  }
  return output
}

export interface Normalisation {
  /** By plane, in the order blue, green, red; of values from 0 to 1. */
  readonly mean: readonly [number, number, number]
  readonly deviation: readonly [number, number, number]
}

/** PaddleOCR applies ImageNet's figures in this order to pictures read as blue, green, red. */
export const IMAGENET: Normalisation = {
  mean: [0.485, 0.456, 0.406],
  deviation: [0.229, 0.224, 0.225]
}
export const CENTERED: Normalisation = { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] }

export interface PlaneTarget {
  readonly planes: Float32Array
  /** Where this picture's first plane starts. */
  readonly offset: number
  /** Width of a row of the target, which may be padded with zeros to the right. */
  readonly rowWidth: number
}

/** Writes RGB floats as blue, green and red planes. */
export function writePlanes(
  rgb: Float32Array,
  size: { readonly width: number; readonly height: number },
  normalisation: Normalisation,
  target: PlaneTarget
): void {
  const planeSize = target.rowWidth * size.height
  for (let plane = 0; plane < 3; plane++) {
    const mean = normalisation.mean[plane] ?? 0
    const deviation = normalisation.deviation[plane] ?? 1
    for (let y = 0; y < size.height; y++) {
      const row = target.offset + plane * planeSize + y * target.rowWidth
      for (let x = 0; x < size.width; x++) {
        const value = rgb[(y * size.width + x) * 3 + 2 - plane] ?? 0
        target.planes[row + x] = (value / 255 - mean) / deviation
      }
    }
  }
}
