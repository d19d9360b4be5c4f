/**
 * From a text-probability map to boxes: the post-processing of Differentiable Binarization (Liao et
 * al., 2019) for upright lines. Binarise, find connected parts, drop the small and the unsure, grow
 * each box by the share that training shrank it. Deterministic: parts are found in scan order.
 */
export interface TextBoxSettings {
  /** A pixel is text above this. */
  readonly threshold: number
  /** A box is text when the mean over its pixels is above this. */
  readonly box_threshold: number
  /** How far a box grows: area · ratio / perimeter, the inverse of the shrinking in training. */
  readonly unclip_ratio: number
  /** Boxes lower or narrower than this, in map pixels, are noise. */
  readonly side_min: number
  /** At most so many boxes: a hostile picture of dots has millions. */
  readonly boxes_max: number
}

/** Edges in pixels of the source picture; x1 and y1 are the first column and row outside. */
export interface TextBox {
  readonly x0: number
  readonly y0: number
  readonly x1: number
  readonly y1: number
  readonly score: number
}

interface Part {
  x0: number
  y0: number
  x1: number
  y1: number
  pixels: number
  sum: number
}

export interface ProbabilityMap {
  readonly width: number
  readonly height: number
  readonly numbers: Float32Array
}

/** Connected parts (eight neighbours) of the pixels above the threshold, in scan order. */
export function connectedParts(map: ProbabilityMap, threshold: number): Part[] {
  const { width, height, numbers } = map
  const isSeen = new Uint8Array(width * height)
  const stack: number[] = []
  const parts: Part[] = []
  const visit = (at: number): void => {
    if (isSeen[at] === 1 || !((numbers[at] ?? 0) > threshold)) return
    isSeen[at] = 1
    stack.push(at)
  }
  for (let start = 0; start < isSeen.length; start++) {
    visit(start)
    if (stack.length === 0) continue
    const part: Part = { x0: width, y0: height, x1: 0, y1: 0, pixels: 0, sum: 0 }
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      const x = at % width
      const y = (at - x) / width
      addPixel(part, x, y, numbers[at] ?? 0)
      for (let ny = Math.max(0, y - 1); ny <= Math.min(height - 1, y + 1); ny++) {
        for (let nx = Math.max(0, x - 1); nx <= Math.min(width - 1, x + 1); nx++) {
          visit(ny * width + nx)
        }
      }
    }
    parts.push(part)
  }
  return parts
}

function addPixel(part: Part, x: number, y: number, probability: number): void {
  part.x0 = Math.min(part.x0, x)
  part.y0 = Math.min(part.y0, y)
  part.x1 = Math.max(part.x1, x + 1)
  part.y1 = Math.max(part.y1, y + 1)
  part.pixels += 1
  part.sum += probability
}

/** Boxes on the source picture of the given size, in scan order of their parts. */
export function textBoxes(
  map: ProbabilityMap,
  source: { readonly width: number; readonly height: number },
  settings: TextBoxSettings
): TextBox[] {
  const boxes: TextBox[] = []
  const scaleX = source.width / map.width
  const scaleY = source.height / map.height
  for (const part of connectedParts(map, settings.threshold)) {
    const width = part.x1 - part.x0
    const height = part.y1 - part.y0
    const score = part.sum / part.pixels
    if (Math.min(width, height) < settings.side_min || score < settings.box_threshold) continue
    const grow = (width * height * settings.unclip_ratio) / (2 * (width + height))
    boxes.push({
      x0: Math.max(0, Math.round((part.x0 - grow) * scaleX)),
      y0: Math.max(0, Math.round((part.y0 - grow) * scaleY)),
      x1: Math.min(source.width, Math.round((part.x1 + grow) * scaleX)),
      y1: Math.min(source.height, Math.round((part.y1 + grow) * scaleY)),
      score: roundScore(score)
    })
    if (boxes.length === settings.boxes_max) break
  }
  return boxes.filter((box) => box.x1 > box.x0 && box.y1 > box.y0)
}

/** Four digits: what follows is noise of the backend, and would make equal results differ. */
export function roundScore(score: number): number {
  return Math.round(score * 10_000) / 10_000
}
