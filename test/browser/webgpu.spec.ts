/**
 * WebGPU in a tab, on SwiftShader: which models it may run is decided on this very device, and a
 * device that goes away costs one run.
 */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { ExecBench, outputsOf, until } from './support/exec-bench.ts'

/** The first run compiles shaders on the processor, for seconds, and others work here too. */
const GPU_TEST_MS = 300_000
const BOTH = { cpu: true, gpu: true }

describe('WebGPU in a tab', function () {
  this.timeout(GPU_TEST_MS)
  // Chromium speaks of the GPU process that a test ends
  const bench = new ExecBench({ gpu: true, expected: /GPU|device|context/i, onePage: true })

  it('names its adapter and browser, and comes before WASM', async () => {
    const { backends, accelerators, status } = await bench.open(BOTH)
    deepEqual(
      backends.map(({ provider }) => provider),
      ['webgpu', 'wasm']
    )
    match(backends[0]?.device_class ?? '', /^opt-all\/google-swiftshader\/chromium-\d+$/)
    equal(backends[0]?.version, backends[1]?.version)
    // a program on the processor is no GPU that units could ask for and pay more on
    deepEqual(accelerators, [])
    deepEqual(
      status.map(({ state }) => state),
      ['ready', 'ready']
    )
  })

  it('runs the text-direction model after its golden vectors came out right', async () => {
    await bench.open(BOTH)
    const { ok: conforms, backend, trials } = await bench.conform('ppocr-direction')
    equal(conforms, true)
    equal((await bench.call<string[]>('kept')).length, 2)
    deepEqual(
      trials.map((trial) => [trial.backend.provider, trial.ok, trial.reason]),
      [
        ['webgpu', true, ''],
        ['wasm', true, '']
      ]
    )
    equal(backend?.provider, 'webgpu')
    const report = await bench.run('ppocr-direction')
    equal(report.backend, 'webgpu')
    const { directions } = outputsOf(report)
    ok(Array.isArray(directions))
    deepEqual(
      directions.map((one) => Reflect.get(Object(one), 'angle')),
      [0, 180]
    )
  })

  it('loses one run with its device, and goes on', async () => {
    const running = bench.run('ppocr-direction')
    await until('the run to begin', async () => (await bench.status()).stats.running === 1)
    const { browser } = bench.suite
    const inner = browser.context.browser()
    ok(inner !== null)
    const session = await inner.newBrowserCDPSession()
    await session.send('Browser.crashGpuProcess')
    const report = await running
    equal(report.code, 'executor.device_lost', JSON.stringify(report))
    // Chromium may keep the page from its GPU for a while: then WASM takes over
    const next = await bench.run('ppocr-direction')
    equal(next.code, null, JSON.stringify(next))
  })

  it('falls back to WASM when the owner switches the GPU off, and returns with it', async () => {
    await bench.setLimits({ gpu: false })
    equal((await bench.run('ppocr-direction')).backend, 'wasm')
    await bench.setLimits({ gpu: true })
    equal(await bench.call('choice', 'ppocr-direction'), 'webgpu')
  })

  it('does not run Silero VAD where its kernels are wrong: WASM does', async () => {
    // in a run of its own a model of this size is worth its wait
    await bench.open(BOTH, { softwareModelBytesMax: Number.MAX_SAFE_INTEGER })
    const { ok: conforms, backend, trials } = await bench.conform('silero-short')
    equal(conforms, true)
    const [gpu, wasm] = trials
    equal(gpu?.backend.provider, 'webgpu')
    equal(wasm?.ok, true, wasm?.reason)
    const report = await bench.run('silero-short')
    equal(report.code, null)
    if (gpu?.ok === true) {
      // a runtime that was mended may use it
      equal(backend?.provider, 'webgpu')
      equal(report.backend, 'webgpu')
    } else {
      match(gpu?.reason ?? '', /^golden 0: the outputs are not within numeric of the golden ones$/)
      equal(backend?.provider, 'wasm')
      equal(report.backend, 'wasm')
    }
  })

  it('leaves large models to WASM where the adapter is a program', async () => {
    await bench.open(BOTH)
    const { backend, trials } = await bench.conform('ppocr-detect')
    equal(backend?.provider, 'wasm')
    match(trials[0]?.reason ?? '', /executor.software_adapter/)
  })
})
