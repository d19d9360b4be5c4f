/** A parent for one test: starts a run that never ends, prints the child's pid, waits to be killed. */
import { readFileSync } from 'node:fs'
import { ExecutorPool } from '#mesh-node/exec'
import { floats, LIMITS, tensorManifest, valueInputs } from './models.ts'

const path = process.argv[2] ?? ''
const pool = new ExecutorPool({ slots: 1 })
const manifest = tensorManifest('endless', readFileSync(path))
const files = { 'model.onnx': path }
await pool.warm(manifest, files)
const run = pool.execute({
  manifest,
  files,
  inputs: valueInputs({ x: floats([1], 1) }),
  limits: { ...LIMITS, run_ms: 60_000 }
})
/** The child must be inside the native run, where it cannot hear that its parent is gone. */
const [pid] = pool.pids()
const cpuTicks = (): number =>
  Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[11])
const before = cpuTicks()
while (cpuTicks() < before + 20) await new Promise((resolve) => setTimeout(resolve, 10))
process.stdout.write(`${pid}\n`)
await run
