/**
 * A `DonateTab` that does what a test tells it: it shows the views it is given and writes down the
 * commands it gets. It joins nothing and earns nothing, and no product code can reach it.
 */
import type { DonateTab, TabLimits, TabView } from '../../../browser-node/tab-contract.ts'

export class ScriptedTab implements DonateTab {
  #view: TabView
  readonly #listeners = new Set<(view: TabView) => void>()
  /** Every command with its argument, oldest first. */
  readonly commands: string[] = []
  /** What the next command fails with; empty for none. */
  failsWith = ''

  constructor(view: TabView) {
    this.#view = view
  }

  view(): TabView {
    return this.#view
  }

  show(change: Partial<TabView>): void {
    this.#view = { ...this.#view, ...change }
    for (const listener of this.#listeners) listener(this.#view)
  }

  subscribe(listener: (view: TabView) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async start(): Promise<void> {
    this.#note('start')
    this.show({ phase: 'working' })
  }

  async pause(): Promise<void> {
    this.#note('pause')
    this.show({ phase: 'paused', current: [] })
  }

  finishThenPause(): void {
    this.#note('finishThenPause')
    this.show({ phase: 'finishing' })
  }

  override(rule: string): void {
    this.#note(`override ${rule}`)
    this.show({ holds: this.#view.holds.filter((hold) => hold.rule !== rule) })
  }

  async setLimits(change: Partial<TabLimits>): Promise<void> {
    this.#note(`setLimits ${JSON.stringify(change)}`)
    this.show({ limits: { ...this.#view.limits, ...change } })
  }

  async receipt(unit: string): Promise<Uint8Array> {
    this.#note(`receipt ${unit}`)
    return new TextEncoder().encode(`receipt of ${unit}`)
  }

  async close(): Promise<void> {
    this.#note('close')
  }

  #note(command: string): void {
    this.commands.push(command)
    const fault = this.failsWith
    this.failsWith = ''
    if (fault !== '') throw new Error(fault)
  }
}
