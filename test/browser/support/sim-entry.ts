/**
 * The simulator in a dedicated worker: reads the measured round trips over the network, runs the seeds
 * that it is told, and says their hashes.
 */
import {
  decodeMatrix,
  type LatencyMatrix,
  withoutGaps
} from '../../../sim/network/latency-matrix.ts'
import { type SeedRange, seedHashes } from '../../../sim/portable/seed-hashes.ts'

/** What the swarm draws. */
const NAMES = ['wondernetwork'] as const

async function matrixNamed(name: string): Promise<readonly [string, LatencyMatrix]> {
  const { body } = await fetch(`./${name}.bin.gz`)
  if (body === null) throw new Error(`no ${name}`)
  const unpacked = body.pipeThrough(new DecompressionStream('gzip'))
  const bytes = new Uint8Array(await new Response(unpacked).arrayBuffer())
  return [name, withoutGaps(decodeMatrix(bytes))]
}

/** Where one fails the worker has an error that its page hears of. */
async function answer(range: SeedRange): Promise<void> {
  const matrices = new Map(await Promise.all(NAMES.map(matrixNamed)))
  const hashes = await seedHashes(range, (name) => {
    const matrix = matrices.get(name)
    if (matrix === undefined) throw new Error(`no ${name}`)
    return matrix
  })
  postMessage(hashes)
}

addEventListener('message', ({ data }: MessageEvent<SeedRange>) => {
  answer(data).catch((error: unknown) => reportError(error))
})
