/**
 * The world with the places of a run on it: coasts and dots, north up, a degree as wide as it is high.
 * Draws what it is given; who was where it does not know.
 */
import { escapeText } from './escape.ts'

export interface Coasts {
  /** An SVG path in steps of a degree: longitude to the right, latitude up. */
  readonly path: string
  readonly stepsPerDegree: number
}

export interface MapDot {
  readonly name: string
  readonly latitude: number
  readonly longitude: number
  /** What the dot's area stands for. */
  readonly size: number
}

export interface WorldMap {
  readonly title: string
  readonly coasts: Coasts
  readonly dots: readonly MapDot[]
}

const NORTH = 84
const SOUTH = -60
const RADIUS_MAX = 5

export function mapSvg({ title, coasts, dots }: WorldMap): string {
  const most = dots.reduce((max, { size }) => Math.max(max, size), 0)
  const drawn = dots.map(({ name, latitude, longitude, size }) => {
    const radius = Math.max(0.8, RADIUS_MAX * Math.sqrt(size / (most || 1)))
    return (
      `<circle cx="${longitude}" cy="${-latitude}" r="${Math.round(radius * 10) / 10}">` +
      `<title>${escapeText(name)}</title></circle>`
    )
  })
  const scale = 1 / coasts.stepsPerDegree
  return [
    `<figure><figcaption>${escapeText(title)}</figcaption>`,
    `<svg class="map" viewBox="-180 ${-NORTH} 360 ${NORTH - SOUTH}" role="img" aria-label="${escapeText(title)}">`,
    `<path class="land" transform="scale(${scale} ${-scale})" d="${escapeText(coasts.path)}"/>`,
    `<g class="s0">${drawn.join('')}</g>`,
    '</svg></figure>'
  ].join('\n')
}
