/**
 * What the mesh costs real inference: a graph that reads line pictures in two node processes of one
 * executor each, from its submission to its result in the ledger, beside two processes that run the
 * same model on the same pictures in a loop. They take turns in one run.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { parseGraph } from '#control'
import { lineOf } from './line-pictures.ts'
import { LocalMesh } from './local-mesh.ts'
import { isQuick, recordResult } from './report.ts'

const MODEL = 'ppocr-recognize'
const PROCESSES = 2
const LINES = isQuick ? 8 : 240
const ROUNDS = isQuick ? 1 : 5
const START_MS_MAX = 60_000
const bench = 'inference'

const graph = parseGraph({
  schema_version: 1,
  graph_id: 'read-lines',
  inputs: { lines: {} },
  budgets: {
    max_model_calls: 100_000,
    max_tokens: 0,
    max_cost_micro: 900_000_000,
    max_latency_ms: 3_600_000
  },
  tasks: [
    {
      id: 'read',
      type: 'model',
      model: MODEL,
      tier: 'small',
      fanout: { over: { $input: 'lines' } },
      input: { lines: { $item: true } },
      schema: { type: 'object', required: ['lines'] },
      budget: { max_tokens: 0, max_time_ms: 60_000, max_cost_micro: 2_000, max_retries: 3 }
    }
  ],
  outputs: { read: { $task: 'read' } }
})

interface Took {
  readonly ms: number
  readonly cpuMs: number | null
}

/** Other pictures each time, so that nothing is found in a cache. */
async function throughMesh(mesh: LocalMesh, first: number): Promise<Took> {
  const lines = Array.from({ length: LINES }, (_, index) => lineOf(first + index))
  const cpuBefore = mesh.cpuMs()
  const startMs = performance.now()
  const job = { graph, inputs: { lines }, requestId: `lines from ${first}`, useCache: false }
  const { stop_reason, error } = await mesh.control.result(await mesh.control.start(job))
  const ms = performance.now() - startMs
  if (stop_reason !== 'success') throw new Error(`the session ended: ${error?.detail}`)
  const cpuAfter = mesh.cpuMs()
  return { ms, cpuMs: cpuBefore === null || cpuAfter === null ? null : cpuAfter - cpuBefore }
}

async function startBare(): Promise<ChildProcess> {
  const child = fork(join(import.meta.dirname, 'bare-runtime.ts'), [MODEL])
  await once(child, 'message', { signal: AbortSignal.timeout(START_MS_MAX) })
  return child
}

/** Each process its share; the last to finish counts. */
async function bare(children: readonly ChildProcess[], first: number): Promise<Took> {
  const share = LINES / children.length
  const all = await Promise.all(
    children.map(async (child, index): Promise<{ ms: number; cpuMs: number }> => {
      const answer = once(child, 'message')
      child.send({ from: first + index * share, to: first + (index + 1) * share })
      const [took] = await answer
      return took
    })
  )
  return {
    ms: Math.max(...all.map(({ ms }) => ms)),
    cpuMs: all.reduce((sum, { cpuMs }) => sum + cpuMs, 0)
  }
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}

await using stack = new AsyncDisposableStack()
const mesh = stack.use(await LocalMesh.open({ nodes: PROCESSES, flags: ['--slots', '1'] }))
const children: ChildProcess[] = []
for (let index = 0; index < PROCESSES; index++) {
  const child = await startBare()
  stack.defer(() => void child.kill())
  children.push(child)
}
await throughMesh(mesh, 0)
await bare(children, 0)
const rounds: { mesh: Took; bare: Took }[] = []
for (let round = 1; round <= ROUNDS; round++) {
  const first = round * LINES
  const ours = await throughMesh(mesh, first)
  await mesh.idle()
  rounds.push({ mesh: ours, bare: await bare(children, first) })
}
const rival = `ONNX Runtime in a loop, ${PROCESSES} processes`
recordResult({
  bench,
  name: `${MODEL}, ${LINES} lines through the mesh`,
  value: median(rounds.map(({ mesh: took }) => (LINES * 1_000) / took.ms)),
  unit: 'units/s',
  rival,
  ratio: median(rounds.map((took) => took.bare.ms / took.mesh.ms))
})
recordResult({
  bench,
  name: 'the rival',
  value: median(rounds.map(({ bare: took }) => (LINES * 1_000) / took.ms)),
  unit: 'units/s',
  rival
})
const cpu = rounds.flatMap(({ mesh: ours, bare: theirs }) =>
  ours.cpuMs === null || theirs.cpuMs === null ? [] : [{ ours: ours.cpuMs, theirs: theirs.cpuMs }]
)
if (cpu.length > 0) {
  recordResult({
    bench,
    name: 'CPU time of control node, nodes and executors',
    value: median(cpu.map(({ ours }) => ours / LINES)),
    unit: 'ms/unit',
    rival,
    ratio: median(cpu.map(({ ours, theirs }) => theirs / ours))
  })
}
