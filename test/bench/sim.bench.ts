/**
 * How many events a second does the simulator carry: its bare queue and a flood of messages, beside a heap
 * of objects and a simulator of npm, and the whole protocol with trace and every checker at 1,000 and
 * 10,000 nodes? Memory of the largest beside it.
 */
import { deepEqual } from 'node:assert/strict'
import { EventQueue } from '../../sim/kernel/event-queue.ts'
import { shippedMatrix } from '../../sim/network/shipped-matrices.ts'
import { runScenario } from '../../sim/world/run.ts'
import { Scenario } from '../../sim/world/scenario.ts'
import { ObjectHeap, type Plain } from './object-heap.ts'
import { isQuick, recordResult } from './report.ts'
import { jsSimulator } from './rivals/js-simulator.ts'
import { type Flood, type FloodKernel, flood, objectKernel, typedKernel } from './sim-flood.ts'

const BENCH = 'sim'
const PENDING = isQuick ? 100 : 10_000
const HOLDS = isQuick ? 2_000 : 300_000
const REPEATS = isQuick ? 1 : 5
const MIB = 1024 * 1024
const FLOOD = isQuick ? { hosts: 50, messages: 2 } : { hosts: 1_000, messages: 60 }

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

function holdObjects(): void {
  const heap = new ObjectHeap<Plain & { readonly node: number }>()
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

/** The best of some runs of each, in turns; the first warms up. */
async function floods(): Promise<void> {
  const rival = await jsSimulator()
  const kernels = new Map<string, FloodKernel>([
    ['ours', typedKernel],
    ['binary heap of objects', objectKernel]
  ])
  if ('missing' in rival) console.log(`no rival: ${rival.missing}`)
  else kernels.set('js-simulator 1.0.17', rival)
  const best = new Map<string, Flood>()
  for (let run = 0; run <= REPEATS; run++) {
    for (const [name, kernel] of kernels) {
      const seen = flood(FLOOD, kernel)
      const before = best.get(name)
      if (before === undefined || seen.wallMs < before.wallMs) best.set(name, seen)
    }
  }
  const [ours, objects] = [best.get('ours'), best.get('binary heap of objects')]
  deepEqual([ours?.events, ours?.hash], [objects?.events, objects?.hash])
  const rate = (of: Flood | undefined): number =>
    of === undefined ? 0 : (of.events * 1_000) / of.wallMs
  const name = `flood of ${FLOOD.messages} messages over ${FLOOD.hosts} hosts, with trace`
  for (const [other, seen] of best) {
    if (other === 'ours') continue
    const ratio = rate(ours) / rate(seen)
    recordResult({ bench: BENCH, name, value: rate(ours), unit: 'event/s', rival: other, ratio })
  }
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
await floods()
for (const nodes of isQuick ? [10] : [1_000, 10_000]) await protocol(nodes)
