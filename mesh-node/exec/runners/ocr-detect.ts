/**
 * PP-OCR text detection: an RGB picture to boxes around its lines. The heavy probability map stays
 * inside: boxes of five numbers are what travels.
 */

import type { ModelManifest } from '#contracts'
import { IMAGENET, type Picture, pictureOf, resizePicture, writePlanes } from './picture.ts'
import {
  checkInputNames,
  type LoadedModel,
  modelFile,
  NO_TOKENS,
  type Runner,
  setting
} from './runner.ts'
import { floats, floatsOf } from './tensors.ts'
import { type TextBoxSettings, textBoxes } from './text-boxes.ts'

/** The network halves its input five times. */
const SIDE_MULTIPLE = 32

interface DetectSettings extends TextBoxSettings {
  readonly side_max: number
}

/**
 * PP-OCR's own figures, where the manifest does not say otherwise, but for the growth of boxes: with
 * its 1.5 they end at the letters, and recognition then loses most spaces of Latin text.
 */
function settingsOf(manifest: ModelManifest): DetectSettings {
  return {
    side_max: setting(manifest, 'side_max', 960),
    threshold: setting(manifest, 'threshold', 0.3),
    box_threshold: setting(manifest, 'box_threshold', 0.6),
    unclip_ratio: setting(manifest, 'unclip_ratio', 2.2),
    side_min: setting(manifest, 'side_min', 3),
    boxes_max: setting(manifest, 'boxes_max', 1_000)
  }
}

/** Sides as the network takes them: the longer at most `sideMax`, both multiples of 32. */
export function detectionSize(
  picture: { readonly width: number; readonly height: number },
  sideMax: number
): { width: number; height: number } {
  const ratio = Math.min(1, sideMax / Math.max(picture.width, picture.height))
  const side = (length: number): number =>
    Math.max(SIDE_MULTIPLE, Math.round((length * ratio) / SIDE_MULTIPLE) * SIDE_MULTIPLE)
  return { width: side(picture.width), height: side(picture.height) }
}

function planesOf(picture: Picture, size: { width: number; height: number }): Float32Array {
  const planes = new Float32Array(3 * size.width * size.height)
  const resized = resizePicture(picture, size.width, size.height)
  writePlanes(resized, size, IMAGENET, { planes, offset: 0, rowWidth: size.width })
  return planes
}

export const ocrDetectRunner: Runner = {
  async load(manifest, files, runtime): Promise<LoadedModel> {
    const settings = settingsOf(manifest)
    const session = await runtime.createSession(modelFile(files, 'model.onnx').source)
    return {
      async run(inputs) {
        checkInputNames(inputs, ['image'])
        const picture = pictureOf('image', inputs['image'])
        const size = detectionSize(picture, settings.side_max)
        const planes = planesOf(picture, size)
        const input = floats(runtime, planes, [1, 3, size.height, size.width])
        const results = await session.run({ x: input })
        const numbers = floatsOf(Object.values(results)[0], 'probabilities')
        const boxes = textBoxes({ ...size, numbers }, picture, settings)
        return {
          outputs: { boxes: boxes.map((box) => [box.x0, box.y0, box.x1, box.y1, box.score]) },
          usage: NO_TOKENS
        }
      },
      release: () => session.release()
    }
  }
}
