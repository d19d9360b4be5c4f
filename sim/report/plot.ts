/**
 * Plots as SVG text: lines, steps and labelled points over two axes, in the colours of the page that
 * holds them. Every word from outside is escaped. Reads no data and says nothing beside the plot.
 */
import { escapeText } from './escape.ts'
import { type Scale, type ScaleKind, scaleOf, tickText } from './scale.ts'

export interface Series {
  readonly name: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Plot {
  readonly title: string
  readonly x: { readonly label: string; readonly scale?: ScaleKind }
  readonly y: { readonly label: string; readonly scale?: ScaleKind }
  /** `dots` names each point by its series: for few points, such as one policy each. */
  readonly draw: 'lines' | 'steps' | 'dots'
  readonly series: readonly Series[]
}

const WIDTH = 640
const HEIGHT = 320
const LEFT = 64
const RIGHT = 16
const TOP = 16
const BOTTOM = 48
const INNER_WIDTH = WIDTH - LEFT - RIGHT
const INNER_HEIGHT = HEIGHT - TOP - BOTTOM
/** Points of a line beyond this are thinned: no screen shows more. */
const POINTS_MAX = 1_000
/** Classes of the page's style sheet, in turn. */
const COLOURS = 8

type Place = readonly [x: number, y: number]

export function plotSvg(plot: Plot): string {
  const all = plot.series.flatMap(({ points }) => points)
  const x = scaleOf(
    plot.x.scale ?? 'linear',
    all.map(([value]) => value)
  )
  const y = scaleOf(
    plot.y.scale ?? 'linear',
    all.map(([, value]) => value)
  )
  const drawn = plot.series.map((series, index) => {
    const places = thinned(series.points).flatMap((point) => placeOf(point, x, y))
    return `<g class="s${index % COLOURS}">${mark(plot.draw, series.name, places)}</g>`
  })
  const legend = plot.draw === 'dots' ? '' : legendOf(plot.series)
  return [
    `<figure><figcaption>${escapeText(plot.title)}</figcaption>`,
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escapeText(plot.title)}">`,
    axes(plot, x, y),
    ...drawn,
    `</svg>${legend}</figure>`
  ].join('\n')
}

function placeOf([x, y]: Place, xScale: Scale, yScale: Scale): readonly Place[] {
  const [right, up] = [xScale.at(x), yScale.at(y)]
  return right === null || up === null ? [] : [[toX(right), toY(up)]]
}

const toX = (share: number): number => round(LEFT + share * INNER_WIDTH)
const toY = (share: number): number => round(TOP + (1 - share) * INNER_HEIGHT)
const round = (pixels: number): number => Math.round(pixels * 10) / 10

/** Every so manieth point, the last always. */
function thinned(points: readonly Place[]): readonly Place[] {
  const every = Math.ceil(points.length / POINTS_MAX)
  return points.filter((_, index) => index % every === 0 || index === points.length - 1)
}

function mark(draw: Plot['draw'], name: string, places: readonly Place[]): string {
  if (draw === 'dots') {
    const dots = places.map(
      ([x, y]) =>
        `<circle cx="${x}" cy="${y}" r="4"/><text x="${x + 7}" y="${y + 4}">${escapeText(name)}</text>`
    )
    return dots.join('')
  }
  const path = places.map(([x, y], index) => {
    if (index === 0) return `M${x} ${y}`
    return draw === 'steps' ? `H${x}V${y}` : `L${x} ${y}`
  })
  return `<path d="${path.join('')}"/>`
}

function axes(plot: Plot, x: Scale, y: Scale): string {
  const across = y.ticks.flatMap((value) => {
    const up = y.at(value)
    if (up === null) return []
    const at = toY(up)
    return [
      `<path class="grid" d="M${LEFT} ${at}H${WIDTH - RIGHT}"/>` +
        `<text class="tick" text-anchor="end" x="${LEFT - 6}" y="${at + 4}">${tickText(value)}</text>`
    ]
  })
  const along = x.ticks.flatMap((value) => {
    const right = x.at(value)
    if (right === null) return []
    const at = toX(right)
    return [
      `<text class="tick" text-anchor="middle" x="${at}" y="${HEIGHT - BOTTOM + 18}">${tickText(value)}</text>`
    ]
  })
  const middle = TOP + INNER_HEIGHT / 2
  return [
    ...across,
    ...along,
    `<text text-anchor="middle" x="${LEFT + INNER_WIDTH / 2}" y="${HEIGHT - 8}">${escapeText(plot.x.label)}</text>`,
    `<text text-anchor="middle" transform="translate(14 ${middle}) rotate(-90)">${escapeText(plot.y.label)}</text>`
  ].join('\n')
}

function legendOf(series: readonly Series[]): string {
  if (series.length < 2) return ''
  const names = series.map(
    ({ name }, index) => `<li class="s${index % COLOURS}">${escapeText(name)}</li>`
  )
  return `<ul class="legend">${names.join('')}</ul>`
}
