/**
 * Draws text from a TrueType font into a grey picture, so that page images can be made again from
 * their words. Reads the tables that Latin text needs (cmap 4, glyf, hmtx, loca); no hinting, no
 * kerning, no other scripts. Source: the OpenType specification, version 1.9.
 */
interface Point {
  readonly x: number
  readonly y: number
  readonly isOn: boolean
}
type Contour = readonly Point[]

export interface Canvas {
  readonly width: number
  readonly height: number
  /** Ink from 0 (paper) to 255. */
  readonly ink: Uint8Array
}

export interface TextStyle {
  readonly x: number
  /** The line that letters stand on. */
  readonly baseline: number
  /** Pixels per em. */
  readonly size: number
}

/** Rows of samples inside one pixel: enough that stems keep their weight. */
const SUBROWS = 5
/** Straight pieces of one curve: finer than a pixel at the sizes that pages use. */
const CURVE_STEPS = 6

export class TrueTypeFont {
  readonly #view: DataView
  readonly #tables = new Map<string, number>()
  readonly #unitsPerEm: number
  readonly #hasLongOffsets: boolean
  readonly #metricsCount: number

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const count = this.#view.getUint16(4)
    for (let index = 0; index < count; index++) {
      const entry = 12 + index * 16
      const tag = String.fromCharCode(...bytes.subarray(entry, entry + 4))
      this.#tables.set(tag, this.#view.getUint32(entry + 8))
    }
    this.#unitsPerEm = this.#view.getUint16(this.#table('head') + 18)
    this.#hasLongOffsets = this.#view.getInt16(this.#table('head') + 50) === 1
    this.#metricsCount = this.#view.getUint16(this.#table('hhea') + 34)
  }

  #table(tag: string): number {
    const offset = this.#tables.get(tag)
    if (offset === undefined) throw new Error(`the font has no table ${tag}`)
    return offset
  }

  #glyphOf(code: number): number {
    const view = this.#view
    const cmap = this.#table('cmap')
    for (let index = 0; index < view.getUint16(cmap + 2); index++) {
      const start = cmap + view.getUint32(cmap + 4 + index * 8 + 4)
      if (view.getUint16(start) !== 4) continue
      const segments = view.getUint16(start + 6)
      for (let at = 0; at < segments; at += 2) {
        if (code > view.getUint16(start + 14 + at)) continue
        const first = view.getUint16(start + 16 + segments + at)
        if (code < first) return 0
        const delta = view.getUint16(start + 16 + 2 * segments + at)
        const rangeAt = start + 16 + 3 * segments + at
        const range = view.getUint16(rangeAt)
        if (range === 0) return (code + delta) & 0xffff
        const glyph = view.getUint16(rangeAt + range + 2 * (code - first))
        return glyph === 0 ? 0 : (glyph + delta) & 0xffff
      }
    }
    return 0
  }

  #advanceOf(glyph: number): number {
    const index = Math.min(glyph, this.#metricsCount - 1)
    return this.#view.getUint16(this.#table('hmtx') + 4 * index)
  }

  #glyphStart(glyph: number): number {
    const loca = this.#table('loca')
    return this.#hasLongOffsets
      ? this.#view.getUint32(loca + 4 * glyph)
      : 2 * this.#view.getUint16(loca + 2 * glyph)
  }

  #contoursOf(glyph: number): Contour[] {
    const start = this.#glyphStart(glyph)
    if (start === this.#glyphStart(glyph + 1)) return []
    const offset = this.#table('glyf') + start
    const count = this.#view.getInt16(offset)
    return count >= 0 ? this.#simple(offset, count) : this.#composite(offset + 10)
  }

  #composite(start: number): Contour[] {
    const view = this.#view
    const contours: Contour[] = []
    let at = start
    for (let flags = 0x20; (flags & 0x20) !== 0; ) {
      flags = view.getUint16(at)
      const glyph = view.getUint16(at + 2)
      const isWide = (flags & 1) !== 0
      const dx = isWide ? view.getInt16(at + 4) : view.getInt8(at + 4)
      const dy = isWide ? view.getInt16(at + 6) : view.getInt8(at + 5)
      at += isWide ? 8 : 6
      if ((flags & 0x8) !== 0) at += 2
      else if ((flags & 0x40) !== 0) at += 4
      else if ((flags & 0x80) !== 0) at += 8
      for (const contour of this.#contoursOf(glyph)) {
        contours.push(contour.map(({ x, y, isOn }) => ({ x: x + dx, y: y + dy, isOn })))
      }
    }
    return contours
  }

  #simple(offset: number, count: number): Contour[] {
    const view = this.#view
    const ends = Array.from({ length: count }, (_, i) => view.getUint16(offset + 10 + 2 * i))
    const points = (ends.at(-1) ?? -1) + 1
    let at = offset + 10 + 2 * count
    at += 2 + view.getUint16(at)
    const flags: number[] = []
    while (flags.length < points) {
      const flag = view.getUint8(at++)
      const repeats = (flag & 8) !== 0 ? view.getUint8(at++) : 0
      for (let i = 0; i <= repeats; i++) flags.push(flag)
    }
    const readAxis = (shortBit: number, sameBit: number): number[] => {
      let value = 0
      return flags.map((flag) => {
        if ((flag & shortBit) !== 0)
          value += view.getUint8(at++) * ((flag & sameBit) !== 0 ? 1 : -1)
        else if ((flag & sameBit) === 0) {
          value += view.getInt16(at)
          at += 2
        }
        return value
      })
    }
    const xs = readAxis(2, 16)
    const ys = readAxis(4, 32)
    let first = 0
    return ends.map((end) => {
      const contour: Point[] = []
      for (let i = first; i <= end; i++) {
        contour.push({ x: xs[i] ?? 0, y: ys[i] ?? 0, isOn: ((flags[i] ?? 0) & 1) === 1 })
      }
      first = end + 1
      return contour
    })
  }

  /** Draws one line of text; returns the x where the next letter would start. */
  draw(canvas: Canvas, text: string, style: TextStyle): number {
    const scale = style.size / this.#unitsPerEm
    let x = style.x
    for (const letter of text) {
      const glyph = this.#glyphOf(letter.codePointAt(0) ?? 0)
      const edges = this.#contoursOf(glyph).flatMap((contour) =>
        edgesOf(contour, (point) => ({
          x: x + point.x * scale,
          y: style.baseline - point.y * scale
        }))
      )
      fill(canvas, edges)
      x += this.#advanceOf(glyph) * scale
    }
    return x
  }
}

interface Place {
  readonly x: number
  readonly y: number
}
interface Edge {
  readonly from: Place
  readonly to: Place
}

const middle = (a: Point, b: Point): Point => ({
  x: (a.x + b.x) / 2,
  y: (a.y + b.y) / 2,
  isOn: true
})

/** Straight pieces of a contour of quadratic curves; two off-curve points imply one between. */
function edgesOf(contour: Contour, place: (point: Place) => Place): Edge[] {
  const full: Point[] = []
  contour.forEach((point, index) => {
    const next = contour[(index + 1) % contour.length] ?? point
    full.push(point)
    if (!point.isOn && !next.isOn) full.push(middle(point, next))
  })
  const start = Math.max(
    0,
    full.findIndex((point) => point.isOn)
  )
  const ring = [...full.slice(start), ...full.slice(0, start + 1)]
  const edges: Edge[] = []
  let from = ring[0]
  for (let index = 1; index < ring.length; index++) {
    const point = ring[index]
    if (point === undefined || from === undefined) continue
    if (point.isOn) {
      edges.push({ from: place(from), to: place(point) })
      from = point
      continue
    }
    const end = ring[index + 1] ?? point
    let last = place(from)
    for (let step = 1; step <= CURVE_STEPS; step++) {
      const t = step / CURVE_STEPS
      const blend = (a: number, b: number, c: number): number =>
        (1 - t) * (1 - t) * a + 2 * t * (1 - t) * b + t * t * c
      const to = place({ x: blend(from.x, point.x, end.x), y: blend(from.y, point.y, end.y) })
      edges.push({ from: last, to })
      last = to
    }
    from = end
    index += 1
  }
  return edges
}

/** Where an edge crosses a row, and in which direction. */
function crossingsAt(edges: readonly Edge[], y: number): { x: number; winding: number }[] {
  const crossings: { x: number; winding: number }[] = []
  for (const { from, to } of edges) {
    const isDown = from.y <= y && to.y > y
    const isUp = to.y <= y && from.y > y
    if (!isDown && !isUp) continue
    const x = from.x + ((y - from.y) / (to.y - from.y)) * (to.x - from.x)
    crossings.push({ x, winding: isDown ? 1 : -1 })
  }
  return crossings.sort((a, b) => a.x - b.x)
}

/** Fills by the non-zero rule, with exact cover along rows and sampled cover across them. */
function fill(canvas: Canvas, edges: readonly Edge[]): void {
  if (edges.length === 0) return
  const ys = edges.flatMap(({ from, to }) => [from.y, to.y])
  const top = Math.max(0, Math.floor(Math.min(...ys)))
  const bottom = Math.min(canvas.height - 1, Math.ceil(Math.max(...ys)))
  for (let row = top; row <= bottom; row++) {
    const cover = new Float64Array(canvas.width)
    for (let sub = 0; sub < SUBROWS; sub++) {
      let winding = 0
      let open = 0
      for (const crossing of crossingsAt(edges, row + (sub + 0.5) / SUBROWS)) {
        if (winding === 0) open = crossing.x
        winding += crossing.winding
        if (winding === 0) addSpan(cover, open, crossing.x)
      }
    }
    for (let x = 0; x < canvas.width; x++) {
      const at = row * canvas.width + x
      const ink = Math.round(((cover[x] ?? 0) * 255) / SUBROWS)
      if (ink > 0) canvas.ink[at] = Math.min(255, (canvas.ink[at] ?? 0) + ink)
    }
  }
}

function addSpan(cover: Float64Array, from: number, to: number): void {
  for (let x = Math.max(0, Math.floor(from)); x < Math.min(cover.length, Math.ceil(to)); x++) {
    cover[x] = (cover[x] ?? 0) + Math.max(0, Math.min(to, x + 1) - Math.max(from, x))
  }
}
