/** From text-probability maps to boxes. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import fc from 'fast-check'
import { detectionSize } from '../../mesh-node/exec/runners/ocr-detect.ts'
import { lineWidths } from '../../mesh-node/exec/runners/ocr-lines.ts'
import {
  connectedParts,
  type ProbabilityMap,
  type TextBox,
  textBoxes
} from '../../mesh-node/exec/runners/text-boxes.ts'

const SETTINGS = {
  threshold: 0.3,
  box_threshold: 0.6,
  unclip_ratio: 1.5,
  side_min: 3,
  boxes_max: 100
}

interface Area {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly probability: number
}

function mapOf(width: number, height: number, areas: readonly Area[]): ProbabilityMap {
  const numbers = new Float32Array(width * height)
  for (const area of areas) {
    for (let y = area.y; y < area.y + area.height; y++) {
      numbers.fill(area.probability, y * width + area.x, y * width + area.x + area.width)
    }
  }
  return { width, height, numbers }
}

const LINE = { x: 20, y: 10, width: 40, height: 8, probability: 0.9 }

function boxesOf(map: ProbabilityMap, scale = 1, settings = SETTINGS): TextBox[] {
  return textBoxes(map, { width: map.width * scale, height: map.height * scale }, settings)
}

describe('text boxes', () => {
  it('finds a line and grows it by area · ratio / perimeter', () => {
    const grow = (40 * 8 * 1.5) / (2 * 48)
    equal(grow, 5)
    deepEqual(boxesOf(mapOf(100, 40, [LINE])), [{ x0: 15, y0: 5, x1: 65, y1: 23, score: 0.9 }])
  })

  it('scales boxes to the picture', () => {
    const [box] = boxesOf(mapOf(100, 40, [LINE]), 2)
    deepEqual(box, { x0: 30, y0: 10, x1: 130, y1: 46, score: 0.9 })
  })

  it('keeps boxes inside the picture', () => {
    const [box] = boxesOf(mapOf(50, 12, [{ ...LINE, x: 0, y: 2, width: 50 }]))
    deepEqual([box?.x0, box?.y0, box?.x1, box?.y1], [0, 0, 50, 12])
  })

  it('parts what does not touch and joins what touches at a corner', () => {
    const apart = mapOf(60, 30, [
      { ...LINE, x: 2, y: 2, width: 10 },
      { ...LINE, x: 20, y: 2, width: 10 }
    ])
    equal(connectedParts(apart, 0.3).length, 2)
    const corner = mapOf(60, 30, [
      { ...LINE, x: 2, y: 2, width: 10, height: 4 },
      { ...LINE, x: 12, y: 6, width: 10, height: 4 }
    ])
    equal(connectedParts(corner, 0.3).length, 1)
  })

  it('drops specks and what it is unsure of', () => {
    deepEqual(boxesOf(mapOf(100, 40, [{ ...LINE, height: 2 }])), [])
    deepEqual(boxesOf(mapOf(100, 40, [{ ...LINE, probability: 0.5 }])), [])
    deepEqual(boxesOf(mapOf(100, 40, [])), [])
  })

  it('stops at its bound on a picture of dots', () => {
    const dots = Array.from({ length: 50 }, (_, index) => ({
      x: (index % 10) * 10,
      y: Math.floor(index / 10) * 10,
      width: 5,
      height: 5,
      probability: 0.9
    }))
    equal(boxesOf(mapOf(100, 50, dots), 1, { ...SETTINGS, boxes_max: 7 }).length, 7)
  })

  it('gives whole pixels in order, inside the picture, on any map', () => {
    const maps = fc.array(fc.float({ min: 0, max: 1, noNaN: true }), {
      minLength: 600,
      maxLength: 600
    })
    fc.assert(
      fc.property(maps, (numbers) => {
        const map = { width: 30, height: 20, numbers: Float32Array.from(numbers) }
        const boxes = textBoxes(map, { width: 77, height: 43 }, { ...SETTINGS, side_min: 1 })
        return boxes.every(
          ({ x0, y0, x1, y1 }) =>
            [x0, y0, x1, y1].every(Number.isInteger) &&
            0 <= x0 &&
            x0 < x1 &&
            x1 <= 77 &&
            0 <= y0 &&
            y0 < y1 &&
            y1 <= 43
        )
      })
    )
  })

  it('feeds the network sides that are multiples of 32 and at most the limit', () => {
    deepEqual(detectionSize({ width: 900, height: 760 }, 960), { width: 896, height: 768 })
    deepEqual(detectionSize({ width: 3_000, height: 1_500 }, 960), { width: 960, height: 480 })
    deepEqual(detectionSize({ width: 1, height: 5_000 }, 960), { width: 32, height: 960 })
  })

  it('pads lines to few widths and cuts none off', () => {
    deepEqual(lineWidths({ width: 100, height: 48 }, 320, 3_200), { width: 100, padded: 320 })
    deepEqual(lineWidths({ width: 700, height: 48 }, 320, 3_200), { width: 700, padded: 704 })
    const long = lineWidths({ width: 90_000, height: 48 }, 320, 3_200)
    ok(long.width === 3_200 && long.padded === 3_200)
  })
})
