/**
 * The page of the tab tests: the node of the donate page, driven by a test with plain data, and what
 * a browser notes of its long tasks. Draws nothing.
 */

import type { UnitId } from '#contracts'
import { openDonateTab } from '../../../browser-node/tab/main.ts'
import type { DonateTab, HoldRule, TabLimits, TabView } from '../../../browser-node/tab-contract.ts'

class Bench {
  #tab: DonateTab | undefined
  readonly #longTasksMs: number[] = []

  constructor() {
    const observer = new PerformanceObserver((list) => {
      this.#longTasksMs.push(...list.getEntries().map(({ duration }) => Math.round(duration)))
    })
    observer.observe({ type: 'longtask' })
  }

  get #open(): DonateTab {
    if (this.#tab === undefined) throw new Error('open comes first')
    return this.#tab
  }

  async open(href: string): Promise<TabView> {
    this.#tab = await openDonateTab(href)
    return this.#tab.view()
  }

  view = (): TabView => this.#open.view()
  start = (): Promise<void> => this.#open.start()
  finish = (): void => this.#open.finishThenPause()
  override = (rule: HoldRule): void => this.#open.override(rule)
  setLimits = (change: Partial<TabLimits>): Promise<void> => this.#open.setLimits(change)
  receipt = async (unit: UnitId): Promise<number[]> => [...(await this.#open.receipt(unit))]
  close = (): Promise<void> => this.#open.close()

  /** Milliseconds from the command until no unit runs. */
  async pause(): Promise<number> {
    const begun = performance.now()
    await this.#open.pause()
    while (this.#open.view().current.length > 0) await new Promise((wake) => setTimeout(wake, 5))
    return performance.now() - begun
  }

  /** Since this was last asked. */
  longTasksMs = (): number[] => this.#longTasksMs.splice(0)
}

Object.assign(globalThis, { bench: new Bench() })
