/**
 * Tells whoever draws a tab that it changed: a first change at once, those that follow it together and
 * a few times a second. Drawing a page costs its thread more than all the rest of a unit does.
 */
import type { AgentClock } from '#mesh-node/portable'
import type { TabView } from '../tab-contract.ts'

/** Figures that change more often than this nobody reads. */
const TELL_MS = 200

type Listener = (view: TabView) => void

export class Teller {
  readonly #clock: AgentClock
  readonly #view: () => TabView
  readonly #listeners = new Set<Listener>()
  #toldMs = Number.NEGATIVE_INFINITY
  #cancel: (() => void) | null = null
  #isEnded = false

  constructor(clock: AgentClock, view: () => TabView) {
    this.#clock = clock
    this.#view = view
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  changed(): void {
    if (this.#cancel !== null || this.#listeners.size === 0 || this.#isEnded) return
    const atMs = Math.max(this.#clock.nowMs(), this.#toldMs + TELL_MS)
    this.#cancel = this.#clock.setTimer(atMs, () => this.#tell())
  }

  /** What the owner just did shows at once. */
  hurry(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#toldMs = Number.NEGATIVE_INFINITY
    this.changed()
  }

  end(): void {
    this.#isEnded = true
    this.#cancel?.()
  }

  #tell(): void {
    this.#cancel = null
    this.#toldMs = this.#clock.nowMs()
    const view = this.#view()
    for (const listener of this.#listeners) listener(view)
  }
}
