/**
 * A thread inside each executor child. A native run blocks the child's main thread, so only another
 * thread can see that the parent is gone or that memory runs out; it then ends the whole process.
 */
import { writeSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { MEMORY_MARK } from './protocol.ts'

/** Fast enough that a run filling memory at 3 GB/s overshoots by less than 100 MB. */
const WATCH_EVERY_MS = 25
/** Between runs only the parent can go; then nothing is lost by a moment more. */
const IDLE_EVERY_MS = 250

const parentPid: unknown = workerData
let memoryBytesMax = Number.POSITIVE_INFINITY
let timer = setTimeout(watch, IDLE_EVERY_MS)

parentPort?.on('message', (bytesMax: unknown) => {
  if (typeof bytesMax !== 'number') return
  memoryBytesMax = bytesMax
  clearTimeout(timer)
  timer = setTimeout(watch, everyMs())
})

const everyMs = (): number =>
  memoryBytesMax === Number.POSITIVE_INFINITY ? IDLE_EVERY_MS : WATCH_EVERY_MS

function watch(): void {
  if (process.ppid !== parentPid) process.kill(process.pid, 'SIGKILL')
  if (memoryBytesMax !== Number.POSITIVE_INFINITY) lookAtMemory()
  timer = setTimeout(watch, everyMs())
}

function lookAtMemory(): void {
  const bytes = process.memoryUsage.rss()
  if (bytes <= memoryBytesMax) return
  writeSync(2, `${MEMORY_MARK} ${bytes}\n`)
  process.kill(process.pid, 'SIGKILL')
}
