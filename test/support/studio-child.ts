/**
 * Runs a graph in Studio in a process of its own and prints which modules were loaded for it, one
 * address a line. A test reads them: nothing of the mesh may be among them.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const loaded: string[] = []
registerHooks({
  load(url, context, next) {
    loaded.push(url)
    return next(url, context)
  }
})

const { parseGraph, Studio } = await import('#control')
const dataDir = mkdtempSync(join(tmpdir(), 'kora-studio-child-'))
const studio = await Studio.open({ dataDir })
try {
  const graph = parseGraph({
    schema_version: 1,
    graph_id: 'echo',
    budgets: { max_tokens: 0, max_latency_ms: 10_000, max_cost_micro: 0, max_model_calls: 0 },
    tasks: [{ id: 'a', type: 'deterministic', handler: 'value.echo', input: { v: 1 } }],
    outputs: { v: { $task: 'a', select: '/v' } }
  })
  const result = await studio.run({ graph, inputs: {} })
  for (const url of loaded) console.log(url)
  console.log(`outputs ${JSON.stringify(result.outputs)}`)
} finally {
  await studio.close()
  rmSync(dataDir, { recursive: true, force: true })
}
