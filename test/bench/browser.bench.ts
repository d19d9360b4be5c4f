/**
 * What a tab's engine costs real inference: runs of a model through it, beside a worker of the same
 * page that runs the model in a loop on the same runtime. They take turns in one Chromium.
 */
import { stop as stopBundler } from 'esbuild'
import { bundleEntry } from '../browser/support/bundle-entry.ts'
import { ExecModels } from '../browser/support/exec-models.ts'
import { openBrowser } from '../browser/support/open-browser.ts'
import { startStaticServer } from '../browser/support/static-server.ts'
import { isQuick, recordResult } from './report.ts'

/** Runs of one round: some seconds each. */
const RUNS: Readonly<Record<string, number>> = {
  'ppocr-direction': isQuick ? 2 : 300,
  'ppocr-recognize': isQuick ? 1 : 20,
  // 28 MB of weights are too much for a quick run
  ...(isQuick ? {} : { 'moonshine-tiny': 10 })
}
const ROUNDS = isQuick ? 1 : 5
const bench = 'browser'
const rival = 'onnxruntime-web in a loop'

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}

await using stack = new AsyncDisposableStack()
const models = new ExecModels()
stack.defer(() => models.remove())
const bundle = await bundleEntry('test/browser/support/exec-entry.ts')
stack.defer(() => bundle.remove())
// its service would outlive this process by a moment
await stopBundler()
const server = await startStaticServer({ folders: [bundle.dir, models.dir] })
stack.defer(() => server.close())
const browser = await openBrowser({ gpu: true })
stack.defer(() => browser.close())
const page = await browser.open(server.url)

async function call<Result>(method: string, ...args: readonly unknown[]): Promise<Result> {
  const result: unknown = await page.evaluate(
    ([name, given]) => Reflect.get(globalThis, 'bench')[String(name)](...given),
    [method, args] as const
  )
  return result as Result
}

await call('open', { limits: { cpu: true, gpu: false, memoryMb: 2_048, threads: 1 } })
for (const [model, runs] of Object.entries(RUNS)) {
  await call('trust', model)
  const rounds: { ours: number; theirs: number }[] = []
  await call('timeBare', model, 1)
  for (let round = 0; round < ROUNDS; round++) {
    const ours = await call<number>('timeEngine', model, runs)
    rounds.push({ ours, theirs: await call<number>('timeBare', model, runs) })
  }
  const perSecond = (ms: number): number => (runs * 1_000) / ms
  recordResult({
    bench,
    name: `${model} in a tab, WASM, one thread`,
    value: median(rounds.map(({ ours }) => perSecond(ours))),
    unit: 'runs/s',
    rival,
    ratio: median(rounds.map(({ ours, theirs }) => theirs / ours))
  })
  recordResult({
    bench,
    name: 'the rival',
    value: median(rounds.map(({ theirs }) => perSecond(theirs))),
    unit: 'runs/s',
    rival
  })
}
