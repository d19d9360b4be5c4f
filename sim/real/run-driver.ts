/**
 * Starts a run of the real fidelity in a process of its own, whose clock and chance are virtual, so
 * that this one stays as it is. Ends the process with the run, however it ends.
 */
import { fork } from 'node:child_process'
import type { ChildHears, ChildSays } from './child.ts'
import { checkRealOptions, type RealOptions } from './options.ts'
import type { RealProgress, RealReport } from './report.ts'

export interface RealPorts {
  readonly onProgress?: (progress: RealProgress) => void
  /** Ends the run early: the report is then of what was done. */
  readonly signal?: AbortSignal
}

/** Throws `sim.setting_invalid`; rejects with our own mistake where a driver makes one. */
export async function runReal(options: RealOptions, ports: RealPorts = {}): Promise<RealReport> {
  checkRealOptions(options)
  const child = fork(new URL('./child.ts', import.meta.url), [], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    serialization: 'advanced'
  })
  const tell = (words: ChildHears): void => {
    if (child.connected) child.send(words)
  }
  const stop = (): void => tell({ type: 'stop' })
  ports.signal?.addEventListener('abort', stop)
  try {
    return await new Promise((resolve, reject) => {
      child.on('message', (words: ChildSays) => {
        switch (words.type) {
          case 'ready':
            tell({ type: 'run', options })
            if (ports.signal?.aborted === true) stop()
            return
          case 'progress':
            ports.onProgress?.({ virtual_ms: words.virtual_ms, events: words.events })
            return
          case 'report':
            resolve(words.report)
            return
          case 'failed':
            reject(new Error(`seed ${options.seed}: ${words.reason}`))
        }
      })
      child.once('error', reject)
      child.once('exit', (code, signal) =>
        reject(new Error(`seed ${options.seed}: the run ended with ${signal ?? code}`))
      )
    })
  } finally {
    ports.signal?.removeEventListener('abort', stop)
    child.kill('SIGKILL')
  }
}
