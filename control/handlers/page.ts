/**
 * Pages, without a model: puts found boxes in reading order, cuts the lines out, turns those that
 * stand on their head, joins the texts. Neither finds text nor reads it.
 */
import { isValueList, isValueMap, MeshError, Tensor, type Value, type ValueMap } from '#contracts'
import { Arguments, type Handler } from './handler.ts'

/** Two boxes share a row when they overlap by half the height of the lower one. */
const ROW_OVERLAP_MIN = 0.5
/** The direction model is sure far above this on real lines; below it, leave the line as it is. */
const TURN_SCORE_MIN = 0.9
/** PP-OCR's own bound: lines read with less confidence are marks, not text. */
const TEXT_SCORE_MIN = 0.5

interface Box {
  readonly x0: number
  readonly y0: number
  readonly x1: number
  readonly y1: number
  readonly score: number
}

function readBox(given: Arguments, value: Value): Box {
  if (!isValueList(value) || value.length !== 5) {
    throw given.fault('boxes', '[x0, y0, x1, y1, score] each')
  }
  const numbers = value.map((item) => (typeof item === 'number' ? item : Number.NaN))
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0, score = 0] = numbers
  const isWhole = [x0, y0, x1, y1].every((edge) => Number.isInteger(edge) && edge >= 0)
  if (!isWhole || x1 <= x0 || y1 <= y0 || !(score >= 0 && score <= 1)) {
    throw given.fault('boxes', 'whole pixels with x0 < x1, y0 < y1, and a score from 0 to 1')
  }
  return { x0, y0, x1, y1, score }
}

const boxValue = (box: Box): Value => [box.x0, box.y0, box.x1, box.y1, box.score]

function sharesRow(box: Box, row: Box): boolean {
  const overlap = Math.min(box.y1, row.y1) - Math.max(box.y0, row.y0)
  return overlap >= ROW_OVERLAP_MIN * Math.min(box.y1 - box.y0, row.y1 - row.y0)
}

/** Rows from top to bottom, each from left to right; equal inputs give equal order. */
function readingRows<Item extends Box>(boxes: readonly Item[]): Item[][] {
  const byTop = [...boxes].sort((a, b) => a.y0 + a.y1 - b.y0 - b.y1 || a.x0 - b.x0)
  const rows: Item[][] = []
  for (const box of byTop) {
    const row = rows.at(-1)
    const first = row?.[0]
    if (row !== undefined && first !== undefined && sharesRow(box, first)) row.push(box)
    else rows.push([box])
  }
  for (const row of rows) row.sort((a, b) => a.x0 - b.x0 || a.y0 - b.y0)
  return rows
}

/** The pixels of an RGB image inside a box that lies within it. */
function crop(image: Tensor, box: Box): Tensor {
  const width = image.shape[1] ?? 0
  const rowBytes = (box.x1 - box.x0) * 3
  const data = new Uint8Array((box.y1 - box.y0) * rowBytes)
  for (let y = box.y0; y < box.y1; y++) {
    const from = (y * width + box.x0) * 3
    data.set(image.data.subarray(from, from + rowBytes), (y - box.y0) * rowBytes)
  }
  return new Tensor('uint8', [box.y1 - box.y0, box.x1 - box.x0, 3], data)
}

function rgbImage(given: Arguments, key: string, value: Value): Tensor {
  const image = given.asTensor(key, value, 'uint8')
  const [height = 0, width = 0, channels = 0] = image.shape
  if (image.shape.length !== 3 || channels !== 3 || height === 0 || width === 0) {
    throw given.fault(key, 'a uint8 tensor [height, width, 3]')
  }
  return image
}

const lines: Handler = {
  version: 1,
  summary: '{image, boxes} → {boxes in reading order, lines: uint8 [h, w, 3] each}',
  run(args, context) {
    const given = new Arguments('page.lines', args, ['image', 'boxes'])
    const image = rgbImage(given, 'image', given.value('image'))
    const [height = 0, width = 0] = image.shape
    const boxes = given.list('boxes').map((value) => readBox(given, value))
    if (boxes.length > context.pageLinesMax) {
      throw new MeshError('page.too_many_lines', {
        lines: boxes.length,
        lines_max: context.pageLinesMax
      })
    }
    if (boxes.some((box) => box.x1 > width || box.y1 > height)) {
      throw given.fault('boxes', 'boxes inside the image')
    }
    const ordered = readingRows(boxes).flat()
    return { boxes: ordered.map(boxValue), lines: ordered.map((box) => crop(image, box)) }
  }
}

/** By 180 degrees: the pixels in reverse order. */
function turnImage(image: Tensor): Tensor {
  const pixels = image.data.length / 3
  const data = new Uint8Array(image.data.length)
  for (let pixel = 0; pixel < pixels; pixel++) {
    data.set(image.data.subarray(pixel * 3, pixel * 3 + 3), (pixels - 1 - pixel) * 3)
  }
  return new Tensor('uint8', image.shape, data)
}

const turn: Handler = {
  version: 1,
  summary: '{lines, directions: {angle, score} each} → {lines} with those at 180° turned upright',
  run(args) {
    const given = new Arguments('page.turn', args, ['lines', 'directions'])
    const directions = given.list('directions')
    const images = given.list('lines')
    if (directions.length !== images.length) throw given.fault('directions', 'one for each line')
    return {
      lines: images.map((value, index) => {
        const image = rgbImage(given, 'lines', value)
        const direction = directions[index] ?? null
        if (!isValueMap(direction)) throw given.fault('directions', '{angle, score} each')
        const { angle, score } = { angle: direction['angle'], score: direction['score'] }
        if ((angle !== 0 && angle !== 180) || typeof score !== 'number') {
          throw given.fault('directions', 'an angle of 0 or 180 and a score')
        }
        return angle === 180 && score >= TURN_SCORE_MIN ? turnImage(image) : image
      })
    }
  }
}

interface Line extends Box {
  readonly text: string
  readonly textScore: number
}

function readLine(given: Arguments, box: Box, value: Value): Line {
  const map: ValueMap = isValueMap(value) ? value : {}
  const text = typeof value === 'string' ? value : map['text']
  const textScore = typeof value === 'string' ? 1 : map['score']
  if (typeof text !== 'string' || typeof textScore !== 'number') {
    throw given.fault('texts', 'text or {text, score} each')
  }
  return { ...box, text: text.trim(), textScore }
}

const join: Handler = {
  version: 1,
  summary: '{boxes, texts: {text, score} each} → {text, lines: [{text, score, box}]}',
  run(args) {
    const given = new Arguments('page.join', args, ['boxes', 'texts', 'score_min'])
    const scoreMin = given.number('score_min', { min: 0, max: 1, fallback: TEXT_SCORE_MIN })
    const texts = given.list('texts')
    const boxes = given.list('boxes')
    if (texts.length !== boxes.length) throw given.fault('texts', `${boxes.length} texts`)
    const read = boxes
      .map((value, index) => readLine(given, readBox(given, value), texts[index] ?? null))
      .filter((line) => line.text !== '' && line.textScore >= scoreMin)
    const rows = readingRows(read)
    return {
      text: rows.map((row) => row.map((line) => line.text).join(' ')).join('\n'),
      lines: rows.flat().map((line) => ({
        text: line.text,
        score: line.textScore,
        box: [line.x0, line.y0, line.x1, line.y1]
      }))
    }
  }
}

export const PAGE_HANDLERS = {
  'page.join': join,
  'page.lines': lines,
  'page.turn': turn
} as const satisfies Record<string, Handler>
