/**
 * How many events a second does the simulator carry: its bare queue, beside a heap of objects, and the
 * whole protocol with trace and checkers at 1,000 and 10,000 nodes? Memory of the largest beside it.
 */
import { EventQueue } from '../../sim/kernel/event-queue.ts'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { runScenario } from '../../sim/world/run.ts'
import { Scenario } from '../../sim/world/scenario.ts'
import { isQuick, recordResult } from './report.ts'

const BENCH = 'sim'
const PENDING = isQuick ? 100 : 10_000
const HOLDS = isQuick ? 2_000 : 300_000
const REPEATS = isQuick ? 1 : 5
const MIB = 1024 * 1024

/** Steps of a chain with a period of 2^32: both queues are asked the same. */
const nextOf = (word: number): number => (Math.imul(word, 1_664_525) + 1_013_904_223) >>> 0

/** The hold model: the next event is taken, and one more is entered in its place. */
function holdTyped(): void {
  const queue = new EventQueue<null>()
  let word = 1
  for (let node = 0; node < PENDING; node++) {
    word = nextOf(word)
    queue.push(word % 100_000, node, 1, null)
  }
  for (let held = 0; held < HOLDS; held++) {
    queue.pop()
    word = nextOf(word)
    queue.push(queue.atUs + (word % 100_000), queue.node, 1, null)
  }
}

interface Plain {
  readonly atUs: number
  readonly order: number
  readonly node: number
}

const isBefore = (a: Plain, b: Plain): boolean =>
  a.atUs < b.atUs || (a.atUs === b.atUs && a.order < b.order)

/** A binary heap of objects, as they are mostly written. */
class ObjectHeap {
  readonly #heap: Plain[] = []

  push(event: Plain): void {
    let place = this.#heap.push(event) - 1
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = this.#heap[parent]
      if (above === undefined || !isBefore(event, above)) break
      this.#heap[place] = above
      place = parent
    }
    this.#heap[place] = event
  }

  pop(): Plain | undefined {
    const [first] = this.#heap
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return first
    let place = 0
    for (;;) {
      const left = this.#heap[2 * place + 1]
      const right = this.#heap[2 * place + 2]
      const isRight = left !== undefined && right !== undefined && isBefore(right, left)
      const below = isRight ? right : left
      if (below === undefined || !isBefore(below, last)) break
      this.#heap[place] = below
      place = 2 * place + (isRight ? 2 : 1)
    }
    this.#heap[place] = last
    return first
  }
}

function holdObjects(): void {
  const heap = new ObjectHeap()
  let word = 1
  let order = 0
  for (let node = 0; node < PENDING; node++) {
    word = nextOf(word)
    heap.push({ atUs: word % 100_000, order: order++, node })
  }
  for (let held = 0; held < HOLDS; held++) {
    const event = heap.pop()
    word = nextOf(word)
    const atUs = (event?.atUs ?? 0) + (word % 100_000)
    heap.push({ atUs, order: order++, node: event?.node ?? 0 })
  }
}

/** The best of some runs: whatever else the machine does only takes away. */
function perSecond(hold: () => void): number {
  let best = 0
  for (let run = 0; run <= REPEATS; run++) {
    const startMs = performance.now()
    hold()
    best = Math.max(best, (HOLDS * 1_000) / (performance.now() - startMs))
  }
  return best
}

async function protocol(nodes: number): Promise<void> {
  const scenario = Scenario.parse({
    claim: 'A mesh at work.',
    nodes,
    units: isQuick ? 20 : 5_000,
    arrive_over_ms: 30_000,
    quorum_per_mille: 250
  })
  const report = await runScenario(
    { name: BENCH, scenario, seed: 1 },
    {
      goesOn: async () => true,
      matrixOf: shippedMatrix,
      wallMs: () => performance.now(),
      rssMb: () => process.memoryUsage.rss() / MIB
    }
  )
  const found = report.violations[0]
  if (found !== undefined) throw new Error(`${found.rule}: ${found.detail}`)
  const of = `whole protocol, ${nodes} nodes`
  const value = (report.events * 1_000) / report.wall_ms
  recordResult({ bench: BENCH, name: `${of}, events`, value, unit: 'event/s' })
  recordResult({ bench: BENCH, name: `${of}, memory`, value: report.rss_mb, unit: 'MiB' })
}

const typed = perSecond(holdTyped)
const ratio = typed / perSecond(holdObjects)
recordResult({
  bench: BENCH,
  name: `queue, hold model, ${PENDING} pending`,
  value: typed,
  unit: 'event/s',
  rival: 'binary heap of objects',
  ratio
})
for (const nodes of isQuick ? [10] : [1_000, 10_000]) await protocol(nodes)
