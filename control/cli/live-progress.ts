/**
 * Progress of a session on a terminal: one line that is drawn again while people watch, and a plain
 * line now and then where nobody does. Writes to the error stream only, so results stay clean.
 */
import type { Io } from '#mesh-node/cli'
import type { SessionProgress } from '../session/progress.ts'

const BAR_CELLS = 20
/** A log line that nobody watches live, at most this often. */
const QUIET_MS = 2_000

export class LiveProgress {
  readonly #io: Io
  readonly #nowMs: () => number
  #shown = false
  #lastMs = Number.NEGATIVE_INFINITY
  #lastLine = ''
  /** The newest line that came too soon after another. */
  #held: NodeJS.Timeout | null = null

  constructor(io: Io, nowMs: () => number) {
    this.#io = io
    this.#nowMs = nowMs
  }

  update(progress: SessionProgress): void {
    const line = progressLine(progress)
    if (line === this.#lastLine) return
    if (this.#io.live) {
      this.#lastLine = line
      process.stderr.write(`\r\x1b[K${line.slice(0, this.#io.columns - 1)}`)
      this.#shown = true
    } else this.#say(line)
  }

  #say(line: string): void {
    if (this.#held !== null) clearTimeout(this.#held)
    this.#held = null
    const waitMs = QUIET_MS - (this.#nowMs() - this.#lastMs)
    if (waitMs > 0) {
      this.#held = setTimeout(() => this.#say(line), waitMs)
      return
    }
    this.#lastLine = line
    this.#lastMs = this.#nowMs()
    this.#io.err(line)
  }

  /** Leaves the terminal on a fresh line. */
  end(): void {
    if (this.#held !== null) clearTimeout(this.#held)
    this.#held = null
    if (this.#shown) process.stderr.write('\r\x1b[K')
    this.#shown = false
  }
}

export function progressLine(progress: SessionProgress): string {
  const { unitsDone, unitsFailed, unitsRunning, unitsWaiting } = progress
  const known = unitsDone + unitsFailed + unitsRunning + unitsWaiting
  const share = known === 0 ? 0 : (unitsDone + unitsFailed) / known
  const full = Math.round(share * BAR_CELLS)
  const bar = '#'.repeat(full) + '-'.repeat(BAR_CELLS - full)
  const failed = unitsFailed === 0 ? '' : `, ${unitsFailed} failed`
  const spent = `${progress.spentMicro}/${progress.budgetMicro} micro`
  return (
    `[${bar}] ${unitsDone}/${known} units, ${unitsRunning} running, ${unitsWaiting} waiting${failed}` +
    ` | ${progress.nodes} ${progress.nodes === 1 ? 'node' : 'nodes'} | ${spent} | ${progress.task}`
  )
}
