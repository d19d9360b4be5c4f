/**
 * A real mesh with donors: a control node, a headless node and two tabs that opened the printed link
 * transcribe a recording and read a page. What comes out is compared with the same graphs run by KORA
 * alone, and who earned what with the ledger. The control node dies, and tabs stay together.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import type { NodeRun } from '../support/kora-process.ts'
import { inLong, isLong } from '../support/long.ts'
import { until } from '../support/mesh-hosts.ts'
import {
  acceptedBy,
  DonateMesh,
  type DonorTab,
  type Executed,
  exampleFile,
  expectSound,
  PATIENCE_MS,
  RECORDING
} from './support/donate-mesh.ts'

const WORDS =
  'And so my fellow Americans. Ask not what your country can do for you, ask what you can do for your country.'
const TRANSCRIBE = [exampleFile('transcribe/graph.yaml'), '--input', `audio=${RECORDING}`]
/** Two lines at a time and five minutes for them: the tabs' adapter is a program on a busy machine. */
const PATIENT = { budget: { max_tokens: 0, max_time_ms: 300_000, max_cost_micro: 2_000 } }
const PATIENT_LINES = 2
const Graph = z.looseObject({
  tasks: z.array(z.looseObject({ id: z.string(), fanout: z.looseObject({}).optional() }))
})
const Studio = z.object({ outputs: z.record(z.string(), z.unknown()) })

describe('a mesh of a node and two tabs', function () {
  this.timeout(5 * PATIENCE_MS)
  const mesh = new DonateMesh()
  let node: NodeRun
  let one: DonorTab
  let two: DonorTab
  let tabs: readonly string[] = []
  let read: readonly string[] = []

  before(async () => {
    await mesh.begin()
    read = await pageWords()
    node = await mesh.node('node', '--pod')
    one = await mesh.tab({ gpu: isLong })
    await one.start()
    two = await mesh.tab({ gpu: isLong })
    await two.start()
    tabs = await Promise.all([one.peerId(), two.peerId()])
  })
  after(() => mesh.end())

  /** The page job, with time for the adapter of these browsers. */
  async function pageWords(): Promise<readonly string[]> {
    const { tasks, ...graph } = Graph.parse(
      parse(readFileSync(exampleFile('read-page/graph.yaml'), 'utf8'))
    )
    const patient = tasks.map((task) =>
      task.id === 'direction'
        ? { ...task, ...PATIENT, fanout: { ...task.fanout, chunk: PATIENT_LINES } }
        : task
    )
    const file = join(await mesh.started.folder(), 'read-page.json')
    writeFileSync(file, JSON.stringify({ ...graph, tasks: patient }))
    return [file, '--input', `page=${exampleFile('read-page/receipt.png')}`]
  }

  /** What KORA alone, without a mesh, makes of it. */
  async function alone(words: readonly string[]): Promise<Readonly<Record<string, unknown>>> {
    const data = await mesh.started.folder()
    const run = await mesh.commands.json('studio', 'run', ...words, '--data', data)
    return Studio.parse(run).outputs
  }

  const byTabs = (result: Executed): readonly string[] =>
    tabs.flatMap((peer) => acceptedBy(result, peer))

  it('is two browsers that found each other, and speak without anybody between', async () => {
    for (const tab of [one, two]) await tab.reachedBy(/(^|, )webrtc(,|$)/)
    await until(async () => (await one.bytesFromTabs()) > 1_000, 'gossip from two', PATIENCE_MS)
    await until(async () => (await two.bytesFromTabs()) > 1_000, 'gossip from one', PATIENCE_MS)
  })

  it('transcribes the recording with a tab among those who hear where speech is', async () => {
    const result = await mesh.ran(...TRANSCRIBE)
    expectSound(result)
    equal(result.outputs['text'], WORDS)
    deepEqual(result.outputs, await alone(TRANSCRIBE))
    ok(byTabs(result).includes('detect'), JSON.stringify(result.units))
  })

  it('transcribes with tabs alone, speech to text included', async () => {
    node.run.child.kill('SIGTERM')
    await node.run.ended()
    const heard = await mesh.ran(...TRANSCRIBE, '--no-cache')
    expectByTabs(heard)
    equal(heard.outputs['text'], WORDS)
  })

  // a WebGPU adapter in software takes minutes over the lines of a page
  inLong('reads with tabs alone', async () => {
    const page = await mesh.ran(...read)
    expectByTabs(page)
    deepEqual(page.outputs['text'], (await alone(read))['text'])
    equal(await byWebGpu(page), true)
  })

  function expectByTabs(result: Executed): void {
    expectSound(result)
    const models = result.units.filter(({ executions }) => executions.length > 0)
    equal(new Set(byTabs(result)).size, new Set(models.map(({ task }) => task)).size)
    for (const { executions } of models) {
      for (const { node: by } of executions) ok(tabs.includes(by), by)
    }
  }

  /** The text-direction model ran on WebGPU in every tab in which it passed there, and else on WASM. */
  async function byWebGpu(page: Executed): Promise<boolean> {
    const direction = page.units.filter(({ task }) => task === 'direction')
    const used = direction
      .flatMap(({ executions }) => executions)
      .filter(({ verdict }) => verdict === 'accepted')
    for (const { node: by, backend } of used) {
      const tab = by === tabs[0] ? one : two
      const shown = await tab.model('ppocr-direction')
      const wanted = shown.includes('GPU (WebGPU)') ? 'webgpu' : 'wasm'
      equal(backend?.provider, wanted, shown)
      if (wanted === 'wasm') match(shown, /webgpu: /)
    }
    return used.some(({ backend }) => backend?.provider === 'webgpu')
  }

  it('pays the tabs what their pages show', async () => {
    for (const tab of [one, two]) {
      const micro = await mesh.earnedMicro(await tab.peerId())
      ok(micro > 0)
      await tab.showsCleared(micro)
      deepEqual(tab.browser.faults(), [])
    }
    await mesh.verify()
  })

  it('goes on with the one who is left where the control node comes back', async () => {
    for (const tab of [one, two]) await tab.reachedBy(/(^|, )webrtc(,|$)/)
    await mesh.up.run.kill()
    // what the relay brought together stays together
    for (const tab of [one, two]) await tab.reachedBy(/^webrtc$/)
    await mesh.begin()
    await Promise.all([one.is('waiting'), two.is('waiting')])
  })
})
