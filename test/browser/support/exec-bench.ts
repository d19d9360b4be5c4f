/**
 * Drives the executor page from a test: one suite with its browser, models and bundle, and a fresh
 * page for each test, which must end without an error on its console.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { type Backend, decodeValue, hexToBytes, isValueMap, type ValueMap } from '#contracts'
import type { Conformance } from '#mesh-node/exec'
import { bundleEntry, type EntryBundle } from './bundle-entry.ts'
import type { OpenOrder, RunOrder, RunReport } from './exec-entry.ts'
import { ExecModels } from './exec-models.ts'
import { type Suite, useBrowser } from './use-browser.ts'

type Limits = OpenOrder['limits']

const LIMITS: Limits = { cpu: true, gpu: false, memoryMb: 2_048, threads: 1 }

export interface EngineStatus {
  readonly backends: readonly Backend[]
  readonly accelerators: readonly string[]
  readonly status: readonly {
    readonly provider: string
    readonly state: string
    readonly detail: string
  }[]
  readonly stats: { readonly children: number; readonly running: number }
}

interface BenchSettings {
  /** With a WebGPU adapter. */
  readonly gpu?: boolean
  /** Errors that tests bring about on purpose. */
  readonly expected?: RegExp
  /** All tests share a page, and what it remembers of golden runs. */
  readonly onePage?: boolean
}

export class ExecBench {
  readonly #suite: () => Suite
  #models: ExecModels | undefined
  #bundle: EntryBundle | undefined
  #page: Page | undefined

  /** Call it in a `describe`. */
  constructor({ gpu = false, expected, onePage = false }: BenchSettings = {}) {
    this.#suite = useBrowser({
      folders: async () => {
        this.#models = new ExecModels()
        this.#bundle = await bundleEntry('test/browser/support/exec-entry.ts')
        return [this.#bundle.dir, this.#models.dir]
      },
      gpu,
      ...(expected === undefined ? {} : { expected })
    })
    beforeEach(async () => {
      if (onePage && this.#page !== undefined) return
      const { browser, server } = this.#suite()
      this.#page = await browser.open(server.url)
    })
    afterEach(async () => {
      if (!onePage) await this.#page?.close()
      deepEqual(this.#suite().browser.faults(), [])
    })
    after(() => {
      this.#bundle?.remove()
      this.#models?.remove()
    })
  }

  get suite(): Suite {
    return this.#suite()
  }

  get page(): Page {
    ok(this.#page !== undefined, 'a test has begun')
    return this.#page
  }

  get models(): ExecModels {
    ok(this.#models !== undefined, 'the suite has begun')
    return this.#models
  }

  async call<Result>(method: string, ...args: readonly unknown[]): Promise<Result> {
    const result: unknown = await this.page.evaluate(
      ([name, given]) => Reflect.get(globalThis, 'bench')[String(name)](...given),
      [method, args] as const
    )
    return result as Result
  }

  open(limits: Partial<Limits> = {}, rest: Omit<OpenOrder, 'limits'> = {}): Promise<EngineStatus> {
    return this.call('open', { limits: { ...LIMITS, ...limits }, ...rest })
  }

  status(): Promise<EngineStatus> {
    return this.call('status')
  }

  setLimits(change: Partial<Limits>): Promise<EngineStatus> {
    return this.call('setLimits', change)
  }

  conform(model: string): Promise<Conformance> {
    return this.call('conform', model)
  }

  /** Takes a model without golden vectors for conforming on WASM. */
  trust(model: string): Promise<void> {
    return this.call('trust', model)
  }

  run(model: string, more: Partial<RunOrder> = {}): Promise<RunReport> {
    return this.call('run', { model, inputs: `/inputs/${model}`, ...more })
  }

  /** The next run after any failure works. */
  async expectWorking(): Promise<void> {
    await this.trust('double')
    outputsOf(await this.run('double'))
  }
}

export function outputsOf({ outputs, code, facts }: RunReport): ValueMap {
  equal(code, null, JSON.stringify(facts))
  const value = decodeValue(hexToBytes(outputs))
  ok(isValueMap(value))
  return value
}

/** Waits on a condition, with a deadline instead of a fixed sleep. */
export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + 30_000
  while (!(await condition())) {
    ok(Date.now() < deadlineMs, `waited too long for: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
