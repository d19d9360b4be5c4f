/** The map that ships: coasts, and the cities of the WonderNetwork matrix. Reads the disk. */
import { readFileSync } from 'node:fs'
import { z } from 'zod'
import type { Geography } from './run.ts'

const WorldFile = z.strictObject({
  steps_per_degree: z.int().min(1),
  coasts: z.string(),
  wondernetwork: z.array(z.tuple([z.string(), z.number(), z.number()]))
})

export function shippedGeography(): Geography {
  const file = new URL('../data/world-map.json', import.meta.url)
  const { steps_per_degree, coasts, wondernetwork } = WorldFile.parse(
    JSON.parse(readFileSync(file, 'utf8'))
  )
  const path = { path: coasts, stepsPerDegree: steps_per_degree }
  return { matrix: 'wondernetwork', coasts: path, places: wondernetwork }
}
