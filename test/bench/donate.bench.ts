/**
 * What an owner of a tab waits for: from opening the link to the first accepted unit of a model of
 * 28 MB, with the model to be fetched and with it at hand, and from Pause until nothing runs, seen from
 * outside. And what the owner feels: how long the page's own thread is busy in one go while units run.
 * The mesh is a control node and that tab.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { stop as stopBundler } from 'esbuild'
import { z } from 'zod'
import { bundlePage } from '#browser-node/build'
import { DonateMesh, DonorTab, LOGGED_DIALS, RECORDING } from '../browser/support/donate-mesh.ts'
import { openBrowser, type TestBrowser } from '../browser/support/open-browser.ts'
import { type CommandRun, ENDLESS, LoopFiles } from '../support/kora-process.ts'
import { leasesOut, watchLettingGo } from './donor-probe.ts'
import { isQuick, recordResult } from './report.ts'

const bench = 'donate'
const FIRST_UNITS = isQuick ? 1 : 5
const PAUSES = isQuick ? 1 : 10
const SHORT_UNITS = isQuick ? 5 : 200
const PATIENCE_MS = 120_000
/** Longer than Chromium lets a worker go on that was ended. */
const WATCH_MS = 3_000
const Sessions = z.object({
  sessions: z.array(z.object({ session: z.string(), status: z.string() }))
})

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}

/** Eleven seconds of speech as one unit of the model of 28 MB, without a second opinion. */
const SPEECH = {
  schema_version: 1,
  graph_id: 'speech',
  inputs: { audio: {} },
  budgets: {
    max_model_calls: 10,
    max_tokens: 2_000,
    max_cost_micro: 100_000,
    max_latency_ms: 600_000
  },
  tasks: [
    {
      id: 'decode',
      type: 'deterministic',
      handler: 'audio.decode',
      input: { file: { $input: 'audio' } }
    },
    {
      id: 'blocks',
      type: 'deterministic',
      handler: 'audio.blocks',
      input: { samples: { $task: 'decode', select: '/samples' } }
    },
    {
      id: 'transcribe',
      type: 'model',
      model: 'moonshine-tiny',
      tier: 'large',
      fanout: { over: { $task: 'blocks', select: '/blocks' } },
      input: { samples: { $item: true } },
      budget: { max_tokens: 200, max_time_ms: 120_000, max_cost_micro: 6_000, max_retries: 3 }
    }
  ],
  outputs: { texts: { $task: 'transcribe' } }
}

console.log(`load at the start: ${loadavg()[0]?.toFixed(2)}`)
await using stack = new AsyncDisposableStack()
const mesh = new DonateMesh()
stack.defer(() => mesh.end())
// bundled here, so that its service, which would outlive this process by a moment, can be ended
await bundlePage()
await stopBundler()
await mesh.begin()
const files = new LoopFiles(await mesh.started.folder())
const added = await mesh.commands.ended(...files.addWords(mesh.data))
if (added.code !== 0) throw new Error(added.err)
// 28 MB are too much for a quick run
const job = isQuick
  ? [files.path('loops.json'), ...files.inputWords([3], 'first.npy')]
  : [files.write('speech.json', JSON.stringify(SPEECH)), '--input', `audio=${RECORDING}`]

async function running(): Promise<readonly string[]> {
  const { sessions } = Sessions.parse(await mesh.commands.json('status', '--data', mesh.data))
  return sessions.filter(({ status }) => status === 'running').map(({ session }) => session)
}

/** A job that waits for somebody who runs it. */
async function waitingJob(): Promise<CommandRun> {
  const run = mesh.run(...job, '--no-cache')
  while ((await running()).length === 0) await wait(100)
  return run
}

const unitsDone = (page: DonorTab['page']): Promise<number> =>
  page.evaluate(() => {
    const figures = [...document.querySelectorAll('.card-tally .figure')]
    const figure = figures.find((one) => one.querySelector('dt')?.textContent === 'Units done')
    return Number(figure?.querySelector('.number')?.textContent?.replaceAll(',', '') ?? 0)
  })

/** From opening the link, Start pressed as soon as it is there, to the first unit that counts. */
async function firstUnit(browser: TestBrowser): Promise<{ tab: DonorTab; ms: number }> {
  const run = await waitingJob()
  const begun = performance.now()
  const tab = await DonorTab.open(browser, mesh.up.donate_url)
  await tab.press('Start')
  const before = await unitsDone(tab.page)
  while ((await unitsDone(tab.page)) <= before) {
    if (performance.now() - begun > PATIENCE_MS) throw new Error(await tab.text('main'))
    await wait(10)
  }
  const ms = performance.now() - begun
  await mesh.result(run)
  return { tab, ms }
}

const openDonor = (folder: string): Promise<TestBrowser> =>
  openBrowser({ folder, expected: LOGGED_DIALS })

const fetched: number[] = []
const atHand: number[] = []
let last: DonorTab | undefined
for (let round = 0; round < FIRST_UNITS; round++) {
  const folder = mkdtempSync(join(tmpdir(), 'kora-donor-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
  const fresh = await openDonor(folder)
  fetched.push((await firstUnit(fresh)).ms)
  await fresh.close()
  const again = await openDonor(folder)
  const { tab, ms } = await firstUnit(again)
  atHand.push(ms)
  last = tab
  if (round + 1 < FIRST_UNITS) await again.close()
  else stack.defer(() => again.close())
}
if (last === undefined) throw new Error('a tab is open by now')
const { page } = last
const model = isQuick ? 'a model of 1 KB' : 'a model of 28 MB'
const first = (how: string, values: readonly number[]): void =>
  recordResult({
    bench,
    name: `link opened to first accepted unit, ${model} ${how}, median of ${values.length}`,
    value: median(values),
    unit: 'ms'
  })
first('fetched', fetched)
first('at hand', atHand)

/** Milliseconds of each task of the page's thread over 50 ms, from now on. */
await page.evaluate(() => {
  const tasks: number[] = []
  Reflect.set(globalThis, 'longTasks', tasks)
  new PerformanceObserver((list) => {
    tasks.push(...list.getEntries().map(({ duration }) => duration))
  }).observe({ type: 'longtask' })
})
const begun = performance.now()
await mesh.result(mesh.run(...job, '--no-cache'))
const turns = Array.from({ length: SHORT_UNITS }, (_, index) => 3 + (index % 90))
const loops = files.path('loops.json')
await mesh.result(mesh.run(loops, ...files.inputWords(turns, 'short.npy'), '--no-cache'))
const longTasks = z.array(z.number()).parse(await page.evaluate('globalThis.longTasks'))
recordResult({
  bench,
  name: `tasks over 50 ms on the page's thread while ${SHORT_UNITS + 1} units run`,
  value: longTasks.length,
  unit: `in ${((performance.now() - begun) / 1_000).toFixed(0)} s`
})
recordResult({ bench, name: 'the longest of them', value: Math.max(0, ...longTasks), unit: 'ms' })

/** One call of the runtime that would never end. */
const endless = mesh.run(loops, ...files.inputWords([ENDLESS], 'endless.npy'), '--no-cache')
const idle: number[] = []
const handedBack: number[] = []
for (let round = 0; round < PAUSES; round++) {
  await last.is('working')
  while ((await leasesOut(mesh.data)) === 0) await wait(10)
  // each Pause ends the worker: a fresh one has loaded the model by then, and is in its one call
  await wait(1_500)
  const press = (): Promise<number> =>
    page.evaluate(() => {
      document.querySelector<HTMLButtonElement>('.big-pause')?.click()
      return Date.now()
    })
  const seen = await watchLettingGo(mesh.data, { press, watchMs: WATCH_MS })
  idle.push(seen.idleMs)
  handedBack.push(seen.handedBackMs)
  await last.start()
}
await endless.kill()
for (const session of await running())
  await mesh.commands.ended('cancel', session, '--data', mesh.data)
const pause = (what: string, values: readonly number[]): void => {
  for (const [how, value] of [
    ['median', median(values)],
    ['worst', Math.max(...values)]
  ] as const)
    recordResult({ bench, name: `Pause to ${what}, ${how} of ${PAUSES}`, value, unit: 'ms' })
}
pause('no work in any thread of the browser', idle)
pause('its unit handed back at the gateway', handedBack)
