/**
 * js-simulator, fetched when it is asked for: a discrete-event simulator of npm, with the flood of
 * `sim-flood.ts` on its scheduler. Events of one moment come in an order that it draws by itself, so that
 * its trace is another in each run; only how fast it is can be compared.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FloodKernel } from '../sim-flood.ts'
import { installRival } from './install.ts'

/** Pinned like a dependency: figures of two versions are not one table. */
const PACKAGE = 'js-simulator@1.0.17'

interface TimedEvent {
  time: number
  readonly rank: number
  update(): void
}

interface Scheduler {
  current_time: number
  scheduleOnceIn(event: TimedEvent, after: number): void
  hasEvents(): boolean
  update(): void
}

interface Jssim {
  readonly Scheduler: new () => Scheduler
}

/** The rival's kernel, or why there is none. */
export async function jsSimulator(): Promise<FloodKernel | { readonly missing: string }> {
  const prefix = mkdtempSync(join(tmpdir(), 'bench-js-simulator-'))
  try {
    const missing = installRival(prefix, [PACKAGE])
    if (missing !== null) return { missing }
    const path = createRequire(join(prefix, 'package.json')).resolve('js-simulator')
    const loaded: { default: Jssim } = await import(pathToFileURL(path).href)
    return kernelOf(loaded.default)
  } finally {
    rmSync(prefix, { recursive: true, force: true })
  }
}

const kernelOf =
  (jssim: Jssim): FloodKernel =>
  (arrived) => {
    const scheduler = new jssim.Scheduler()
    class Arrival implements TimedEvent {
      time = 0
      readonly rank = 1
      readonly host: number
      readonly copy: number

      constructor(host: number, copy: number) {
        this.host = host
        this.copy = copy
      }

      update(): void {
        arrived(this.time, this.host, this.copy)
      }
    }
    return {
      enter: (afterUs, host, copy) => scheduler.scheduleOnceIn(new Arrival(host, copy), afterUs),
      run: () => {
        while (scheduler.hasEvents()) scheduler.update()
      }
    }
  }
