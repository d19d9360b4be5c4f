/**
 * A thread of the soak: runs one seed after another as it is told, and says what is left of each. `stop`
 * ends the seed that runs; the thread itself is ended by whoever started it.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '#contracts'
import { shippedMatrix } from '../network/shipped-matrices.ts'
import { type SeedOutcome, type SoakOptions, soakSeed } from './soak.ts'

/** What a thread is told. */
export type WorkerHears =
  | { readonly type: 'run'; readonly seed: number }
  | { readonly type: 'stop' }
export type WorkerSays =
  | { readonly type: 'outcome'; readonly outcome: SeedOutcome }
  | { readonly type: 'failed'; readonly reason: string }

const MIB = 1024 * 1024
const port = parentPort
assert(port !== null, 'it is started as a thread')
const options: Pick<SoakOptions, 'isTwice' | 'nodes'> = workerData
let isStopped = false

const ports = {
  matrixOf: shippedMatrix,
  goesOn: async () => {
    await turn()
    return !isStopped
  },
  wallMs: () => performance.now(),
  rssMb: () => process.memoryUsage.rss() / MIB
}
const say = (words: WorkerSays): void => port.postMessage(words)

port.on('message', (words: WorkerHears) => {
  if (words.type === 'stop') {
    isStopped = true
    return
  }
  soakSeed(words.seed, options, ports).then(
    (outcome) => say({ type: 'outcome', outcome }),
    (error: unknown) => {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      say({ type: 'failed', reason })
    }
  )
})
