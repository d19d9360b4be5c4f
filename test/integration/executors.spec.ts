/** Executor processes with real models that misbehave: each costs its own run and nothing else. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ErrorCode, encodeValue, MeshError, type Tensor } from '#contracts'
import { ExecutorPool } from '#mesh-node/exec'
import { floats, LIMITS, longs, ModelFolder, numbersOf, tensorRequest } from '../support/models.ts'
import { doublingModel, endlessModel, hungryModel, sequenceModel } from '../support/onnx-builder.ts'

const THREE = floats([1, 3], 1, 2, 3)

function withCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => {
    ok(error instanceof MeshError, `a MeshError, not ${error}`)
    equal(error.code, code)
    return true
  }
}

/** Waits on a condition, with a deadline instead of a fixed sleep. */
async function until(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = Date.now() + 10_000
  while (!condition()) {
    ok(Date.now() < deadlineMs, `waited too long for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function isAlive(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
  } catch {
    return false
  }
}

describe('executors', function () {
  this.timeout(60_000)
  let folder: ModelFolder
  let pool: ExecutorPool

  beforeEach(() => {
    folder = new ModelFolder()
    pool = new ExecutorPool({ slots: 2, inputRoots: [folder.path] })
  })

  afterEach(async () => {
    await pool.close()
    folder.remove()
  })

  it('report to nobody: the runtime writes none of the files that it reports from', async () => {
    const script = [
      `import { nodeRuntime } from ${JSON.stringify(new URL('../../mesh-node/exec/ort-node.ts', import.meta.url))}`,
      `import { readFileSync } from 'node:fs'`,
      `const runtime = nodeRuntime({ provider: 'cpu', threads: 1 })`,
      `await runtime.createSession(readFileSync(process.argv[1]))`
    ].join('\n')
    const model = folder.write('double.onnx', doublingModel())
    const temporary = join(folder.path, 'temporary')
    mkdirSync(temporary)
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, model], {
      env: { PATH: process.env['PATH'], TMPDIR: temporary },
      stdio: ['ignore', 'ignore', 'inherit']
    })
    const [code] = await once(child, 'exit')
    equal(code, 0)
    deepEqual(readdirSync(temporary), [])
  })

  /** The next run after any failure works. */
  async function expectWorking(): Promise<void> {
    const result = await pool.execute(
      tensorRequest(folder, 'double', doublingModel(), { x: THREE })
    )
    deepEqual(numbersOf(result.outputs['y']), [2, 4, 6])
  }

  it('runs a model and says what it took and where', async () => {
    const result = await pool.execute(
      tensorRequest(folder, 'double', doublingModel(), { x: THREE })
    )
    deepEqual(numbersOf(result.outputs['y']), [2, 4, 6])
    ok(result.usage.wall_ms > 0 && result.usage.cpu_ms > 0)
    equal(result.backend.runtime, 'onnxruntime-node')
    equal(result.backend.provider, 'cpu')
    deepEqual(result.backend, pool.backends[0])
  })

  it('keeps the process of a model warm for its next run', async () => {
    await expectWorking()
    const pids = pool.pids()
    await expectWorking()
    deepEqual(pool.pids(), pids)
    equal(pids.length, 1)
  })

  it('reads inputs from files of the blob folders, raw and encoded', async () => {
    const request = tensorRequest(folder, 'double', doublingModel(), {})
    const raw = folder.write('raw', THREE.data)
    const encoded = folder.write('encoded', encodeValue(THREE))
    for (const input of [
      { kind: 'tensor', path: raw, dtype: 'float32', shape: [1, 3] },
      { kind: 'encoded', path: encoded }
    ] as const) {
      const { outputs } = await pool.execute({ ...request, inputs: { x: input } })
      deepEqual(numbersOf(outputs['y']), [2, 4, 6])
    }
  })

  it('lets a model process read no other file of this machine', async () => {
    const request = tensorRequest(folder, 'double', doublingModel(), {})
    const other = new ModelFolder()
    try {
      const path = other.write('secret', THREE.data)
      const x = { kind: 'tensor', path, dtype: 'float32', shape: [1, 3] } as const
      await rejects(pool.execute({ ...request, inputs: { x } }), withCode('model.file_missing'))
    } finally {
      other.remove()
    }
    await expectWorking()
  })

  it('kills a run that never ends at its time limit', async () => {
    const request = tensorRequest(folder, 'endless', endlessModel(), { x: floats([1], 1) })
    const startMs = Date.now()
    const limits = { ...LIMITS, run_ms: 300 }
    await rejects(pool.execute({ ...request, limits }), withCode('executor.timed_out'))
    ok(Date.now() - startMs < 15_000)
    await expectWorking()
  })

  it('kills a run that eats memory at its memory limit', async () => {
    const size = longs(6_000_000_000)
    const request = tensorRequest(folder, 'hungry', hungryModel(), { size })
    const limits = { ...LIMITS, memory_mb: 400 }
    await rejects(pool.execute({ ...request, limits }), withCode('executor.memory_exceeded'))
    await expectWorking()
  })

  it('reports the signal when a process is killed in its run, and goes on', async () => {
    const request = tensorRequest(folder, 'endless', endlessModel(), { x: floats([1], 1) })
    await pool.warm(request.manifest, request.files)
    const run = pool.execute(request)
    const [pid] = pool.pids()
    ok(pid !== undefined)
    process.kill(pid, 'SIGKILL')
    await rejects(run, (error) => {
      withCode('executor.crashed')(error)
      equal(error instanceof MeshError ? error.facts['signal'] : '', 'SIGKILL')
      return true
    })
    await expectWorking()
  })

  it('ends a run at once when its caller withdraws it, running or waiting', async () => {
    const request = tensorRequest(folder, 'endless', endlessModel(), { x: floats([1], 1) })
    const controller = new AbortController()
    const one = new ExecutorPool({ slots: 1 })
    try {
      await one.warm(request.manifest, request.files)
      const running = one.execute({ ...request, signal: controller.signal })
      const waiting = one.execute({ ...request, signal: controller.signal })
      equal(one.stats().queued, 1)
      controller.abort()
      await Promise.all([
        rejects(running, withCode('executor.cancelled')),
        rejects(waiting, withCode('executor.cancelled'))
      ])
      const late = one.execute({ ...request, signal: controller.signal })
      await rejects(late, withCode('executor.cancelled'))
    } finally {
      await one.close()
    }
  })

  it('runs as many at once as it has slots, and one model process for each', async () => {
    const request = tensorRequest(folder, 'endless', endlessModel(), { x: floats([1], 1) })
    const limits = { ...LIMITS, run_ms: 1_500 }
    const runs = [1, 2, 3].map(() => pool.execute({ ...request, limits }))
    equal(pool.stats().running, 2)
    equal(pool.stats().queued, 1)
    equal(pool.pids().length, 2)
    await Promise.all(runs.map((run) => rejects(run, withCode('executor.timed_out'))))
  })

  it('keeps no more processes than its bound and lets the longest idle go', async () => {
    const small = new ExecutorPool({ slots: 1, childrenMax: 2 })
    try {
      const request = tensorRequest(folder, 'double', doublingModel(), { x: THREE })
      for (const name of ['a', 'b', 'c']) {
        await small.execute({ ...request, manifest: { ...request.manifest, name } })
      }
      ok(small.pids().length <= 2)
      const kept = small.pids()
      await small.execute({ ...request, manifest: { ...request.manifest, name: 'c' } })
      deepEqual(small.pids(), kept)
    } finally {
      await small.close()
    }
  })

  it('refuses what is no ONNX model', async () => {
    const noise = new TextEncoder().encode('this is a poem, not a model')
    const request = tensorRequest(folder, 'noise', noise, { x: THREE })
    await rejects(pool.execute(request), withCode('model.not_onnx'))
    await rejects(pool.describe(request.files['model.onnx'] ?? ''), withCode('model.not_onnx'))
    const cut = tensorRequest(folder, 'cut', doublingModel().slice(0, 40), { x: THREE })
    await rejects(pool.execute(cut), withCode('model.not_onnx'))
    await expectWorking()
  })

  it('refuses inputs that do not fit the signature before the runtime sees them', async () => {
    const request = tensorRequest(folder, 'double', doublingModel(), {})
    const cases: [Record<string, Tensor>, ErrorCode][] = [
      [{}, 'model.input_missing'],
      [{ x: THREE, z: THREE }, 'model.input_unknown'],
      [{ x: longs(1, 2, 3) }, 'model.wrong_dtype'],
      [{ x: floats([1, 4], 1, 2, 3, 4) }, 'model.wrong_shape'],
      [{ x: floats([3], 1, 2, 3) }, 'model.wrong_shape']
    ]
    for (const [inputs, code] of cases) {
      const refs = Object.entries(inputs).map(([name, value]) => [name, { kind: 'value', value }])
      await rejects(pool.execute({ ...request, inputs: Object.fromEntries(refs) }), withCode(code))
    }
    equal(pool.pids().length, 1)
    await expectWorking()
  })

  it('refuses models that give sequences', async () => {
    const request = tensorRequest(folder, 'sequence', sequenceModel(), { x: floats([1], 1) })
    await rejects(pool.execute(request), withCode('model.unsupported'))
  })

  it('reads the signature of a model', async () => {
    const request = tensorRequest(folder, 'double', doublingModel(), {})
    deepEqual(await pool.describe(request.files['model.onnx'] ?? ''), {
      inputs: [{ name: 'x', dtype: 'float32', shape: [null, 3] }],
      outputs: [{ name: 'y', dtype: 'float32', shape: [null, 3] }]
    })
  })

  it('leaves no process behind when it closes in the middle of runs', async () => {
    const request = tensorRequest(folder, 'endless', endlessModel(), { x: floats([1], 1) })
    await pool.warm(request.manifest, request.files)
    const runs = [pool.execute(request), pool.execute(request), pool.execute(request)]
    const settled = Promise.allSettled(runs)
    const pids = pool.pids()
    await pool.close()
    for (const result of await settled) {
      equal(result.status, 'rejected')
      withCode('executor.closed')(result.status === 'rejected' ? result.reason : undefined)
    }
    deepEqual(pids.filter(isAlive), [])
    await rejects(pool.execute(request), withCode('executor.closed'))
  })

  it('ends with its parent, even in a run that never ends', async function () {
    // whether the child is gone is read from /proc, which only Linux has
    if (!existsSync('/proc/self/stat')) return this.skip()
    const request = tensorRequest(folder, 'endless', endlessModel(), {})
    const script = fileURLToPath(new URL('../support/endless-parent.ts', import.meta.url))
    const path = request.files['model.onnx'] ?? ''
    const parent = spawn(process.execPath, [script, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = await once(parent.stdout, 'data')
    const pid = Number(String(line).trim())
    ok(isAlive(pid))
    parent.kill('SIGKILL')
    await until(() => !isAlive(pid), 'the orphan to end')
  })
})
