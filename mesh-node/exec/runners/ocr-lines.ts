/**
 * PP-OCR on lines: which way up a line stands, and what it says. Lines of one padded width run as one
 * batch, so a line gives the same answer whichever lines travel with it.
 */
import { isValueList, MeshError, Tensor, type Value, type ValueMap } from '#contracts'
import { ctcAlphabet, ctcDecode, type Recognised } from './ctc.ts'
import { CENTERED, type Picture, pictureOf, resizePicture, writePlanes } from './picture.ts'
import {
  checkInputNames,
  type LoadedModel,
  modelFile,
  NO_TOKENS,
  type Runner,
  setting
} from './runner.ts'
import type { Runtime, RuntimeTensor, Session } from './runtime.ts'
import { floats, floatsOf } from './tensors.ts'
import { roundScore } from './text-boxes.ts'

const LINE_HEIGHT = 48
const DIRECTION_WIDTH = 192
/** Recognition was trained on lines of this width, padded on the right. */
const WIDTH_MIN = 320
/** Steps in which padded widths grow: few different widths make full batches. */
const WIDTH_STEP = 32
/** Lines of one run; more would only raise the memory it takes. */
const BATCH_LINES_MAX = 16

/** `lines` is one picture or a list of them. */
function picturesOf(inputs: ValueMap): Picture[] {
  checkInputNames(inputs, ['lines'])
  const value: Value = inputs['lines'] ?? null
  if (value instanceof Tensor) return [pictureOf('lines', value)]
  if (!isValueList(value)) {
    throw new MeshError('model.input_invalid', {
      input: 'lines',
      expected: 'a picture (uint8 [height, width, 3]) or a list of pictures'
    })
  }
  return value.map((item) => pictureOf('lines', item))
}

/** Width of a line at the network's height, and the width that it is padded to. */
export function lineWidths(
  picture: { readonly width: number; readonly height: number },
  widthMin: number,
  widthMax: number
): { width: number; padded: number } {
  const natural = Math.ceil((picture.width * LINE_HEIGHT) / picture.height)
  const width = Math.min(widthMax, Math.max(1, natural))
  const padded = Math.max(widthMin, Math.ceil(width / WIDTH_STEP) * WIDTH_STEP)
  return { width, padded: Math.min(widthMax, padded) }
}

/** Indices of pictures by padded width, in batches; order inside a width is kept. */
function batchesOf(paddedWidths: readonly number[]): { padded: number; indices: number[] }[] {
  const open = new Map<number, number[]>()
  const batches: { padded: number; indices: number[] }[] = []
  paddedWidths.forEach((padded, index) => {
    let indices = open.get(padded)
    if (indices === undefined || indices.length === BATCH_LINES_MAX) {
      indices = []
      open.set(padded, indices)
      batches.push({ padded, indices })
    }
    indices.push(index)
  })
  return batches
}

function batchTensor(
  runtime: Runtime,
  pictures: readonly Picture[],
  padded: number,
  widthMax: number
): RuntimeTensor {
  const size = 3 * LINE_HEIGHT * padded
  const planes = new Float32Array(pictures.length * size)
  pictures.forEach((picture, index) => {
    const width = Math.min(padded, lineWidths(picture, 0, widthMax).width)
    const resized = resizePicture(picture, width, LINE_HEIGHT)
    const target = { planes, offset: index * size, rowWidth: padded }
    writePlanes(resized, { width, height: LINE_HEIGHT }, CENTERED, target)
  })
  return floats(runtime, planes, [pictures.length, 3, LINE_HEIGHT, padded])
}

async function recognise(
  session: Session,
  runtime: Runtime,
  pictures: readonly Picture[],
  options: { readonly alphabet: readonly string[]; readonly widthMax: number }
): Promise<Recognised[]> {
  const widths = pictures.map((picture) => lineWidths(picture, WIDTH_MIN, options.widthMax).padded)
  const found: Recognised[] = []
  for (const { padded, indices } of batchesOf(widths)) {
    const batch = indices.flatMap((index) => pictures[index] ?? [])
    const results = await session.run({ x: batchTensor(runtime, batch, padded, options.widthMax) })
    const output = Object.values(results)[0]
    const numbers = floatsOf(output, 'characters')
    const steps = output?.dims[1] ?? 0
    const row = steps * options.alphabet.length
    indices.forEach((index, place) => {
      const rows = numbers.subarray(place * row, (place + 1) * row)
      found[index] = ctcDecode(rows, steps, options.alphabet)
    })
  }
  return found
}

export const ocrRecognizeRunner: Runner = {
  async load(manifest, files, runtime): Promise<LoadedModel> {
    const alphabet = ctcAlphabet(await modelFile(files, 'dictionary.txt').read())
    const widthMax = setting(manifest, 'width_max', 3_200)
    const session = await runtime.createSession(modelFile(files, 'model.onnx').source)
    return {
      async run(inputs) {
        const pictures = picturesOf(inputs)
        const lines = await recognise(session, runtime, pictures, { alphabet, widthMax })
        const outputs = { lines: lines.map(({ text, score }) => ({ text, score })) }
        return { outputs, usage: NO_TOKENS }
      },
      release: () => session.release()
    }
  }
}

async function directionsOf(
  session: Session,
  runtime: Runtime,
  pictures: readonly Picture[]
): Promise<{ angle: number; score: number }[]> {
  const directions: { angle: number; score: number }[] = []
  for (let start = 0; start < pictures.length; start += BATCH_LINES_MAX) {
    const batch = pictures.slice(start, start + BATCH_LINES_MAX)
    const input = batchTensor(runtime, batch, DIRECTION_WIDTH, DIRECTION_WIDTH)
    const scores = floatsOf(Object.values(await session.run({ x: input }))[0], 'directions')
    batch.forEach((_, place) => {
      const upright = scores[place * 2] ?? 0
      const turned = scores[place * 2 + 1] ?? 0
      const angle = turned > upright ? 180 : 0
      directions.push({ angle, score: roundScore(Math.max(upright, turned)) })
    })
  }
  return directions
}

export const ocrDirectionRunner: Runner = {
  async load(_manifest, files, runtime): Promise<LoadedModel> {
    const session = await runtime.createSession(modelFile(files, 'model.onnx').source)
    return {
      async run(inputs) {
        const directions = await directionsOf(session, runtime, picturesOf(inputs))
        return { outputs: { directions }, usage: NO_TOKENS }
      },
      release: () => session.release()
    }
  }
}
