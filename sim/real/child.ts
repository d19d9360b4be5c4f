/**
 * A process of its own for one run: puts virtual time and seeded chance in the place of its own, and
 * only then loads the product and libp2p. Told what to run by the first message, tells how far it is,
 * and at the end what it found; `stop` asks for the report so far.
 */

import { Chance } from '../kernel/chance.ts'
import type { RealOptions } from './options.ts'
import type { RealReport } from './report.ts'
import { VirtualClock } from './virtual-clock.ts'
import { installVirtualGlobals } from './virtual-globals.ts'

/** What this process says. */
export type ChildSays =
  | { readonly type: 'ready' }
  | { readonly type: 'progress'; readonly virtual_ms: number; readonly events: number }
  | { readonly type: 'report'; readonly report: RealReport }
  | { readonly type: 'failed'; readonly reason: string }

/** What it is told. */
export type ChildHears =
  | { readonly type: 'run'; readonly options: RealOptions }
  | { readonly type: 'stop' }

const say = (words: ChildSays, then: () => void = () => {}): void => {
  process.send?.(words, then)
}

function fail(error: unknown): void {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
  say({ type: 'failed', reason }, () => process.exit(1))
}
process.on('uncaughtException', fail)
process.on('unhandledRejection', fail)
// whoever started this process is gone
process.on('disconnect', () => process.exit(1))

const clock = new VirtualClock()

async function run(options: RealOptions): Promise<void> {
  installVirtualGlobals(clock, new Chance(options.seed, 'globals'))
  const { runScenario } = await import('./run.ts')
  const report = await runScenario(options, {
    clock,
    onProgress: (progress) => say({ type: 'progress', ...progress })
  })
  say({ type: 'report', report }, () => process.exit(0))
}

process.on('message', (words: ChildHears) => {
  if (words.type === 'stop') clock.stop()
  else run(words.options).catch(fail)
})
say({ type: 'ready' })
